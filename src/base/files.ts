/** Files that are whole or not there: written beside their place, flushed, then renamed into it. */
import { existsSync, statSync } from 'node:fs';
import { appendFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail, UserError } from './errors.js';
import { askKeepers, keepersOf, tellKeepers } from './keepers.js';

/**
 * Writes `data` to `path` atomically: a kill at any moment leaves the old file or the new one, never a part (and perhaps
 * `path.partial`, which the next write replaces). In a folder that this process has a claim to, nothing is written when the claim is lost.
 */
export async function writeAtomically(path: string, data: Uint8Array | string): Promise<void> {
  const marks = keepersOf(path).flatMap(({ mark }) => (mark ? [`-${mark}`] : []));
  const partial = `${path}.partial${marks[0] ?? ''}`;
  await askKeepers(path);
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await askKeepers(path);
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    if (error instanceof UserError) throw error;
    return fail(
      `Cannot write ${path}: ${reason(error)}; check that ${dirname(path)} exists, is writable and has room.`,
    );
  }
  tellKeepers(path);
}

/** Puts a whole file in the place of another, where this process may. @throws the file system's own error. */
export async function moveTo(path: string, whole: string): Promise<void> {
  await askKeepers(path);
  await rename(whole, path);
  tellKeepers(path);
}

/** Adds to the end of a file, where this process may. @throws the file system's own error. */
export async function appendTo(path: string, data: Uint8Array | string): Promise<void> {
  await askKeepers(path);
  await appendFile(path, data);
  tellKeepers(path);
}

/**
 * Makes a folder and those above it that are missing, one by one: Node's own way of making several never ends where the
 * system says ENOENT to the first of them, as /proc does.
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const above = dirname(path);
    if (code === 'ENOENT' && above !== path && !existsSync(above)) {
      await makeFolder(above);
      await mkdir(path);
    } else if (code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

/** The plain words of a file-system error. */
export function reason(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code;
  const words: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EISDIR: 'it is a folder',
    ENOTDIR: 'a part of the path is not a folder',
    ENOSPC: 'the disk is full',
    EROFS: 'the disk is read-only',
    EEXIST: 'it exists already',
  };
  return (code && words[code]) ?? (error as Error).message;
}
