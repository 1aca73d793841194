/** Which units stay: at a density, over all groups or by group, or beyond a threshold. All with exact counts. */
import { fail } from '../../base/index.js';
import { ascending, type Importance } from '../judge/importance.js';
import { type Channels, type Selection, unitsOf } from '../types.js';
import {
  allowedCounts,
  type Limits,
  type OrderOptions,
  removalOrder,
  selectionAfter,
  unitsOfBlock,
  unknownGroup,
} from './order.js';

/**
 * Keeps a fraction of all units: of N units exactly ⌊N (1 − density)⌋ go (with `roundTo`, as many below that as whole steps
 * allow). Scope `group`: that of every group.
 * @throws UserError where the density is no fraction, or limits and axes that must stay do not allow so much.
 */
export function selectDensity(
  channels: Channels,
  importance: Importance,
  density: number,
  options: OrderOptions = {},
): Selection {
  checkDensity(density);
  if (options.scope === 'group') return selectDensities(channels, importance, density, options);
  const units = unitsOf(channels);
  const order = removalOrder(channels, importance, options);
  const wanted = removed(units, density);
  let gone = 0;
  let count = 0;
  while (count < order.length && gone + order[count].units.length <= wanted)
    gone += order[count++].units.length;
  if (count === order.length && wanted - gone >= (options.roundTo ?? 1))
    fail(
      `A density of ${density} is out of reach: of ${units} units ${wanted} would have to go, but only ${gone} can; ask for at least ${Math.ceil((1 - gone / units) * 1e4) / 1e4}.`,
    );
  return selectionAfter(channels, order, count);
}

/**
 * Keeps a fraction of the units of every group, or of those that are named: of n units ⌊n (1 − density)⌋ go; with `roundTo`,
 * the multiple is kept that is nearest to n · density, the larger of two. Floors come first.
 * @throws UserError where a density is no fraction or names no group.
 */
export function selectDensities(
  channels: Channels,
  importance: Importance,
  densities: number | ReadonlyMap<string, number>,
  limits: Limits = {},
): Selection {
  if (typeof densities !== 'number')
    for (const name of densities.keys())
      if (!channels.groups.some((group) => group.name === name)) unknownGroup(name);
  const counts = channels.groups.flatMap((group): [string, number][] => {
    const { name, size } = group;
    const density = typeof densities === 'number' ? densities : densities.get(name);
    if (density === undefined) return [];
    checkDensity(density);
    return [[name, countAt(size, density, unitsOfBlock(group, limits.roundTo))]];
  });
  return selectCounts(channels, importance, new Map(counts), limits);
}

/** Keeps so many units of the groups that are named, and all of the others. Floors and `roundTo` may add to it. */
export function selectCounts(
  channels: Channels,
  importance: Importance,
  counts: ReadonlyMap<string, number>,
  limits: Limits = {},
): Selection {
  const named = new Map([...importance].filter(([name]) => counts.has(name)));
  const keep = new Map(limits.keep);
  for (const [name, count] of counts) keep.set(name, Math.max(count, keep.get(name) ?? 0));
  return selectionAfter(channels, removalOrder(channels, named, { ...limits, keep, scope: 'group' }));
}

/** Keeps the units whose importance is above a threshold; floors keep the greatest of the others. */
export const selectAbove = (
  channels: Channels,
  importance: Importance,
  threshold: number,
  limits: Limits = {},
): Selection => {
  const kept = [...importance].map(
    ([name, scores]) => [name, Array.from(scores, (s) => s > threshold)] as const,
  );
  return selectMarked(channels, importance, new Map(kept), limits);
};

/**
 * Keeps the units that are marked (true = kept), and of the others what floors and `roundTo` need, the most important
 * first.
 */
export function selectMarked(
  channels: Channels,
  importance: Importance,
  marks: Selection,
  limits: Limits = {},
): Selection {
  const counts = new Map<string, number>();
  const ranks = new Map<string, Float64Array>();
  for (const [name, scores] of importance) {
    const kept = marks.get(name);
    if (!kept) continue;
    const order = ascending(scores);
    const rank = new Float64Array(scores.length);
    for (const [i, unit] of [...order.filter((u) => !kept[u]), ...order.filter((u) => kept[u])].entries())
      rank[unit] = i;
    ranks.set(name, rank);
    counts.set(name, kept.filter((keep) => keep).length);
  }
  return selectCounts(channels, ranks, counts, limits);
}

/** How many units of a group stay at a density, floors aside. */
export const countAt = (size: number, density: number, roundTo = 1): number =>
  roundTo === 1 ? size - removed(size, density) : nearestOf(allowedCounts(size, roundTo), size * density);

/** How many of so many units go at a density; a hair is added lest 0.7 · 10 be below 7. */
const removed = (units: number, density: number): number => Math.floor(units * (1 - density) + 1e-6);

const nearestOf = (counts: readonly number[], wanted: number): number =>
  counts.reduce((best, count) => (Math.abs(count - wanted) < Math.abs(best - wanted) ? count : best));

function checkDensity(density: number): void {
  if (!(density > 0 && density <= 1))
    fail(`A density must be a number above 0 and at most 1 (0.5 keeps half of the units), not ${density}.`);
}
