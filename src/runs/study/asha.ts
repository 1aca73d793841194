/**
 * Asynchronous successive halving (ASHA; Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning"): a setting goes on as soon as it is among the
 * best of those that have come as far, without waiting for the others. No machine stands idle while the slowest run of a round ends.
 *
 * Which settings go on depends then on which runs were faster: some go on that would not have, had everybody been waited for. The runs
 * themselves are the same to the bit; and once every setting has come to the first epoch at which some are stopped, all those have gone on that go on in rounds. What has
 * gone on is told by the folders, so that a study that was interrupted takes it as it was.
 */
import { failureOf, forgetFailure } from './failures.js';
import type { StudyTask } from './jobs.js';
import { meanOf } from './statistics.js';
import { type Stopped, validationAt } from './stopping.js';
import { type Cell, epochsOf, nameOfCell, type Study, type StudyRun } from './study.js';

/** How far a setting has come, and may. */
export interface Standing {
  /** At each rung, the lower the better; undefined before it has come there. */
  values: readonly (number | undefined)[];
  /** The last rung that it may come to; the number of rungs for one that may come to its end. */
  allowed: number;
  /** It will come to no further rung, because its runs have failed. */
  isLost: boolean;
}

export interface Decision {
  /** Which settings may go on from which rung. */
  promoted: { index: number; rung: number }[];
  /** Those that will not, because nobody can come any more whose figures could change it. */
  stopped: { index: number; rung: number }[];
}

/**
 * Of those that have come to a rung the best `keep` go on, rounded down while others may still come, and in the end as halving by rounds does it. Of equals those go on
 * that the study names first.
 */
export function decide(standings: readonly Standing[], keep: number): Decision {
  const allowed = standings.map((one) => one.allowed);
  const decision: Decision = { promoted: [], stopped: [] };
  const rungs = standings[0]?.values.length ?? 0;
  let isOver = true;
  for (let rung = 0; rung < rungs; rung++) {
    const here = standings.flatMap(({ values }, index) => {
      const value = values[rung];
      return value === undefined ? [] : [{ index, value }];
    });
    isOver &&= standings.every(
      ({ values, isLost }, i) => values[rung] !== undefined || isLost || allowed[i] < rung,
    );
    const kept = isOver ? Math.max(1, Math.round(here.length * keep)) : Math.floor(here.length * keep);
    here.sort((a, b) => a.value - b.value || a.index - b.index);
    for (const [place, { index }] of here.entries()) {
      if (allowed[index] > rung) continue;
      if (place < kept) {
        allowed[index] = rung + 1;
        decision.promoted.push({ index, rung });
      } else if (isOver) decision.stopped.push({ index, rung });
    }
  }
  return decision;
}

/** A setting with its runs. */
interface Contestant {
  cell: Cell;
  runs: StudyRun[];
  /** Of each run, as far as it has come: at each rung, the lower the better. */
  values: Map<StudyRun, number[]>;
  failed: Set<StudyRun>;
  allowed: number;
}

/** Carries out a study; `carryOut` asks what else there is to do whenever a run has come to an end. */
export async function carryOutAsha(
  study: Study,
  runs: readonly StudyRun[],
  carryOut: (tasks: readonly StudyTask[], more: (done: StudyRun) => Promise<StudyTask[]>) => Promise<void>,
): Promise<void> {
  const { contestants, look } = await raceOf(study, runs);
  const after = study.halving?.after ?? [];
  // What has failed is tried again.
  for (const one of contestants) {
    for (const run of one.failed) await forgetFailure(run);
    one.failed.clear();
  }
  const tasksOf = ({ runs, failed, values, allowed }: Contestant): StudyTask[] =>
    runs
      .filter((run) => !failed.has(run) && values.get(run)!.length >= allowed)
      .map((run) => ({ run, until: after[allowed] }));
  const promote = (): Contestant[] => {
    const { promoted } = decide(contestants.map(standingOf(after.length)), study.halving!.keep);
    for (const { index, rung } of promoted) contestants[index].allowed = rung + 1;
    return [...new Set(promoted.map(({ index }) => contestants[index]))];
  };
  promote();
  const { stopped } = decide(contestants.map(standingOf(after.length)), study.halving!.keep);
  const out = new Set(stopped.map(({ index }) => contestants[index]));
  const begun = contestants.filter((one) => !out.has(one)).flatMap(tasksOf);
  await carryOut(inOrder(begun, runs), async (done) => {
    await look(done);
    return inOrder(promote().flatMap(tasksOf), runs);
  });
}

/** Seed by seed, as the study has its runs. */
const inOrder = (tasks: StudyTask[], runs: readonly StudyRun[]): StudyTask[] => {
  const places = new Map(runs.map((run, place) => [run, place]));
  return tasks.sort((a, b) => places.get(a.run)! - places.get(b.run)!);
};

/** What has been stopped so far, as the folders tell. */
export async function stoppedByAsha(study: Study, runs: readonly StudyRun[]): Promise<Stopped[]> {
  const { after, keep } = study.halving!;
  const { contestants, sign } = await raceOf(study, runs);
  const standings = contestants.map(standingOf(after.length));
  return decide(standings, keep).stopped.map(({ index, rung }) => ({
    cell: contestants[index].cell,
    epoch: after[rung],
    value: sign() * standings[index].values[rung]!,
  }));
}

const standingOf =
  (rungs: number) =>
  ({ runs, values, failed, allowed }: Contestant): Standing => ({
    values: Array.from({ length: rungs }, (_, rung) => {
      const there = runs.filter((run) => values.get(run)!.length > rung);
      const isThere = there.length > 0 && runs.every((run) => there.includes(run) || failed.has(run));
      return isThere ? meanOf(there.map((run) => values.get(run)![rung])) : undefined;
    }),
    allowed,
    isLost: runs.every((run) => failed.has(run)),
  });

/** The settings of a study as the folders tell of them, and how the folder of a run is looked at again. */
async function raceOf({ halving }: Study, runs: readonly StudyRun[]) {
  const after = halving?.after ?? [];
  const contestants = new Map<string, Contestant>();
  let sign = 1;
  for (const run of runs) {
    const name = nameOfCell(run.cell);
    const known: Contestant = contestants.get(name) ?? {
      cell: run.cell,
      runs: [],
      values: new Map(),
      failed: new Set(),
      allowed: 0,
    };
    contestants.set(name, known);
    known.runs.push(run);
  }
  async function look(run: StudyRun): Promise<void> {
    const one = contestants.get(nameOfCell(run.cell))!;
    const values: number[] = [];
    for (const epoch of after) {
      const found = await validationAt(run, epoch);
      if (!found) break;
      sign = found.better === 'higher' ? -1 : 1;
      values.push(sign * found.value);
    }
    one.values.set(run, values);
    if ((await failureOf(run)) !== undefined) one.failed.add(run);
    const epochs = await epochsOf(run);
    one.allowed = Math.max(one.allowed, after.filter((epoch) => epochs > epoch).length);
  }
  for (const run of runs) await look(run);
  return { contestants: [...contestants.values()], look, sign: () => sign };
}
