/** Files that are whole or not there: written beside their place, flushed, then renamed into it. */
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fail } from './errors.js';

/**
 * Writes `data` to `path` atomically: a kill at any moment leaves the old file or the new one, never a part (and perhaps
 * `path.partial`, which the next write replaces).
 */
export async function writeAtomically(path: string, data: Uint8Array | string): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const file = await open(partial, 'w');
    try {
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    fail(
      `Cannot write ${path}: ${reason(error)}; check that ${dirname(path)} exists, is writable and has room.`,
    );
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
