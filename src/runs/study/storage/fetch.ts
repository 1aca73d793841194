/** A run's folder as the store has it. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../../base/index.js';
import { filesOf, sha256 } from './mirror.js';
import {
  fileKey,
  type Manifest,
  manifestIn,
  manifestKey,
  type Store,
  type StoredFile,
  type StoredPlace,
} from './types.js';

/** These are put in place last: with them a folder says that it is a run's, and that it is finished. */
const LAST = ['recipe.json', 'summary.json'];

/** The manifest of a run; undefined where the store knows nothing of it. */
export async function readManifest(store: Store, place: StoredPlace): Promise<Manifest | undefined> {
  const found = await store.read(manifestKey(place));
  return found && manifestIn(found);
}

/**
 * Makes the folder at `path` what the manifest says, with nothing else in it; a folder of which the store has nothing is left as it is. A manifest that has
 * become another in the meantime is read again.
 */
export async function fetchRun(
  store: Store,
  place: StoredPlace,
  path: string,
  manifest: Manifest,
): Promise<void> {
  for (let current: Manifest | undefined = manifest; current; current = await readManifest(store, place))
    if (Object.keys(current.files).length === 0 || (await fetched(store, place, path, current))) return;
}

/** False where a file is not there any more. */
async function fetched(
  store: Store,
  place: StoredPlace,
  path: string,
  { files }: Manifest,
): Promise<boolean> {
  const here = await filesOf(path);
  const news: string[] = [];
  for (const [name, file] of Object.entries(files)) {
    const to = placeIn(path, name);
    if (here.get(name)?.size === file.size && sha256(await readFile(to)) === file.sha256) continue;
    const bytes = await read(store, place, name, file);
    if (!bytes) return false;
    await mkdir(dirname(to), { recursive: true });
    await writeFile(partialOf(to), bytes);
    news.push(name);
  }
  for (const name of here.keys()) if (!Object.hasOwn(files, name)) await rm(join(path, name));
  for (const name of news.sort((a, b) => LAST.indexOf(a) - LAST.indexOf(b)))
    await rename(partialOf(placeIn(path, name)), placeIn(path, name));
  return true;
}

const partialOf = (path: string): string => `${path}.partial-fetched`;

/** @throws UserError for a name that leads out of the folder. */
const placeIn = (path: string, name: string): string =>
  name.split('/').some((part) => ['', '.', '..'].includes(part)) || /[\\:]/.test(name)
    ? fail(
        `The storage names a file ${JSON.stringify(name)}, which would not lie in the run's folder ${path}.`,
      )
    : join(path, name);

async function read(
  store: Store,
  place: StoredPlace,
  name: string,
  file: StoredFile,
): Promise<Uint8Array | undefined> {
  const found = await store.read(fileKey(place, name, file), file.size);
  if (found && sha256(found.bytes) !== file.sha256)
    fail(`${name} of ${place.run} is damaged in the storage ${place.url}.`);
  return found?.bytes;
}
