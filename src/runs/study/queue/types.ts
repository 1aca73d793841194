/** Runs on a queue: what the study puts there, and what workers and studies say to each other. */
import type { EpochMetrics } from '../../../train/index.js';
import type { Recipe } from '../../recipe.js';

/** A run as it waits on a queue. */
export interface QueuedRun {
  /** Absolute folder of the study, where it was put there. */
  study: string;
  /** Folder of the run within, with '/' between names. */
  run: string;
  /** As a run's folder keeps it: paths of the project are relative to that folder. */
  recipe: Recipe;
  /** Of espalier. */
  version: string;
  /** See the order of a process. */
  until?: number;
  /** Where the run is kept, `s3://BUCKET/PREFIX`; default in a folder that all machines share. */
  storage?: string;
}

/** How a worker has left a run. */
export type Outcome = { kind: 'finished' } | { kind: 'paused' } | { kind: 'failed'; sentence: string };

/** Nothing can be done with the run now: it is to be given out again, after so many milliseconds. */
export interface Later {
  kind: 'later';
  after: number;
}

export type QueueEvent = { id: string } & (
  | { kind: 'started' }
  | { kind: 'epoch'; metrics: EpochMetrics }
  | Outcome
);

/** Carries out a run that a queue gave out. */
export type Hand = (run: QueuedRun, tell: (metrics: EpochMetrics) => void) => Promise<Outcome | Later>;

/**
 * A server with runs that wait, each at most once. It gives every run to one worker at a time, and to another when a worker is not heard of
 * any more. What it forgets, because it was killed, is put there again by the study.
 */
export interface RunQueue {
  /** Without those that wait or are at work already; `first` before those that wait. */
  add(runs: readonly { id: string; run: QueuedRun }[], how?: { first: boolean }): Promise<void>;
  /** How many wait or are at work. */
  count(): Promise<number>;
  listen(listener: (event: QueueEvent) => void): Promise<void>;
  /** Carries out runs, several at a time, until the signal says stop and each of them has been left. */
  work(hand: Hand, options: { jobs: number; signal: AbortSignal }): Promise<void>;
  close(): Promise<void>;
}
