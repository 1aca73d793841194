/**
 * The runs of a study carried out, several at a time, each in a process of its own.
 *
 * A process that is killed leaves a folder that can be resumed; one that fails leaves a sentence, and the study goes on
 * without it. Processes end with the one that started them.
 */
import { type ChildProcess, fork } from 'node:child_process';
import type { EpochMetrics } from '../../train/index.js';
import type { Recipe } from '../recipe.js';
import { forgetFailure, recordFailure } from './failures.js';
import { findRun, type StudyRun } from './study.js';

/** What a process is told. */
export interface Order {
  recipe: Recipe;
  path: string;
  /** Go on with what is there. */
  resume: boolean;
  threads: number;
}

/** What a process tells. */
export type Word =
  | { kind: 'epoch'; metrics: EpochMetrics }
  | { kind: 'finished' }
  | { kind: 'failed'; sentence: string };

export type StudyEvent = { run: StudyRun } & (Word | { kind: 'kept' } | { kind: 'started'; resume: boolean });

export interface JobOptions {
  /** The module that a process runs: it is sent an {@link Order} and answers with {@link Word}s. */
  worker: string;
  /** Runs at a time. */
  jobs: number;
  /** Of each run. */
  threads: number;
  /** Stops all runs after their current step. */
  signal: AbortSignal;
  onEvent: (event: StudyEvent) => void;
}

/**
 * Carries out what is not there yet, in the order given.
 * @throws UserError, before anything is begun, when a folder holds another run.
 */
export async function carryOut(runs: readonly StudyRun[], options: JobOptions): Promise<void> {
  const { jobs, signal, onEvent } = options;
  const open: { run: StudyRun; resume: boolean }[] = [];
  for (const run of runs) {
    const found = await findRun(run);
    if (found === 'finished') onEvent({ run, kind: 'kept' });
    else open.push({ run, resume: found === 'begun' });
  }
  const work = async () => {
    for (let next = open.shift(); next && !signal.aborted; next = open.shift())
      await carryOutRun(next.run, next.resume, options);
  };
  await Promise.all(Array.from({ length: jobs }, work));
}

async function carryOutRun(run: StudyRun, resume: boolean, options: JobOptions): Promise<void> {
  const { signal, onEvent } = options;
  await forgetFailure(run);
  onEvent({ run, kind: 'started', resume });
  const word = await converse(
    { recipe: run.recipe, path: run.path, resume, threads: options.threads },
    options,
    (metrics) => onEvent({ run, kind: 'epoch', metrics }),
  );
  if (signal.aborted && word.kind === 'failed') return;
  if (word.kind === 'failed') await recordFailure(run, word.sentence);
  onEvent({ run, ...word });
}

type LastWord = Exclude<Word, { kind: 'epoch' }>;

/** Has a process carry out an order; what it said last. */
function converse(
  order: Order,
  { worker, signal }: JobOptions,
  onEpoch: (metrics: EpochMetrics) => void,
): Promise<LastWord> {
  const child = fork(worker, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  return new Promise((resolve) => {
    let last: LastWord | undefined;
    const complaint = tailOf(child);
    child.on('message', (word: Word) => {
      if (word.kind === 'epoch') onEpoch(word.metrics);
      else last = word;
    });
    child.on('error', ({ message }) => {
      last = { kind: 'failed', sentence: `The process could not be started: ${message}.` };
    });
    child.on('close', (status, killer) => {
      signal.removeEventListener('abort', stop);
      const how = killer ? `was ended by ${killer}` : `ended with status ${status}`;
      const sentence = `The process of the run ${how}${complaint() && `: ${complaint()}`}.`;
      resolve(last ?? { kind: 'failed', sentence });
    });
    child.send(order, () => {}); // one that is gone already says so by 'close'
  });
}

/** The last line that a process wrote on standard error. */
function tailOf(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (more) => {
    text = `${text}${more}`.slice(-2000);
  });
  return () => text.trim().split('\n').at(-1)?.replace(/\.$/, '') ?? '';
}
