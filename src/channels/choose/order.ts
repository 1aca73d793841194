/**
 * The order in which units go.
 *
 * A *step* takes some units of one group away: one, or as many as lead from one allowed size to the next (`roundTo`). Within
 * a group the least important go first, and among equals the last. Steps of all groups are merged by what they score: how
 * important their units are on average (scope `global`), or which fraction of the group is gone after them (scope `group`:
 * all groups shrink alike). Steps that equal each other in that are taken by the fraction that is gone, then in the order of
 * groups. So ties are settled, and a network whose units all matter alike shrinks alike everywhere.
 *
 * Runtimes compute channels in blocks, and a block that is half empty costs nearly what a full one costs. So steps of whole
 * blocks (`roundTo`) come first, and only where those of all groups are not enough what is left of a group goes on in
 * quarters of a block.
 *
 * A step that would break a floor is left out, and so are all later ones of its group. Hence every beginning of an order
 * is a selection that holds all limits, and the longer contains the shorter.
 */
import { fail, formerly, number, type Setting, upToOne, whole } from '../../base/index.js';
import { floorsOf } from '../find/floors.js';
import { ascending, type Importance } from '../judge/importance.js';
import type { Channels, Group, Selection } from '../types.js';

export interface RemovalStep {
  group: string;
  /** The units that go. */
  units: readonly number[];
  /** Mean importance of the units (or loss by unit), divided by their group's price; no less than that of the step before. */
  score: number;
  /** Fraction of the group's units that are gone after it. */
  gone: number;
  /** Leaves less than a block: such steps come last. */
  narrow: boolean;
}

/** The limits that hold for all groups. */
export const limitSettings = {
  roundTo: whole(
    'keep a multiple of this many channels per layer, unless the target needs less (default: 16, which suits onnxruntime; less where layers are narrow)',
    1,
  ),
  keepAtLeast: whole('minimum number of channels that every layer keeps (default: 1)', 1),
  maxSparsity: formerly(number('largest fraction of a group that may be removed', ...upToOne), 'maxRatio'),
} satisfies Partial<Record<keyof Limits, Setting>>;

/** What no selection may break. */
export interface Limits {
  /** Units that stay on every axis at least, or all where there are fewer. Default 1. */
  keepAtLeast?: number;
  /** Units that stay of single groups at least, by name. */
  keep?: ReadonlyMap<string, number>;
  /** Fraction of a group's units that may go at most; for all groups, or by name. Default 1. */
  maxSparsity?: number | ReadonlyMap<string, number>;
  /**
   * Channels of a block: groups keep whole blocks, or all; or, once no group can lose a block any more, a multiple of
   * its quarter (rounded down, 1 unit at least). Default 1; {@link onnxruntimeRounding} suits onnxruntime. Units that are
   * several channels each (heads, groups of a GroupNorm) fill a block with fewer, see {@link unitsOfBlock}.
   */
  roundTo?: number;
}

/**
 * onnxruntime computes convolutions on CPUs in blocks of 16 channels with AVX-512, where 20 cost what 32 cost and 8 three
 * quarters of 16, and in blocks of 8 with AVX2: multiples of 16 suit both. Of channels that are no multiple of 4 it makes no blocks.
 */
export const onnxruntimeRounding = 16;

/** Whether all groups' units are ranked together, or each group's by themselves, all groups shrinking alike. */
export type Scope = 'global' | 'group';

export interface OrderOptions extends Limits {
  /** Default `global`. */
  scope?: Scope;
  /**
   * What removing a unit of each group saves: importance is then ranked per saving. Default: every unit saves alike.
   */
  prices?: ReadonlyMap<string, number>;
  /**
   * What is lost when a group goes on from one fraction of its units gone to another; it takes the place of importance
   * where groups are compared. It should not fall for equal distances.
   */
  loss?: (group: string, from: number, to: number) => number;
}

/** All steps that the limits allow. Groups without importance stay whole. @throws UserError where a limit makes no sense. */
export function removalOrder(
  channels: Channels,
  importance: Importance,
  options: OrderOptions = {},
): RemovalStep[] {
  const { scope = 'global' } = options;
  checkLimits(channels, options);
  const alone = new Set(floorsOf(channels).flatMap((names) => (names.length === 1 ? names : [])));
  const steps = channels.groups.flatMap((group, place) => {
    const scores = importance.get(group.name);
    if (!scores) return [];
    return stepsOf(group, scores, options, alone.has(group.name)).map((step) => ({ step, place }));
  });
  const by = (a: RemovalStep, b: RemovalStep) =>
    Number(a.narrow) - Number(b.narrow) || (scope === 'global' ? a.score - b.score : 0) || a.gone - b.gone;
  steps.sort((a, b) => by(a.step, b.step) || a.place - b.place);
  return withinFloors(
    channels,
    steps.map(({ step }) => step),
    options.keepAtLeast,
  );
}

/** The selection that the first so many steps of an order make; all of them if left out. */
export function selectionAfter(
  channels: Channels,
  order: readonly RemovalStep[],
  count = order.length,
): Selection {
  const sizes = new Map(channels.groups.map(({ name, size }) => [name, size]));
  const selection = new Map<string, boolean[]>();
  for (const { group, units } of order.slice(0, count)) {
    const kept = selection.get(group) ?? new Array<boolean>(sizes.get(group)!).fill(true);
    for (const unit of units) kept[unit] = false;
    selection.set(group, kept);
  }
  return selection;
}

/** How many units of each group are left after so many steps of an order. */
export function countsAfter(
  channels: Channels,
  order: readonly RemovalStep[],
  steps = order.length,
): Map<string, number> {
  const counts = new Map(channels.groups.map(({ name, size }) => [name, size]));
  for (const { group, units } of order.slice(0, steps)) counts.set(group, counts.get(group)! - units.length);
  return counts;
}

/**
 * How many units a group may keep, descending from all. The last block of a group goes in quarters if the group makes up an
 * axis alone, since something must stay of that; otherwise whole.
 */
export function allowedCounts(size: number, roundTo = 1, alone = true): number[] {
  const multiples = (of: number, from: number, to: number): number[] => {
    const counts: number[] = [];
    for (let kept = Math.ceil(from / of - 1) * of; kept >= to; kept -= of) counts.push(kept);
    return counts;
  };
  if (!alone && size >= roundTo) return [size, ...multiples(roundTo, size, 0)];
  const quarter = Math.max(1, Math.floor(roundTo / 4));
  const part = size < quarter ? 1 : quarter;
  return [size, ...multiples(roundTo, size, roundTo), ...multiples(part, Math.min(size, roundTo), 0)];
}

/** How many units of a group fill whole blocks of so many channels, however wide a unit is on the group's narrowest axis. */
export function unitsOfBlock({ members }: Group, roundTo = 1): number {
  const width = Math.min(...members.map(({ positions }) => positions[0].length));
  return roundTo / commonDivisor(roundTo, width);
}

const commonDivisor = (a: number, b: number): number => (b > 0 ? commonDivisor(b, a % b) : a);

function stepsOf(group: Group, scores: Float64Array, options: OrderOptions, alone: boolean): RemovalStep[] {
  const { name, size } = group;
  const roundTo = unitsOfBlock(group, options.roundTo);
  if (scores.length !== size)
    throw new RangeError(`${name} has ${size} units, but there is an importance of ${scores.length}`);
  const least = Math.max(
    Math.min(size, options.keep?.get(name) ?? 0),
    Math.ceil(size * (1 - maxSparsityOf(name, options)) - 1e-9),
  );
  const ranked = ascending(scores);
  const counts = allowedCounts(size, roundTo, alone).filter((kept) => kept >= least);
  let score = -Infinity;
  return counts.slice(1).map((kept, i) => {
    const units = ranked.slice(size - counts[i], size - kept);
    const [from, gone] = [1 - counts[i] / size, 1 - kept / size];
    const lost = options.loss?.(name, from, gone) ?? units.reduce((sum, unit) => sum + scores[unit], 0);
    score = Math.max(score, lost / units.length / (options.prices?.get(name) ?? 1));
    return { group: name, units, score, gone, narrow: kept < roundTo && (alone || size < roundTo) };
  });
}

const maxSparsityOf = (group: string, { maxSparsity = 1 }: Limits): number =>
  typeof maxSparsity === 'number' ? maxSparsity : (maxSparsity.get(group) ?? 1);

function withinFloors(channels: Channels, steps: readonly RemovalStep[], keepAtLeast = 1): RemovalStep[] {
  const sizes = new Map(channels.groups.map(({ name, size }) => [name, size]));
  const lists = [...floorsOf(channels), ...(keepAtLeast > 1 ? weightAxes(channels) : [])];
  const floors = lists.map((names) => {
    const left = names.reduce((sum, name) => sum + sizes.get(name)!, 0);
    return { names, left, least: Math.min(left, Math.max(1, keepAtLeast)) };
  });
  const over = new Map<string, typeof floors>();
  for (const floor of floors)
    for (const name of floor.names) over.set(name, [...(over.get(name) ?? []), floor]);
  const closed = new Set<string>();
  return steps.filter(({ group, units }) => {
    const own = over.get(group) ?? [];
    if (own.some(({ left, least }) => left - units.length < least)) closed.add(group);
    if (closed.has(group)) return false;
    for (const floor of own) floor.left -= units.length;
    return true;
  });
}

/** Of every axis of a weight, the groups on it. */
function weightAxes({ groups }: Channels): string[][] {
  const axes = new Map<string, string[]>();
  for (const { name, members } of groups)
    for (const { tensor, axis } of members) {
      const key = `${axis} ${tensor}`;
      axes.set(key, [...(axes.get(key) ?? []), name]);
    }
  return [...new Map([...axes.values()].map((names) => [names.join('\n'), names])).values()];
}

function checkLimits({ groups }: Channels, limits: Limits): void {
  const { keepAtLeast = 1, keep = new Map(), maxSparsity = 1, roundTo = 1 } = limits;
  const whole = (value: number) => Number.isSafeInteger(value) && value >= 0;
  if (!whole(keepAtLeast))
    fail(`The least number of units that an axis keeps must be a whole number above 0, not ${keepAtLeast}.`);
  if (!whole(roundTo) || roundTo === 0)
    fail(`Units can be rounded to multiples of a whole number from 1 up, not of ${roundTo}.`);
  for (const [name, count] of keep)
    if (!whole(count)) fail(`The group '${name}' must keep a whole number of units, not ${count}.`);
  for (const fraction of typeof maxSparsity === 'number' ? [maxSparsity] : maxSparsity.values())
    if (!(fraction >= 0 && fraction <= 1))
      fail(`The fraction of units that may go from a group must lie between 0 and 1, not be ${fraction}.`);
  const named = [...keep.keys(), ...(typeof maxSparsity === 'number' ? [] : maxSparsity.keys())];
  const unknown = named.find((name) => !groups.some((group) => group.name === name));
  if (unknown !== undefined) unknownGroup(unknown);
}

/** Refuses the name of a group that is not there. */
export const unknownGroup = (name: string): never =>
  fail(`The model has no group of channels '${name}'; espalier inspect lists its groups.`);
