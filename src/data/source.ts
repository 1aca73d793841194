/**
 * Where the files of a data set are found: a folder, or the tar archive it was published as.
 *
 * A file may be there as it is or gzipped; the caller gets the plain bytes and the path to name in a complaint.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { fail, inGigabytes, latin1, MOST_UNPACKED, reason } from '../base/index.js';

export interface Found {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Gives the first of the named files that is there. */
export type Source = (names: readonly string[]) => Promise<Found | undefined>;

const unzip = promisify(zlib.gunzip);

/** What is at `path`, if anything. */
export async function kindOf(path: string): Promise<'file' | 'folder' | undefined> {
  const stats = await stat(path).catch(() => undefined);
  return stats && (stats.isDirectory() ? 'folder' : 'file');
}

/** The folder that holds downloaded data sets, by the XDG convention. */
export function cacheDirectory(name: string): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'espalier', name);
}

/** `~/x` as a path; a shell leaves it alone in `cifar10:~/x`. */
export function expandHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}

/** Reads a whole file. @throws UserError when it cannot. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const buffer = await readFile(path).catch((error) =>
    fail(`Cannot read ${path}: ${reason(error)}; check the path and its permissions.`),
  );
  return plain(buffer);
}

/** A buffer's bytes without its class: loops over them, and views of them, are faster. */
const plain = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** Unpacks gzip. @throws UserError when it is damaged, or unpacks to more than is read. */
export async function gunzip(bytes: Uint8Array, path: string, most = MOST_UNPACKED): Promise<Uint8Array> {
  const buffer = await unzip(bytes, { maxOutputLength: most }).catch((error) => {
    if (error.code === 'ERR_BUFFER_TOO_LARGE')
      fail(
        `${path} unpacks to more than ${inGigabytes(most)}, which no data set here does; download it again.`,
      );
    return fail(`Cannot unpack ${path}: its gzip data are damaged (${error.message}); download it again.`);
  });
  return plain(buffer);
}

/** The files of a folder or of one of the subfolders it is usually unpacked with. */
export function folderSource(folder: string, subfolders: readonly string[] = []): Source {
  return async (names) => {
    for (const path of [folder, ...subfolders.map((sub) => join(folder, sub))].flatMap((at) =>
      names.map((name) => join(at, name)),
    )) {
      if ((await kindOf(path)) === 'file') return { path, bytes: await readBytes(path) };
      const packed = `${path}.gz`;
      if ((await kindOf(packed)) === 'file') {
        return { path: packed, bytes: await gunzip(await readBytes(packed), packed) };
      }
      if ((await kindOf(`${path}.xz`)) === 'file') {
        fail(
          `${path}.xz is packed with xz, which is not read here; unpack it first with: xz -dk '${path}.xz'`,
        );
      }
    }
    return undefined;
  };
}

/** The files of a .tar, .tar.gz or .tgz archive, by their names without folders. */
export async function archiveSource(path: string): Promise<Source> {
  const packed = await readBytes(path);
  const files = untar(/\.t?gz$/.test(path) ? await gunzip(packed, path) : packed, path);
  return async (names) => {
    const name = names.find((candidate) => files.has(candidate));
    return name === undefined ? undefined : { path: `${path} (${name})`, bytes: files.get(name)! };
  };
}

/**
 * The regular files of a tar archive (POSIX ustar): blocks of 512 bytes, a header with the name at 0, the size in octal
 * digits at 124 and the type at 156, then the contents.
 */
function untar(bytes: Uint8Array, path: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = (from: number, to: number) => latin1(bytes.subarray(from, to)).split('\0')[0];
  for (let at = 0; at + 512 <= bytes.length && bytes[at] !== 0; ) {
    const size =
      text(at + 257, at + 262) === 'ustar' ? Number.parseInt(text(at + 124, at + 136), 8) : Number.NaN;
    const begin = at + 512;
    if (!(size >= 0 && begin + size <= bytes.length)) {
      fail(
        `${path} is not a whole tar archive (it breaks off or is damaged at byte ${at}); download it again.`,
      );
    }
    if (text(at + 156, at + 157) === '0' || bytes[at + 156] === 0) {
      files.set(basename(text(at, at + 100)), bytes.subarray(begin, begin + size));
    }
    at = begin + Math.ceil(size / 512) * 512;
  }
  return files;
}
