/** A run in a process of its own, which ends with the one that started it. */
import { type ChildProcess, fork } from 'node:child_process';
import type { EngineName } from '../../engine/index.js';
import type { EpochMetrics } from '../../train/index.js';
import type { Recipe } from '../recipe.js';
import type { StoredPlace } from './storage/types.js';

/** What a process is told. */
export interface Order {
  recipe: Recipe;
  path: string;
  /** Go on with what is there. Of a run in a store, what the store has says it instead. */
  resume: boolean;
  threads: number;
  /** Default that which the run was started with, else the one that machines have here. */
  engine?: EngineName;
  /** Stop after this epoch, which the run goes on from later; default: to its end. */
  until?: number;
  /** Where the folder is kept besides; default nowhere. */
  storage?: StoredPlace;
}

/** What a process tells. */
export type ProcessMessage =
  | { kind: 'epoch'; metrics: EpochMetrics }
  | { kind: 'finished' }
  /** The epoch that it was to come to. */
  | { kind: 'paused' }
  | { kind: 'failed'; sentence: string }
  /** Another process is at work on the run, or has taken it over. */
  | { kind: 'taken'; sentence: string };

export type LastWord = Exclude<ProcessMessage, { kind: 'epoch' }>;

export interface ProcessOptions {
  /** The module that a process runs: it is sent an {@link Order} and answers with {@link ProcessMessage}s. */
  worker: string;
  /** Stops the run after its current step. */
  signal: AbortSignal;
  onEpoch: (metrics: EpochMetrics) => void;
}

/** Has a process carry out an order; what it said last. */
export function converse(order: Order, { worker, signal, onEpoch }: ProcessOptions): Promise<LastWord> {
  const child = fork(worker, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  return new Promise((resolve) => {
    let last: LastWord | undefined;
    const complaint = tailOf(child);
    child.on('message', (word: ProcessMessage) => {
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
