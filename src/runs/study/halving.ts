/**
 * Successive halving (Jamieson and Talwalkar 2016; Hyperband's inner loop): all settings are trained for some epochs, those that do best on the
 * validation samples go on, and so forth. What goes on is the same run from its checkpoint, so that those that finish are the very runs of a study without
 * halving, and the schedule of their learning rate is that of the whole run.
 *
 * A round waits for all runs of the one before (asha.ts does not): what is stopped then follows from the figures alone, not from which machine was faster,
 * and the folders tell it again when the study goes on.
 */
import { fail } from '../../base/index.js';
import type { Metric } from '../../objectives/index.js';
import { isStructured } from '../recipe.js';
import { carryOutAsha, stoppedByAsha } from './asha.js';
import { failureOf } from './failures.js';
import type { StudyTask } from './jobs.js';
import { meanOf } from './statistics.js';
import { type Stopped, validationAt } from './stopping.js';
import { type Cell, nameOfCell, type Study, type StudyRun } from './study.js';

/** @throws UserError where runs have nothing to be chosen by, or no epochs to be stopped after. */
export function refuseHalving({ halving }: Study, runs: readonly StudyRun[]): void {
  if (!halving) return;
  const last = halving.after[halving.after.length - 1];
  for (const { recipe, cell } of runs) {
    const where = `The study stops settings early, but ${nameOfCell(cell)}`;
    if (!recipe.validation)
      fail(
        `${where} has no validation samples to choose by; give it validation: 0.1 (test samples are never used to choose).`,
      );
    if (isStructured(recipe))
      fail(`${where} removes channels in several stages, which cannot be stopped early.`);
    if (recipe.epochs <= last) fail(`${where} has ${recipe.epochs} epochs, which is not more than ${last}.`);
  }
}

/** What a part of a study is carried out by. */
export interface Carrying {
  /** The end of this epoch is where runs stop for now; default their own end. */
  until?: number;
  /** What there is to do besides, whenever a run has come to an end; it is taken before what still waits. */
  more?: (done: StudyRun) => Promise<StudyTask[]>;
}

/**
 * Carries out a study whose settings are stopped early, round by round or asynchronously; any other as it is.
 * @param carryOut carries out runs to the end of an epoch, or whole.
 */
export async function carryOutHalving(
  study: Study,
  runs: readonly StudyRun[],
  carryOut: (tasks: readonly StudyTask[], how: Carrying) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (study.halving?.asynchronous)
    return carryOutAsha(study, runs, (tasks, more) => carryOut(tasks, { more }));
  let alive = runs;
  for (const epoch of study.halving?.after ?? []) {
    await carryOut(tasksFor(alive, epoch), { until: epoch });
    if (signal.aborted) return;
    alive = (await judge(study, alive, epoch)).alive;
  }
  await carryOut(tasksFor(alive), {});
}

const tasksFor = (runs: readonly StudyRun[], until?: number): StudyTask[] =>
  runs.map((run) => ({ run, until }));

/** What has been stopped so far, as the folders tell: a round that is not over has stopped nothing. */
export async function stoppedIn(study: Study, runs: readonly StudyRun[]): Promise<Stopped[]> {
  if (study.halving?.asynchronous) return stoppedByAsha(study, runs);
  const stopped: Stopped[] = [];
  let alive = runs;
  for (const epoch of study.halving?.after ?? []) {
    const judged = await judge(study, alive, epoch);
    if (!judged.isOver) break;
    stopped.push(...judged.stopped);
    alive = judged.alive;
  }
  return stopped;
}

interface Judged {
  /** Every run has come so far, or has failed. */
  isOver: boolean;
  alive: StudyRun[];
  stopped: Stopped[];
}

async function judge({ halving }: Study, runs: readonly StudyRun[], epoch: number): Promise<Judged> {
  const cells = new Map<string, { cell: Cell; runs: StudyRun[]; values: number[] }>();
  let isOver = true;
  let better: Metric['better'] = 'higher';
  for (const run of runs) {
    const name = nameOfCell(run.cell);
    const known = cells.get(name) ?? { cell: run.cell, runs: [], values: [] };
    cells.set(name, known);
    const found = await validationAt(run, epoch);
    if (!found) {
      isOver &&= (await failureOf(run)) !== undefined;
      continue;
    }
    better = found.better;
    known.runs.push(run);
    known.values.push(found.value);
  }
  const sign = better === 'higher' ? -1 : 1;
  const ranked = [...cells.values()]
    .filter(({ values }) => values.length > 0)
    .map((one) => ({ ...one, value: meanOf(one.values) }))
    // Of equals those go on that the study names first.
    .sort((a, b) => sign * (a.value - b.value));
  const kept = Math.max(1, Math.round(ranked.length * halving!.keep));
  return {
    isOver,
    alive: runs.filter((run) => ranked.slice(0, kept).some((one) => one.runs.includes(run))),
    stopped: ranked.slice(kept).map(({ cell, value }) => ({ cell, value, epoch })),
  };
}
