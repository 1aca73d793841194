/** Carries out the runs of a study, here or by workers. */
import { fail } from '../../base/index.js';
import type { MachineChoice } from '../../engine/index.js';
import {
  carryOut,
  carryOutHalving,
  type ExecutionOptions,
  isServer,
  openQueue,
  type StudyRun,
  type StudyTask,
  shownAddress,
  storedPlace,
  submitRuns,
} from '../../runs/index.js';
import { studyRun } from '../commands/study-run-path.js';
import type { Face } from '../face.js';
import { costOf, costText, leftOf } from './cost.js';
import { SLURM } from './job.js';
import { watched } from './progress.js';
import type { Undertaking } from './undertaking.js';

/** Carries out the runs here or by workers, in rounds where the study stops settings early. */
export async function perform(undertaking: Undertaking, face: Face): Promise<void> {
  const { study, runs, out, jobs, threads, engine, queue: url, storage, refresh } = undertaking;
  const { signal } = face;
  const rounds = (carryOut: (tasks: readonly StudyTask[], how: ExecutionOptions) => Promise<void>) =>
    carryOutHalving(
      study,
      runs,
      (tasks, { until, more }) => {
        if (until !== undefined) face.note(`${tasks.length} runs to the end of epoch ${until}:`);
        return watched(tasks, { jobs: url === undefined ? jobs : 1, more, carryOut }, face);
      },
      signal,
    );
  if (!face.quiet && (await leftOf(runs)).length > 1)
    face.note(costText(await costOf(undertaking, face), undertaking));
  const place = storage === undefined ? undefined : (run: StudyRun) => storedPlace(storage, out, run);
  const here = { worker: studyRun, jobs, threads, engine, storage: place };
  if (url === undefined) return rounds((some, how) => carryOut(some, { ...how, ...here }));
  const queue = await openQueue(url);
  face.note(
    `The runs are queued on ${shownAddress(url)}; start a worker on each machine with: espalier worker ${shownAddress(url)}`,
  );
  return rounds((some, how) => submitRuns(some, { ...how, queue, study: out, storage, refresh })).finally(
    queue.close,
  );
}

/** @throws UserError for what is no queue, and for settings that are given to its workers. */
export function refuseForWorkers(
  queue: string,
  { jobs, threads, engine }: { jobs?: number } & MachineChoice,
): void {
  if (queue === SLURM) return;
  if (!isServer(queue))
    fail(`${queue} is not the address of a queue: give redis://…, postgres://… or slurm.`);
  if (jobs !== undefined || threads !== undefined)
    fail(
      'With --queue, each worker decides how much it does at a time: give --jobs and --threads to espalier worker.',
    );
  if (engine !== undefined)
    fail('With --queue the workers say what computes: give --engine to espalier worker.');
}
