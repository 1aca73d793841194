/** A worker: takes runs from a queue, one after the other or several at a time, until it is stopped. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { fail, makeFolder, reason, UserError, version } from '../../../base/index.js';
import type { EngineName } from '../../../engine/index.js';
import { takenFrom } from '../../paths.js';
import { recordFailure } from '../failures.js';
import { hasComeTo } from '../jobs.js';
import { converse } from '../process.js';
import { provenStores } from '../storage/index.js';
import { findRun } from '../study.js';
import type { Later, Outcome, QueuedRun, RunQueue } from './types.js';

export interface WorkOptions {
  queue: RunQueue;
  /** The module that carries out a run; see {@link converse}. */
  worker: string;
  /** Runs at a time. */
  jobs: number;
  /** Of each run. */
  threads: number;
  engine?: EngineName;
  /** The folder that holds the folders of studies here, where they are elsewhere than where they were put on the queue. */
  dir?: string;
  /** Milliseconds after which a run is tried again that another worker is at work on, or that there is no folder for here; default 3,000. */
  rhythm?: number;
  /** Puts runs back that are at work, and ends the worker. */
  signal: AbortSignal;
  /** A sentence for whoever watches. */
  onNote: (sentence: string) => void;
}

/** Carries out runs until the signal says stop. */
export async function work({ queue, ...options }: WorkOptions): Promise<void> {
  const reach = provenStores();
  const { jobs, signal } = options;
  const told = new Set<string>();
  const onNote = (sentence: string) => {
    if (!told.has(sentence)) options.onNote(sentence);
    told.add(sentence);
  };
  await queue.work((run, tell) => carryOut(run, tell, { ...options, onNote, reach }), { jobs, signal });
}

/** Carries out one run of a list, and nothing else: a task of an array job. @throws UserError where it fails, or another process is at work on it. */
export async function workOnTask(
  run: QueuedRun,
  options: Pick<WorkOptions, 'worker' | 'threads' | 'engine' | 'dir' | 'signal' | 'onNote'>,
): Promise<void> {
  const outcome = await carryOut(run, () => {}, { ...options, jobs: 1, reach: provenStores() });
  if (outcome.kind === 'failed') fail(outcome.sentence);
  if (outcome.kind === 'later' && !options.signal.aborted)
    fail(
      `${run.run} cannot be carried out here now: another process is at work on it, or its folder is not here.`,
    );
}

const later = (after: number): Later => ({ kind: 'later', after });

interface Reach {
  /** @throws UserError where a store cannot be used from here. */
  reach: (url: string) => Promise<unknown>;
}

/** Why nothing can be done here for a study in this folder, as a sentence; undefined where it can. */
async function obstacleTo(
  folder: string,
  storage: string | undefined,
  reach: Reach['reach'],
): Promise<string | undefined> {
  const elsewhere = `on ${hostname()}: give the place of the studies here with --dir.`;
  if (storage === undefined)
    return existsSync(folder) ? undefined : `There is no folder ${folder} ${elsewhere}`;
  try {
    await makeFolder(folder);
    await reach(storage);
    return undefined;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    return `The folder ${folder} cannot be made (${reason(error)}) ${elsewhere}`;
  }
}

async function carryOut(
  { study, run: name, recipe: kept, version: others, until, storage: url }: QueuedRun,
  tell: Parameters<Parameters<RunQueue['work']>[0]>[1],
  { worker, threads, engine, dir, rhythm = 3000, signal, onNote, reach }: Omit<WorkOptions, 'queue'> & Reach,
): Promise<Outcome | Later> {
  if (signal.aborted) return later(0);
  const folder = dir === undefined ? study : join(dir, basename(study));
  const obstacle = await obstacleTo(folder, url, reach);
  if (obstacle) {
    onNote(obstacle);
    return later(rhythm);
  }
  const path = join(folder, ...name.split('/'));
  const failed = async (sentence: string): Promise<Outcome> => {
    onNote(`${name} failed: ${sentence}`);
    await recordFailure({ path }, sentence);
    return { kind: 'failed', sentence };
  };
  if (others !== version)
    return failed(`It was put on the queue by espalier ${others}, and this worker is espalier ${version}.`);
  try {
    const recipe = await takenFrom(path, kept);
    const found = await findRun({
      path,
      recipe,
      cell: { at: { run: name }, settings: {} },
      seed: recipe.seed,
    });
    if (found === 'finished' && url === undefined) return { kind: 'finished' };
    onNote(`${name} ${found === 'begun' ? 'goes on' : 'begins'}.`);
    if (found === 'begun' && url === undefined && (await hasComeTo({ path }, until)))
      return { kind: 'paused' };
    const storage = url === undefined ? undefined : { url, study: basename(study), run: name };
    const order = { recipe, path, resume: found === 'begun', threads, engine, until, storage };
    const word = await converse(order, { worker, signal, onEpoch: tell });
    if (word.kind === 'taken') return later(rhythm);
    if (word.kind === 'failed') return signal.aborted ? later(0) : await failed(word.sentence);
    onNote(word.kind === 'paused' ? `${name} has come to epoch ${until}.` : `${name} is finished.`);
    return word;
  } catch (error) {
    if (error instanceof UserError) return failed(error.message);
    throw error;
  }
}
