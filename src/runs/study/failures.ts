/** Runs that could not be carried out: the sentence lies beside the run's folder, for the next look at the study. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeAtomically } from '../../base/index.js';
import type { StudyRun } from './study.js';

type At = Pick<StudyRun, 'path'>;

const fileOf = ({ path }: At): string => `${path}.failed.txt`;

/** Why a run failed when it was last tried; undefined when it did not. */
export const failureOf = (run: At): Promise<string | undefined> =>
  readFile(fileOf(run), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );

export async function recordFailure(run: At, sentence: string): Promise<void> {
  await mkdir(dirname(run.path), { recursive: true });
  await writeAtomically(fileOf(run), `${sentence}\n`);
}

export const forgetFailure = (run: At): Promise<void> => rm(fileOf(run), { force: true });
