/**
 * The runs of a study carried out on this machine, several at a time, each in a process of its own.
 *
 * A process that is killed leaves a folder that can be resumed; one that fails leaves a sentence, and the study goes on
 * without it. Processes end with the one that started them.
 */
import type { EpochMetrics } from '../../train/index.js';
import { forgetFailure, recordFailure } from './failures.js';
import { converse } from './process.js';
import { findRun, type StudyRun } from './study.js';

export type StudyEvent = { run: StudyRun } & (
  | { kind: 'epoch'; metrics: EpochMetrics }
  | { kind: 'finished' }
  | { kind: 'failed'; sentence: string }
  | { kind: 'kept' }
  | { kind: 'started'; resume: boolean }
);

/** Has runs carried out, of which some may be there already; ends when each has come to an end, or the signal has stopped it. */
export interface ExecutionOptions {
  /** Stops all runs after their current step. */
  signal: AbortSignal;
  onEvent: (event: StudyEvent) => void;
}

export interface JobOptions extends ExecutionOptions {
  /** The module that a process runs; see {@link converse}. */
  worker: string;
  /** Runs at a time. */
  jobs: number;
  /** Of each run. */
  threads: number;
}

/** A run that is to be carried out, from the beginning or from where it was left. */
export interface OpenRun {
  run: StudyRun;
  resume: boolean;
}

/**
 * What is not finished yet, in the order given; those that are, are told.
 * @throws UserError when a folder holds another run.
 */
export async function openRuns(
  runs: readonly StudyRun[],
  onEvent: ExecutionOptions['onEvent'],
): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  for (const run of runs) {
    const found = await findRun(run);
    if (found === 'finished') onEvent({ run, kind: 'kept' });
    else open.push({ run, resume: found === 'begun' });
  }
  return open;
}

/**
 * Carries out what is not there yet, in the order given.
 * @throws UserError, before anything is begun, when a folder holds another run.
 */
export async function carryOut(runs: readonly StudyRun[], options: JobOptions): Promise<void> {
  const { jobs, signal, onEvent } = options;
  const open = await openRuns(runs, onEvent);
  const work = async () => {
    for (let next = open.shift(); next && !signal.aborted; next = open.shift())
      await carryOutRun(next, options);
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

async function carryOutRun({ run, resume }: OpenRun, options: JobOptions): Promise<void> {
  const { worker, signal, threads, onEvent } = options;
  await forgetFailure(run);
  onEvent({ run, kind: 'started', resume });
  const onEpoch = (metrics: EpochMetrics) => onEvent({ run, kind: 'epoch', metrics });
  const order = { recipe: run.recipe, path: run.path, resume, threads };
  const word = await converse(order, { worker, signal, onEpoch });
  if (signal.aborted && word.kind !== 'finished') return;
  if (word.kind === 'failed') await recordFailure(run, word.sentence);
  onEvent({ run, ...(word.kind === 'taken' ? { ...word, kind: 'failed' } : word) });
}
