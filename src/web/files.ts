/**
 * The files that the library reads and writes in a page, by absolute paths as on a disk. They are in memory; whoever wants them kept
 * listens to what changes (keep.ts). What was dropped on the page stays a Blob until it is read.
 */

/** Of a file. */
export type Content = Uint8Array<ArrayBuffer> | Blob;

/** A file, or without content a folder. */
export interface Entry {
  content?: Content;
  /** Milliseconds since 1970. */
  time: number;
}

/** Is told of a change; `entry` is absent where a file or folder is gone. */
export type Listener = (path: string, entry?: Entry) => void;

const entries = new Map<string, Entry>();
const listeners = new Set<Listener>();

for (const folder of ['/', '/tmp', '/home']) entries.set(folder, { time: 0 });

/** Without '.', '..' and doubled or trailing strokes. */
export function normalized(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/'))
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  return `/${parts.join('/')}`;
}

export const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

/** What is there; undefined where nothing is. */
export const entryAt = (path: string): Entry | undefined => entries.get(normalized(path));

/** An error as the file system of Node has them, which the library understands. */
export const fault = (code: string, path: string): Error & { code: string } =>
  Object.assign(new Error(`${code}: ${path}`), { code });

/** The entry. @throws ENOENT where there is none. */
export function entryOf(path: string): Entry {
  return entryAt(path) ?? raise('ENOENT', path);
}

export function raise(code: string, path: string): never {
  throw fault(code, path);
}

export const isFolder = ({ content }: Entry): boolean => content === undefined;

/** Puts a file or a folder there. @throws ENOENT where the folder above it is missing, EISDIR where a folder would be lost. */
export function place(path: string, content?: Content, time = Date.now()): void {
  const at = normalized(path);
  const above = entryOf(parentOf(at));
  if (!isFolder(above)) raise('ENOTDIR', at);
  const before = entries.get(at);
  if (before && isFolder(before) !== (content === undefined))
    raise(isFolder(before) ? 'EISDIR' : 'EEXIST', at);
  change(at, { content, time });
}

/** Makes a folder and those above it. */
export function placeFolders(path: string): void {
  const at = normalized(path);
  const found = entries.get(at);
  if (found) return void (isFolder(found) || raise('ENOTDIR', at));
  placeFolders(parentOf(at));
  change(at, { time: Date.now() });
}

/** Takes a file away, or a folder with all that is in it. */
export function removeAll(path: string): void {
  const at = normalized(path);
  for (const inner of [...below(at)]) change(inner);
  if (entries.has(at)) change(at);
}

/** Paths of all that is below a folder. */
export function* below(folder: string): Generator<string> {
  const start = folder === '/' ? '/' : `${normalized(folder)}/`;
  for (const path of entries.keys()) if (path.startsWith(start) && path !== start) yield path;
}

/** Names of what is in a folder, sorted. */
export function namesIn(folder: string): string[] {
  const at = normalized(folder);
  if (!isFolder(entryOf(at))) raise('ENOTDIR', at);
  return [...below(at)]
    .filter((path) => parentOf(path) === at)
    .map((path) => path.slice(path.lastIndexOf('/') + 1))
    .sort();
}

/** Takes a file or a folder to another place; a file that is there is replaced. */
export function move(from: string, to: string): void {
  const [old, now] = [normalized(from), normalized(to)];
  const moved = entryOf(old);
  if (!isFolder(entryOf(parentOf(now)))) raise('ENOTDIR', now);
  const before = entries.get(now);
  if (before && (isFolder(before) ? !isFolder(moved) || namesIn(now).length > 0 : isFolder(moved)))
    raise(isFolder(before) ? 'EISDIR' : 'ENOTDIR', now);
  const inner = [...below(old)].map((path) => [path, entries.get(path)!] as const);
  change(now, moved);
  for (const [path, entry] of inner) change(now + path.slice(old.length), entry);
  removeAll(old);
}

/** The bytes of a file. */
export async function bytesAt(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const { content } = entryOf(path);
  if (content === undefined) return raise('EISDIR', path);
  return content instanceof Blob ? new Uint8Array(await content.arrayBuffer()) : content;
}

export const sizeOf = ({ content }: Entry): number =>
  content === undefined ? 0 : content instanceof Blob ? content.size : content.length;

/** Calls back for every change from now on. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(path: string, entry?: Entry): void {
  if (entry) entries.set(path, entry);
  else entries.delete(path);
  for (const listener of listeners) listener(path, entry);
}
