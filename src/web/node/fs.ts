/** What the library uses of node:fs, over the files of the page. */

import { entryAt, entryOf, isFolder, place, placeFolders, raise, removeAll, sizeOf } from '../files.js';
import { totalmem } from './os.js';

export const existsSync = (path: string): boolean => entryAt(path) !== undefined;

export function statSync(path: string) {
  const entry = entryOf(path);
  return { isDirectory: () => isFolder(entry), size: sizeOf(entry), mtimeMs: entry.time };
}

/** Of what the library has written itself. What was dropped on the page can only be waited for. */
export function readFileSync(path: string): Uint8Array {
  const { content } = entryOf(path);
  return content instanceof Uint8Array ? content : raise('EISDIR', path);
}

/** There are no links. */
export const readlinkSync = (path: string): never => raise('ENOENT', path);

export const mkdirSync = (path: string, _: { recursive: true }): void => placeFolders(path);
export const rmSync = (path: string): void => removeAll(path);

/** Files that are open for writing and reading at any place, by their numbers. Like those of a disk they outlive their names. */
const open = new Map<number, Uint8Array<ArrayBuffer>>();
let last = 2;

/** Only for new files. */
export function openSync(path: string, _: 'wx+'): number {
  if (entryAt(path)) raise('EEXIST', path);
  place(path, new Uint8Array());
  open.set(++last, new Uint8Array());
  return last;
}

export function writeSync(
  file: number,
  from: Uint8Array,
  offset: number,
  length: number,
  at: number,
): number {
  let bytes = open.get(file)!;
  if (at + length > bytes.length) {
    const larger = new Uint8Array(Math.max(at + length, 2 * bytes.length));
    larger.set(bytes);
    bytes = larger;
    open.set(file, bytes);
  }
  bytes.set(from.subarray(offset, offset + length), at);
  return length;
}

export function readSync(file: number, into: Uint8Array, offset: number, length: number, at: number): number {
  const part = open.get(file)!.subarray(at, at + length);
  into.set(part, offset);
  return part.length;
}

export const closeSync = (file: number): void => void open.delete(file);

/** Files are in memory, so that is what is free. */
export const statfsSync = (_path: string): { bavail: number; bsize: number } => ({
  bavail: totalmem() / 2,
  bsize: 1,
});
