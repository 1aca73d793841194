/**
 * Who is asked before, and told after, a file is written in a folder: whoever has a claim to the folder, so that nothing is written when it
 * is lost, and whoever copies what is written to another place.
 */
import { dirname, resolve } from 'node:path';

export interface Keeper {
  /** Goes into the names of files that are not whole yet, so that no two processes write to the same one. */
  mark?: string;
  /** Throws where this process must not write there any more. */
  beforeWrite?(): Promise<void>;
  /** With the absolute path of a file that is whole. */
  afterWrite?(path: string): void;
}

const keepers = new Map<string, Set<Keeper>>();

/** Has a folder, and those in it, kept; the answer ends it. */
export function keep(folder: string, keeper: Keeper): () => void {
  const path = resolve(folder);
  const others = keepers.get(path) ?? new Set();
  keepers.set(path, others.add(keeper));
  return () => {
    others.delete(keeper);
    if (others.size === 0 && keepers.get(path) === others) keepers.delete(path);
  };
}

/** All keepers of the folder that a file lies in, and of those above it, the nearest first. */
export function keepersOf(file: string): Keeper[] {
  const found: Keeper[] = [];
  if (keepers.size === 0) return found;
  let folder = resolve(file);
  for (let above = dirname(folder); above !== folder; above = dirname(folder)) {
    folder = above;
    found.push(...(keepers.get(folder) ?? []));
  }
  return found;
}

/** Throws where this process must not write the file. */
export async function askKeepers(file: string): Promise<void> {
  for (const { beforeWrite } of keepersOf(file)) await beforeWrite?.();
}

/** Says that a file is whole. */
export function tellKeepers(file: string): void {
  for (const { afterWrite } of keepersOf(file)) afterWrite?.(resolve(file));
}
