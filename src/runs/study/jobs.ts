/**
 * The runs of a study carried out on this machine, several at a time, each in a process of its own.
 *
 * A process that is killed leaves a folder that can be resumed; one that fails leaves a sentence, and the study goes on
 * without it. Processes end with the one that started them.
 */
import type { EngineName } from '../../engine/index.js';
import type { EpochMetrics } from '../../train/index.js';
import { forgetFailure, recordFailure } from './failures.js';
import { converse } from './process.js';
import type { StoredPlace } from './storage/types.js';
import { epochsOf, findRun, type StudyRun } from './study.js';

export type StudyEvent = { run: StudyRun } & (
  | { kind: 'epoch'; metrics: EpochMetrics }
  | { kind: 'finished' }
  | { kind: 'paused' }
  | { kind: 'failed'; sentence: string }
  | { kind: 'kept' }
  | { kind: 'started'; resume: boolean }
);

/** Has runs carried out, of which some may be there already; ends when each has come to an end, or the signal has stopped it. */
export interface ExecutionOptions {
  /** Runs are carried out to the end of this epoch, and go on from there later; default: to their end. */
  until?: number;
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
  engine?: EngineName;
  /** Where runs are kept besides; default nowhere. */
  storage?: (run: StudyRun) => StoredPlace;
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
  { onEvent, until }: Pick<ExecutionOptions, 'onEvent' | 'until'>,
): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  for (const run of runs) {
    const found = await findRun(run);
    const isThere = found === 'finished' || (found === 'begun' && (await hasComeTo(run, until)));
    if (isThere) onEvent({ run, kind: 'kept' });
    else open.push({ run, resume: found === 'begun' });
  }
  return open;
}

/** Whether a run that is not finished has come to the epoch that is asked for. */
export const hasComeTo = async (run: Pick<StudyRun, 'path'>, until: number | undefined): Promise<boolean> =>
  until !== undefined && (await epochsOf(run)) >= until;

/**
 * Carries out what is not there yet, in the order given.
 * @throws UserError, before anything is begun, when a folder holds another run.
 */
export async function carryOut(runs: readonly StudyRun[], options: JobOptions): Promise<void> {
  const { jobs, signal } = options;
  const open = await openRuns(runs, options);
  const work = async () => {
    for (let next = open.shift(); next && !signal.aborted; next = open.shift())
      await carryOutRun(next, options);
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

async function carryOutRun({ run, resume }: OpenRun, options: JobOptions): Promise<void> {
  const { worker, signal, threads, engine, until, storage, onEvent } = options;
  await forgetFailure(run);
  onEvent({ run, kind: 'started', resume });
  const onEpoch = (metrics: EpochMetrics) => onEvent({ run, kind: 'epoch', metrics });
  const order = {
    recipe: run.recipe,
    path: run.path,
    resume,
    threads,
    engine,
    until,
    storage: storage?.(run),
  };
  const word = await converse(order, { worker, signal, onEpoch });
  if (signal.aborted && word.kind !== 'finished' && word.kind !== 'paused') return;
  if (word.kind === 'failed') await recordFailure(run, word.sentence);
  onEvent({ run, ...(word.kind === 'taken' ? { ...word, kind: 'failed' } : word) });
}
