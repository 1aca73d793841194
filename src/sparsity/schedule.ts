/**
 * When masks are updated, and to what density: plain functions of the iteration, counted from 1.
 *
 * With progress p = t / T_end from 0 to 1, D_i the density at the start and D_f the one to reach:
 *   cubic        D_f + (D_i − D_f)(1 − p)³     Zhu, Gupta: "To prune, or not to prune", 2017; FGGP, GraNet
 *   exponential  D_i (D_f / D_i)^p             the alternative in FGGP's released code
 *   one-shot     D_f, from the first update on
 *   constant     D_i, for methods that only move weights about
 */

/** From which density to which. */
export interface Span {
  from: number;
  to: number;
}

/** Density at a progress in [0, 1]. */
export type PruningSchedule = (span: Span, progress: number) => number;

const builtIn = {
  cubic: ({ from, to }: Span, progress: number) => to + (from - to) * (1 - progress) ** 3,
  exponential: ({ from, to }: Span, progress: number) => from * (to / from) ** progress,
  'one-shot': ({ from, to }: Span, progress: number) => (progress > 0 ? to : from),
  constant: ({ from }: Span) => from,
} satisfies Record<string, PruningSchedule>;

export type ScheduleName = keyof typeof builtIn;

export const schedules: Record<ScheduleName, PruningSchedule> = builtIn;

/** Density after iteration `t` when the schedule ends at `end`; from then on it stays. */
export const densityAt = (name: ScheduleName, span: Span, t: number, end: number): number =>
  schedules[name](span, Math.min(1, t / end));

/** The last iteration at which masks change: T_end = int(ratio · iterations). */
export const pruningEnd = (iterations: number, ratio: number): number =>
  Math.floor(iterations * ratio + 1e-9);

/** The interval that gives about so many updates: 50 in FGGP's and GraNet's CIFAR runs. */
export const defaultInterval = (end: number, updates: number): number =>
  Math.max(1, Math.round(end / updates));

/** Every multiple of `interval` before `end`, then `end` itself, so that the target is met whatever the interval. */
export function updateIterations(end: number, interval: number): number[] {
  const before = Math.ceil(end / interval) - 1;
  return [...Array.from({ length: before }, (_, i) => (i + 1) * interval), end];
}

/** From `from` down to `to` along half a cosine: to + (from − to)(1 + cos πp)/2. */
export const halfCosine = (from: number, to: number, progress: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * progress))) / 2;

/**
 * How many of `counted` elements are pruned at a density: floor(counted · (1 − density)), as in FGGP; a millionth of a
 * weight forgives the rounding of 1 − 0.95.
 */
export const prunedAt = (counted: number, density: number): number =>
  Math.floor(counted * (1 - density) + 1e-6);
