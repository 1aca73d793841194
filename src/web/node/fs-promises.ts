/** What the library uses of node:fs/promises, over the files of the page. */
import {
  below,
  bytesAt,
  entryAt,
  entryOf,
  fault,
  isFolder,
  move,
  namesIn,
  normalized,
  place,
  placeFolders,
  raise,
  removeAll,
  sizeOf,
} from '../files.js';
import { settled } from '../keep.js';

type Data = Uint8Array | string;

const bytesOf = (data: Data): Uint8Array<ArrayBuffer> =>
  typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data);

export async function readFile(path: string, encoding?: string): Promise<Uint8Array | string> {
  const bytes = await bytesAt(path);
  return encoding ? new TextDecoder().decode(bytes) : bytes;
}

export async function writeFile(path: string, data: Data, { flag = 'w' } = {}): Promise<void> {
  if (flag === 'wx' && entryAt(path)) raise('EEXIST', path);
  place(path, bytesOf(data));
}

export async function appendFile(path: string, data: Data): Promise<void> {
  const before = entryAt(path) ? await bytesAt(path) : new Uint8Array();
  const added = bytesOf(data);
  const both = new Uint8Array(before.length + added.length);
  both.set(before);
  both.set(added, before.length);
  place(path, both);
}

export async function truncate(path: string, length = 0): Promise<void> {
  const bytes = new Uint8Array(length);
  bytes.set((await bytesAt(path)).subarray(0, length));
  place(path, bytes);
}

export async function mkdir(path: string, { recursive = false } = {}): Promise<void> {
  if (recursive) return placeFolders(path);
  if (entryAt(path)) raise('EEXIST', path);
  place(path);
}

export async function mkdtemp(prefix: string): Promise<string> {
  for (let number = 1; ; number++) {
    const path = `${prefix}${number}`;
    if (entryAt(path)) continue;
    place(path);
    return path;
  }
}

export async function readdir(path: string, { withFileTypes = false, recursive = false } = {}) {
  const start = normalized(path);
  if (recursive) {
    if (!isFolder(entryOf(path))) raise('ENOTDIR', path);
    return [...below(start)].map((inner) => inner.slice(start === '/' ? 1 : start.length + 1));
  }
  const names = namesIn(path);
  if (!withFileTypes) return names;
  return names.map((name) => ({ name, ...kindOf(`${start}/${name}`) }));
}

const kindOf = (path: string) => {
  const folder = isFolder(entryOf(path));
  return { isDirectory: () => folder, isFile: () => !folder, isSymbolicLink: () => false };
};

export async function rm(path: string, { recursive = false, force = false } = {}): Promise<void> {
  const entry = entryAt(path);
  if (!entry) return force ? undefined : raise('ENOENT', path);
  if (isFolder(entry) && !recursive) raise('EISDIR', path);
  removeAll(path);
}

export async function rmdir(path: string): Promise<void> {
  if (namesIn(path).length > 0) raise('ENOTEMPTY', path);
  removeAll(path);
}

export const rename = async (from: string, to: string): Promise<void> => move(from, to);

export async function stat(path: string) {
  const entry = entryOf(path);
  return { ...kindOf(path), size: sizeOf(entry), mtimeMs: entry.time };
}

export const access = async (path: string): Promise<void> => void entryOf(path);

export async function realpath(path: string): Promise<string> {
  entryOf(path);
  return normalized(path);
}

export async function link(from: string, to: string): Promise<void> {
  if (entryAt(to)) raise('EEXIST', to);
  place(to, entryOf(from).content);
}

/** A file opened for reading or, with 'w', for being written anew. */
export async function open(path: string, flags = 'r') {
  if (flags === 'w') place(path, new Uint8Array());
  const entry = entryOf(path);
  if (isFolder(entry)) throw fault('EISDIR', path);
  return {
    async read(into: Uint8Array, offset: number, length: number, position: number) {
      const { content } = entryOf(path);
      const part = content!.slice(position, position + length);
      const bytes = part instanceof Blob ? new Uint8Array(await part.arrayBuffer()) : part;
      into.set(bytes, offset);
      return { bytesRead: bytes.length };
    },
    stat: () => stat(path),
    writeFile: (data: Data) => writeFile(path, data),
    sync: settled,
    async close() {},
  };
}
