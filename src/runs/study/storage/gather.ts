/** The study's own folder, brought in step with a store in which workers keep its runs. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { Claimed } from '../../../base/index.js';
import { claimRun, runFolder } from '../../folder.js';
import { inStudy, type StudyRun } from '../study.js';
import { fetchRun, readManifest } from './fetch.js';
import { manifestKey, type Store, type StoredPlace } from './types.js';

/** Where a run is kept. @param study folder of the study. */
export const placeIn = (url: string, study: string, { path }: Pick<StudyRun, 'path'>): StoredPlace => ({
  url,
  study: basename(resolve(study)),
  run: inStudy(study, path),
});

/**
 * Fetches runs that nobody is at work on and that have changed since the last call: what is finished, has failed, or waits to go on.
 * @throws UserError when the store does not answer.
 */
export function gathering(store: Store, study: string, runs: readonly StudyRun[]): () => Promise<void> {
  const seen = new Map<string, string>();
  return async () => {
    const there = await store.list(`${basename(resolve(study))}/runs/`);
    for (const run of runs) {
      if (existsSync(runFolder(run.path).summary)) continue;
      const place = placeIn(store.address, study, run);
      const etag = there.get(manifestKey(place));
      if (etag === undefined || seen.get(place.run) === etag) continue;
      const manifest = await readManifest(store, place);
      if (manifest && !manifest.holder && !(await gathered())) continue;
      seen.set(place.run, etag);

      /** False where a process of this machine is at work in the folder. */
      async function gathered(): Promise<boolean> {
        await mkdir(run.path, { recursive: true });
        const free = await claimRun(runFolder(run.path), run.path).catch((error) => {
          if (error instanceof Claimed) return undefined;
          throw error;
        });
        await (free && fetchRun(store, place, run.path, manifest!).finally(free));
        return free !== undefined;
      }
    }
  };
}
