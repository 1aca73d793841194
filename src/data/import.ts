/** Brings a downloaded data set into the cache: verified, unpacked, whole or not at all. */
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, reason, writeAtomically } from '../base/index.js';
import { collect, isNamed, locate, NAMED } from './named.js';
import { cacheDirectory } from './source.js';

export interface Imported {
  readonly name: string;
  /** The folder it is in now. */
  readonly directory: string;
  readonly files: readonly string[];
  readonly bytes: number;
  /** Images. */
  readonly train: number;
  readonly test: number;
}

/**
 * Reads the data set `name` from `from` (a folder or an archive), checks all of it, and writes its plain files to `to` (the
 * cache when left out). What was there before is replaced in one step, at the end.
 *
 * @throws UserError when the data set is unknown, missing or damaged, or cannot be written.
 */
export async function importDataset(
  name: string,
  from: string,
  to = cacheDirectory(name),
): Promise<Imported> {
  if (!isNamed(name)) {
    fail(`There is no data set '${name}' to import; give one of ${Object.keys(NAMED).join(', ')}.`);
  }
  const files = await collect(name, await locate(name, from));
  const { train, test } = NAMED[name].parse(files);
  const staging = `${to}.partial-${process.pid}`;
  try {
    await mkdir(staging, { recursive: true }).catch((error) =>
      fail(`Cannot create ${staging}: ${reason(error)}; check that ${dirname(to)} is writable.`),
    );
    for (const file of files) await writeAtomically(join(staging, file.name), file.bytes);
    await replace(staging, to);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return {
    name,
    directory: to,
    files: files.map((file) => file.name),
    bytes: files.reduce((sum, file) => sum + file.bytes.length, 0),
    train: train.length,
    test: test.length,
  };
}

/** Moves `staging` to `to`; an old folder steps aside first and goes when the new one is in place. */
async function replace(staging: string, to: string): Promise<void> {
  const old = `${to}.old-${process.pid}`;
  const had = await rename(to, old).then(
    () => true,
    () => false,
  );
  await rename(staging, to).catch(async (error) => {
    if (had) await rename(old, to);
    fail(`Cannot put the data set in ${to}: ${reason(error)}; check that ${dirname(to)} is writable.`);
  });
  if (had) await rm(old, { recursive: true, force: true });
}
