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

/** A run, and how far it is to be carried out: to the end of this epoch, from where it goes on later, or to its own end. */
export interface StudyTask {
  run: StudyRun;
  until?: number;
}

/** Has runs carried out, of which some may be there already; ends when each has come to an end, or the signal has stopped it. */
export interface ExecutionOptions {
  /** What there is to do besides, whenever a run has come to an end; it is taken before what still waits. */
  more?: (done: StudyRun) => Promise<readonly StudyTask[]>;
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
export interface OpenRun extends StudyTask {
  resume: boolean;
}

/**
 * What is not finished yet, in the order given; those that are, are told.
 * @throws UserError when a folder holds another run.
 */
export async function openRuns(
  tasks: readonly StudyTask[],
  { onEvent }: Pick<ExecutionOptions, 'onEvent'>,
): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  for (const { run, until } of tasks) {
    const found = await findRun(run);
    const isThere = found === 'finished' || (found === 'begun' && (await hasComeTo(run, until)));
    if (isThere) onEvent({ run, kind: 'kept' });
    else open.push({ run, until, resume: found === 'begun' });
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
export async function carryOut(tasks: readonly StudyTask[], options: JobOptions): Promise<void> {
  const { jobs, signal, more } = options;
  const open = await openRuns(tasks, options);
  let atWork = 0;
  /** Begins as many as there is room for; ends with the last of those that follow from them. */
  const begin = async (): Promise<void> => {
    const begun: Promise<void>[] = [];
    while (atWork < jobs && open.length > 0 && !signal.aborted) {
      atWork++;
      begun.push(one(open.shift()!));
    }
    await Promise.all(begun);
  };
  const one = async (task: OpenRun): Promise<void> => {
    await carryOutRun(task, options);
    if (more && !signal.aborted) open.unshift(...(await openRuns(await more(task.run), options)));
    atWork--;
    await begin();
  };
  await begin();
}

async function carryOutRun({ run, until, resume }: OpenRun, options: JobOptions): Promise<void> {
  const { worker, signal, threads, engine, storage, onEvent } = options;
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
