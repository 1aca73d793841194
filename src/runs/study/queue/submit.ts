/**
 * A study whose runs are carried out by workers, on any number of machines: its runs are put on a queue and watched.
 *
 * What has been carried out is told by the folders, not by the queue: its events only say where to look. A queue that has forgotten
 * runs gets them again.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { isClaimed, version } from '../../../base/index.js';
import { runFolder } from '../../folder.js';
import { keptIn } from '../../paths.js';
import { failureOf, forgetFailure, recordFailure } from '../failures.js';
import { type ExecutionOptions, hasComeTo, openRuns } from '../jobs.js';
import type { StudyRun } from '../study.js';
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
export async function submitRuns(runs: readonly StudyRun[], options: SubmitOptions): Promise<void> {
  const { queue, study, until, signal, onEvent, storage, refresh, rhythm = 3000 } = options;
  const begun = await openRuns(runs, options);
  const resumed = new Map(begun.map(({ run, resume }) => [run, resume]));
  const open = new Map(begun.map(({ run }) => [idOf(study, run, until), run]));
  for (const run of open.values()) await forgetFailure(run);
  const news = new AbortController();
  let wake = () => {};
  const started = new Set<StudyRun>();
  await queue.listen((event) => {
    const run = open.get(event.id);
    if (!run) return;
    if (event.kind === 'epoch') return onEvent({ run, kind: 'epoch', metrics: event.metrics });
    if (event.kind === 'started') {
      if (!started.has(run)) onEvent({ run, kind: 'started', resume: resumed.get(run)! });
      started.add(run);
    } else if (event.kind === 'failed') {
      // Its worker may have no way to this folder.
      recordFailure(run, event.sentence).then(wake, wake);
    } else wake();
  });
  const putBack = () =>
    queue.add([...open].map(([id, run]) => ({ id, run: queuedRun(study, run, { until, storage }) })));
  await putBack();
  let isShort = false;
  for (;;) {
    // A store that is away is asked again.
    await refresh?.().catch(() => {});
    for (const [id, run] of open) {
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
const idOf = (study: string, { path }: StudyRun, until = 0): string =>
  createHash('sha256')
    .update(`${resolve(study)}\n${inStudy(study, path)}\n${until}`)
    .digest('hex')
    .slice(0, 32);

const inStudy = (study: string, path: string): string =>
  relative(resolve(study), resolve(path)).split(sep).join('/');

/** A run as it waits. */
export const queuedRun = (
  study: string,
  { path, recipe }: StudyRun,
  { until, storage }: Pick<QueuedRun, 'until' | 'storage'> = {},
): QueuedRun => ({
  study: resolve(study),
  run: inStudy(study, path),
  recipe: keptIn(resolve(path), recipe),
  version,
  until,
  storage,
});
