/** Whether all runs of a study have seen the same samples. */
import { type DataDigest, difference } from '../../data/index.js';
import { readJson, runFolder } from '../folder.js';
import type { StudyRun } from './study.js';

/** A sentence that names two runs that were made with other samples of the same data; runs of earlier versions are not known to differ. */
export async function mixedData(runs: readonly StudyRun[]): Promise<string | undefined> {
  const first = new Map<string, { path: string; digest: DataDigest }>();
  for (const { path, recipe } of runs) {
    const digest = (await readJson(runFolder(path).data)) as DataDigest | undefined;
    if (!digest) continue;
    const { data, size, model } = recipe;
    // The model says in which form it takes them.
    const of = JSON.stringify([data, size, model]);
    const other = first.get(of);
    const different = other && difference(other.digest, digest);
    if (different)
      return `${other.path} and ${path} were made with other samples of ${data} (${different}), so they do not compare: run the study anew in another folder.`;
    if (!other) first.set(of, { path, digest });
  }
  return undefined;
}
