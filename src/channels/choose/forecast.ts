/**
 * Where a target will be met, by estimates alone: only what they point at is then made and measured.
 *
 * Bytes go with parameters, time goes with MACs, both on a straight line through what was measured: before the first step of
 * an order, and after the last.
 */

import type { Channels } from '../types.js';
import type { Counts } from './estimate.js';
import { countsAfter, type RemovalStep } from './order.js';

export interface Forecast {
  /** After how many steps of the order the target should be met. */
  steps: number;
  /**
   * Of steps that were taken, those that there should be room for after all: tried from the last, each group's in reverse,
   * until none of any group fits.
   */
  spare(taken: readonly RemovalStep[]): RemovalStep[];
}

/**
 * @param estimate what grows in proportion to the cost.
 * @param measured cost of the whole network, after all steps of the order, and the target.
 */
export function forecast(
  channels: Channels,
  order: readonly RemovalStep[],
  estimate: (counts: Counts) => number,
  measured: { before: number; least: number; atMost: number },
): Forecast {
  const after = (steps: number) => estimate(countsAfter(channels, order, steps));
  const [whole, end] = [after(0), after(order.length)];
  const { before, least, atMost } = measured;
  const wanted = whole - ((whole - end) * (before - atMost)) / (before - least || 1) + 1e-9 * whole;
  return {
    steps: firstBelow(after, wanted, order.length),
    spare(taken) {
      const counts = countsAfter(channels, taken);
      const full = new Set<string>();
      return taken.toReversed().filter(({ group, units }) => {
        if (full.has(group)) return false;
        const kept = counts.get(group)!;
        counts.set(group, kept + units.length);
        if (estimate(counts) <= wanted) return true;
        counts.set(group, kept);
        full.add(group);
        return false;
      });
    },
  };
}

function firstBelow(after: (steps: number) => number, wanted: number, last: number): number {
  let [low, high] = [0, last];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (after(middle) <= wanted) high = middle;
    else low = middle + 1;
  }
  return high;
}
