/**
 * Densities for every group as a knapsack: of each group one of the densities that were measured, so that the network costs no more than
 * it may, at the least sum of their losses.
 *
 * With savings that add up this is the multiple-choice knapsack, solved exactly by dynamic programming over what is saved, in parts of 1/4096
 * of all that could be. But a layer between two groups is worth less once one of them is thin, so what a choice costs is counted for
 * the network as it would be, and the least sum of savings is taken whose choice is within the goal.
 */

import type { Channels } from '../types.js';
import type { Counts } from './estimate.js';
import { countsAfter, type RemovalStep } from './order.js';
import type { Sensitivity } from './sensitivity.js';

/** One way to thin a group. */
export interface Option {
  /** How many of its units stay. */
  kept: number;
  loss: number;
  saving: number;
}

export interface KnapsackOptions {
  /** What removing a unit of each group saves, to begin with; by default all save alike. */
  prices?: ReadonlyMap<string, number>;
  /** What a network of such groups costs, and may cost. */
  cost: (counts: Counts) => number;
  atMost: number;
}

/** Parts in which savings are counted. */
const PARTS = 4096;
/** Halvings of the interval in which the least saving lies. */
const HALVINGS = 14;

/**
 * The order with the steps to the best densities before all others. Where no choice among what was measured is within the goal, it goes on with what is left.
 * @param order of all steps, such as that of {@link sensitivityOrder}, which says how the steps to the chosen densities follow each other.
 */
export function knapsackOrder(
  channels: Channels,
  order: readonly RemovalStep[],
  sensitivity: Sensitivity,
  options: KnapsackOptions,
): RemovalStep[] {
  const counts = densest(channels, order, sensitivity, options);
  const sizes = new Map(channels.groups.map(({ name, size }) => [name, size]));
  const isChosen = ({ group, gone }: RemovalStep) => {
    const size = sizes.get(group)!;
    return Math.round(size * (1 - gone)) >= (counts.get(group) ?? size);
  };
  return [...order.filter(isChosen), ...order.filter((step) => !isChosen(step))];
}

/** The counts of the least saving that is within the goal; of the greatest, where none is. */
function densest(
  channels: Channels,
  order: readonly RemovalStep[],
  { whole, rows }: Sensitivity,
  { prices, cost, atMost }: KnapsackOptions,
): Map<string, number> {
  const least = countsAfter(channels, order);
  const groups = channels.groups.flatMap(({ name, size }) => {
    const thinned = rows.filter(({ group, kept }) => group === name && kept >= least.get(name)!);
    if (thinned.length === 0) return [];
    const options = thinned.map(({ kept, value }) => ({
      kept,
      loss: Math.max(0, whole - value),
      saving: (size - kept) * (prices?.get(name) ?? 1),
    }));
    return [{ name, options: [{ kept: size, loss: 0, saving: 0 }, ...options] }];
  });
  const all = groups.reduce((sum, { options }) => sum + Math.max(...options.map(({ saving }) => saving)), 0);
  const solve = solver(
    groups.map(({ options }) => options),
    all / PARTS,
  );
  const countsFor = (part: number) => {
    const chosen = solve(part);
    return new Map(groups.map(({ name, options }, g) => [name, options[chosen[g]].kept]));
  };
  let [low, high] = [0, PARTS];
  for (let i = 0; i < HALVINGS && high - low > 1; i++) {
    const middle = (low + high) >> 1;
    if (cost(countsFor(middle)) <= atMost) high = middle;
    else low = middle;
  }
  return countsFor(high);
}

/**
 * Solves the multiple-choice knapsack for every saving up to all at once. @returns for so many parts of `unit` to be saved, the place of the option of each
 * group at the least sum of losses; of equal sums that with the first options. Savings count in whole parts, rounded to the nearest.
 */
export function solver(groups: readonly (readonly Option[])[], unit: number): (parts: number) => number[] {
  const saved = groups.map((options) =>
    options.map(({ saving }) => (unit > 0 ? Math.round(saving / unit) : 0)),
  );
  const most = saved.reduce((sum, savings) => sum + Math.max(...savings), 0);
  /** Least loss by which so many parts are saved at least, with the groups so far. */
  let least = new Float64Array(most + 1).fill(Infinity);
  least[0] = 0;
  const choices = groups.map((options, g) => {
    const next = new Float64Array(most + 1).fill(Infinity);
    const choice = new Uint16Array(most + 1);
    for (const [k, { loss }] of options.entries())
      for (let parts = 0; parts <= most; parts++) {
        const sum = least[Math.max(0, parts - saved[g][k])] + loss;
        if (sum < next[parts]) [next[parts], choice[parts]] = [sum, k];
      }
    least = next;
    return choice;
  });
  return (wanted) => {
    let parts = Math.min(most, wanted);
    const chosen = new Array<number>(groups.length);
    for (let g = groups.length - 1; g >= 0; g--) {
      chosen[g] = choices[g][parts];
      parts = Math.max(0, parts - saved[g][chosen[g]]);
    }
    return chosen;
  };
}
