/**
 * A study whose runs are carried out by workers, on any number of machines: its runs are put on a queue and watched.
 *
 * What has been carried out is told by the folders, not by the queue: its events only say where to look. A queue that has forgotten
 * runs gets them again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isClaimed, version } from '../../../base/index.js';
import { runFolder } from '../../folder.js';
import { keptIn } from '../../paths.js';
import { failureOf, forgetFailure, recordFailure } from '../failures.js';
import { type ExecutionOptions, hasComeTo, type OpenRun, openRuns, type StudyTask } from '../jobs.js';
import { inStudy, type StudyRun } from '../study.js';
import type { QueuedRun, RunQueue } from './types.js';

export interface SubmitOptions extends ExecutionOptions {
  queue: RunQueue;
  /** Folder of the study. */
  study: string;
  /** Milliseconds after which all folders, and the queue's memory, are looked at again; default 3,000. */
  rhythm?: number;
  /** Where the runs are kept, `s3://BUCKET/PREFIX`; default in the folder of the study, which all machines share. */
  storage?: string;
  /** Brings the folder in step with the storage. */
  refresh?: () => Promise<void>;
}

/**
 * Has workers carry out what is not there yet; ends when every run has come to an end. When the signal stops it, the workers go on.
 * @throws UserError when a folder holds another run.
 */
export async function submitRuns(tasks: readonly StudyTask[], options: SubmitOptions): Promise<void> {
  const { queue, study, signal, onEvent, storage, refresh, more, rhythm = 3000 } = options;
  const open = new Map<string, OpenRun>();
  /** Makes them tasks of this study; gives those that are not there yet as they wait. */
  const take = async (tasks: readonly StudyTask[]) => {
    const taken = (await openRuns(tasks, options)).map((task) => ({ id: idOf(study, task), task }));
    for (const { id, task } of taken) {
      await forgetFailure(task.run);
      open.set(id, task);
    }
    return taken.map(({ id, task }) => ({ id, run: queuedRun(study, task, storage) }));
  };
  const news = new AbortController();
  let wake = () => {};
  const started = new Set<StudyRun>();
  await queue.listen((event) => {
    const task = open.get(event.id);
    if (!task) return;
    const { run, resume } = task;
    if (event.kind === 'epoch') return onEvent({ run, kind: 'epoch', metrics: event.metrics });
    if (event.kind === 'started') {
      if (!started.has(run)) onEvent({ run, kind: 'started', resume });
      started.add(run);
    } else if (event.kind === 'failed') {
      // Its worker may have no way to this folder.
      recordFailure(run, event.sentence).then(wake, wake);
    } else wake();
  });
  const putBack = () =>
    queue.add([...open].map(([id, task]) => ({ id, run: queuedRun(study, task, storage) })));
  await queue.add(await take(tasks));
  let isShort = false;
  for (;;) {
    // A store that is away is asked again.
    await refresh?.().catch(() => {});
    for (const [id, { run, until }] of open) {
      const failed = await failureOf(run);
      const isFinished = existsSync(runFolder(run.path).summary);
      if (
        !failed &&
        !isFinished &&
        !((await hasComeTo(run, until)) && !(await isClaimed(runFolder(run.path).lock)))
      )
        continue;
      open.delete(id);
      onEvent({
        run,
        ...(failed ? { kind: 'failed', sentence: failed } : { kind: isFinished ? 'finished' : 'paused' }),
      });
      // What is not put there now, because the server is away, is put there with all that it has forgotten.
      if (more) await queue.add(await take(await more(run)), { first: true }).catch(() => {});
    }
    if (open.size === 0 || signal.aborted) break;
    // A server that is away does not answer, or answers with an error, until it is back.
    const known = await Promise.race([
      queue.count().catch(() => undefined),
      wait(rhythm, undefined, { ref: false }),
    ]);
    const wasShort = isShort;
    isShort = known !== undefined && known < open.size;
    if (isShort && wasShort) await Promise.race([putBack().catch(() => {}), wait(rhythm)]);
    await new Promise<void>((go) => {
      wake = go;
      signal.addEventListener('abort', wake, { once: true });
      wait(rhythm, undefined, { signal: news.signal }).then(go, go);
    });
    signal.removeEventListener('abort', wake);
  }
  news.abort();
}

/** The same for the same run of the same study, so that it waits only once. */
const idOf = (study: string, { run: { path }, until = 0 }: StudyTask): string =>
  createHash('sha256')
    .update(`${resolve(study)}\n${inStudy(study, path)}\n${until}`)
    .digest('hex')
    .slice(0, 32);

/** A run as it waits. */
export const queuedRun = (
  study: string,
  { run: { path, recipe }, until }: StudyTask,
  storage?: string,
): QueuedRun => ({
  study: resolve(study),
  run: inStudy(study, path),
  recipe: keptIn(resolve(path), recipe),
  version,
  until,
  storage,
});
