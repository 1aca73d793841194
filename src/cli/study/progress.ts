/** How far the runs of a study are, on a terminal and elsewhere. */
import { duration } from '../../base/index.js';
import { figureText } from '../../report/index.js';
import {
  type ExecutionOptions,
  nameOfCell,
  type StudyEvent,
  type StudyRun,
  type StudyTask,
} from '../../runs/index.js';
import type { Face } from '../face.js';
import { openProgress, type Progress } from '../progress.js';

/** Runs with progress, so many of them at a time, and what there is to do besides when they have come to an end. */
export async function watched(
  tasks: readonly StudyTask[],
  { jobs, more, carryOut }: Carried,
  face: Face,
): Promise<void> {
  const progress = openProgress(face);
  const { signal } = face;
  let total = tasks.length;
  const counted = async (done: StudyRun) => {
    const besides = await more!(done);
    total += besides.length;
    return besides;
  };
  const onEvent = teller(() => total, jobs, progress);
  await carryOut(tasks, { signal, onEvent, more: more && counted }).finally(progress.stop);
}

interface Carried extends Pick<ExecutionOptions, 'more'> {
  jobs: number;
  carryOut: (tasks: readonly StudyTask[], how: ExecutionOptions) => Promise<void>;
}

/** Tells the events of a study, with what is left by the mean of the runs so far. */
function teller(all: () => number, jobs: number, progress: Progress): (event: StudyEvent) => void {
  const begun = new Map<StudyRun, number>();
  const last = new Map<StudyRun, string>();
  let [done, kept, spent, timed] = [0, 0, 0, 0];
  const left = () => (timed && done < all() ? ((all() - done) * spent) / timed / jobs : undefined);
  return (event) => {
    const { run } = event;
    const total = all();
    const name = `${nameOfCell(run.cell)} seed ${run.seed}`;
    if (event.kind === 'kept') {
      done++;
      kept++;
    } else if (event.kind === 'started') {
      if (begun.size === 0 && kept > 0) progress.line(`${kept} of ${total} runs are there already.`);
      begun.set(run, performance.now());
      if (event.resume) progress.line(`${name} goes on.`);
    } else if (event.kind === 'epoch') {
      const { epoch, test, validation } = event.metrics;
      last.set(run, figureText(test ?? validation ?? event.metrics));
      progress.update(done, total, `${name} · epoch ${epoch} · ${last.get(run)}`, left());
    } else {
      done++;
      if (event.kind === 'finished' || event.kind === 'paused') {
        timed++;
        spent += (performance.now() - begun.get(run)!) / 1000;
      }
      const outcome = event.kind === 'failed' ? `failed: ${event.sentence}` : (last.get(run) ?? 'finished');
      const seconds = left();
      const rest = seconds === undefined ? '' : ` · about ${duration(seconds)} left`;
      progress.line(`${done}/${total} ${name} · ${outcome}${rest}`);
    }
  };
}
