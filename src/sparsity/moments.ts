/**
 * When a gradual run updates its masks: before training, in so many rounds; at every multiple of an interval until a share
 * of the run is over; or between one training and the next.
 *
 * Rewinding divides a run of T iterations into n + 1 trainings with an update before each but the first. Every training
 * but the first takes up the weights that the first one had after k of its L iterations, so it is L − k long, and an
 * update takes an iteration for itself: T = L + n (1 + L − k). With k = rL that gives L = (T − n) / (1 + n (1 − r)),
 * rounded down; what is left over lengthens the last one.
 */
import { fail } from '../base/index.js';
import type { GradualOptions } from './options.js';
import { defaultInterval, halfCosine, pruningEnd, updateIterations } from './schedule.js';

export interface Moment {
  /** 0: before training. */
  iteration: number;
  /** On the schedule, from 0 to 1. */
  progress: number;
  /** Fraction of each layer's weights to exchange. */
  exchange?: number;
}

/** A run that trains several times over, in iterations. */
export interface Rewinding {
  /** Whose weights are taken up again: those after so many iterations. */
  to: number;
  /** Length of the first training. */
  length: number;
}

type Named = GradualOptions & { method: string; usualInterval?: number };

/** All updates of a run of so many iterations. Throws a UserError if there is no room for them. */
export function planMoments(o: Named, total: number): { moments: Moment[]; rewinding?: Rewinding } {
  if (o.rounds > 0) return { moments: evenly(o.rounds, () => 0) };
  if (o.rewind !== undefined) return planRewinding(o, o.rewind, total);
  const changing =
    o.pruningSchedule === 'constant' ? [] : planPruning(o, pruningEnd(total, o.endRatio), total);
  return { moments: o.growth ? addExchanges(o, changing, total) : changing };
}

const evenly = (count: number, iteration: (n: number) => number): Moment[] =>
  Array.from({ length: count }, (_, n) => ({ iteration: iteration(n), progress: (n + 1) / count }));

function planPruning(o: Named, end: number, total: number): Moment[] {
  checkRoom(o, end, `${o.endRatio} of the run's ${total}`);
  const iterations =
    o.pruningSchedule === 'one-shot'
      ? [o.interval || 1]
      : updateIterations(end, o.interval || defaultInterval(end, o.updates));
  const last = iterations[iterations.length - 1];
  return iterations.map((iteration) => ({ iteration, progress: iteration / last }));
}

function checkRoom({ method, interval }: Named, end: number, span: string): void {
  if (!(end >= 1))
    fail(
      `${method} has no iteration to prune at: it may prune in the first ${span}, which is less than one; train for more epochs, or with a smaller batch.`,
    );
  if (interval > end)
    fail(
      `${method} would never prune: its interval of ${interval} iterations is longer than the ${end} (${span}) it may prune in; use a shorter interval.`,
    );
}

/** The updates that prune, and further ones at the interval's multiples until the exchanges end. */
function addExchanges(o: Named, pruning: readonly Moment[], total: number): Moment[] {
  const { growthRatio = 0, growthDecay, growthFloor = 0, growthEnd = 1 } = o;
  const end = pruningEnd(total, growthEnd);
  if (pruning.length === 0) checkRoom(o, end, `${growthEnd} of the run's ${total}`);
  const usual =
    pruning.length === 0 && o.usualInterval
      ? Math.min(o.usualInterval, defaultInterval(end, 10))
      : defaultInterval(pruning.at(-1)?.iteration ?? end, o.updates);
  const interval = o.interval || usual;
  const at = new Map(pruning.map((moment) => [moment.iteration, moment]));
  for (let t = interval; t <= end; t += interval) if (!at.has(t)) at.set(t, { iteration: t, progress: 1 });
  const inOrder = [...at.values()].sort((a, b) => a.iteration - b.iteration);
  const fraction = (t: number) =>
    growthDecay === 'cosine' ? halfCosine(growthRatio, growthFloor, t / end) : growthRatio;
  return inOrder.map((moment) =>
    moment.iteration > end ? moment : { ...moment, exchange: fraction(moment.iteration) },
  );
}

function planRewinding({ method, updates }: Named, ratio: number, total: number) {
  const length = Math.floor((total - updates) / (1 + updates * (1 - ratio)));
  const to = Math.round(ratio * length);
  if (length - to < 1)
    fail(
      `${method} has no room for ${updates + 1} trainings in ${total} iterations: train for longer, or with fewer updates.`,
    );
  const period = 1 + length - to;
  return {
    moments: evenly(updates, (n) => length + 1 + n * period),
    rewinding: { to, length },
  };
}

/** Where an iteration, counted from 0, stands in its own training. */
export function trainingClock(
  { to, length }: Rewinding,
  iteration: number,
  updates: readonly number[],
): { iteration: number; iterations: number } {
  const update = updates.findLast((t) => t <= iteration + 1);
  const own = update === undefined ? iteration : to + Math.max(0, iteration - update);
  return { iteration: Math.min(own, length - 1), iterations: length };
}
