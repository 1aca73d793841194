/** The axes of an iteration space as a kernel walks them: which merge, which are rows, and how long the runs of a row are. */
import { MAP_ROW_AXES } from './contract.js';
import { LANES, type Place } from './place.js';

/** An axis of an iteration space. */
export interface Axis {
  size: number;
  /** Per operand, then per result. */
  strides: number[];
  /** Whether it runs over blocks of sixteen samples. */
  block?: boolean;
}

/** The most and the fewest units (lines, or sixteen floats side by side) of a run that a long axis is cut into. */
const LONGEST_RUN = 512;
const SHORTEST_RUN = 16;

/** A result's stride along axis i of the iteration space (0 where it is reduced). */
export function targetStride(p: Place, shape: readonly number[], i: number): number {
  const lead = shape.length - p.shape.length;
  return i < lead || p.shape[i - lead] !== shape[i] ? 0 : p.strides[i - lead];
}

/** Which axes of an iteration space `shape`, with one over blocks before it where it is laned, a result is reduced over. */
export function isReduced(
  axes: readonly Axis[],
  shape: readonly number[],
  target: Place,
  acrossLanes: boolean,
): boolean[] {
  const lead = axes.length - shape.length;
  const rank = shape.length - target.shape.length;
  return axes.map((_, i) => {
    if (i < lead) return acrossLanes;
    const at = i - lead;
    return at < rank || target.shape[at - rank] !== shape[at];
  });
}

/** Drops axes of one element and merges neighbours that every place walks through in one stride. The block axis stays. */
export function merge(axes: readonly Axis[]): Axis[] {
  const merged: Axis[] = [];
  for (const axis of axes) {
    if (axis.size === 1 && !axis.block) continue;
    const last = merged.at(-1);
    if (last && !last.block && last.strides.every((s, k) => s === axis.strides[k] * axis.size)) {
      last.size *= axis.size;
      last.strides = axis.strides;
    } else merged.push({ ...axis });
  }
  return merged;
}

/** Stores: the last axis is inner (cut into runs where it is long), the others make rows. */
export function splitStores(axes: Axis[], laned: boolean): [Axis[], Axis[]] {
  const last = axes.at(-1);
  if (!last || last.block) return [axes, []];
  const rest = axes.slice(0, -1);
  const unit = laned ? 1 : LANES;
  const run = runLength(last.size, unit);
  const cut: Axis[] =
    run < last.size
      ? [
          { size: last.size / run, strides: last.strides.map((s) => s * run) },
          { ...last, size: run },
        ]
      : [last];
  const all = [...rest, ...cut];
  const outer = all.slice(0, Math.min(MAP_ROW_AXES, all.length - 1));
  return [outer, all.slice(outer.length)];
}

/** The longest divisor of n that is a multiple of `unit` and at most LONGEST_RUN units; n itself where there is none of use. */
function runLength(n: number, unit: number): number {
  if (n % unit !== 0 || n / unit <= LONGEST_RUN) return n;
  const units = n / unit;
  for (let d = LONGEST_RUN; d >= SHORTEST_RUN; d--) if (units % d === 0) return d * unit;
  return n;
}

/** So many axes, the first of which are nothing. */
export const pad = (axes: readonly Axis[], to: number): (Axis | undefined)[] => [
  ...new Array<undefined>(Math.max(0, to - axes.length)).fill(undefined),
  ...axes,
];
