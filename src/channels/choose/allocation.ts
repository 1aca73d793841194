/**
 * Densities for every group from its sensitivity: those that meet a target at the least predicted loss.
 *
 * Predicted is that losses add up, and that a group's loss runs along the lower convex hull of what was measured, from 0 when
 * it is whole; thinner than was measured, it goes on as steeply, or to the largest loss of all if that is steeper. Every step
 * of an order then costs what the hull rises over it, and saves its group's price; taken by loss per saving, steps are the
 * best at every size (that the curves are convex makes greedy optimal).
 */
import type { Importance } from '../judge/importance.js';
import type { Channels } from '../types.js';
import { type Limits, type RemovalStep, removalOrder } from './order.js';
import type { Sensitivity } from './sensitivity.js';

export interface AllocationOptions extends Limits {
  /** What removing a unit of each group saves, see {@link pricesOf}; by default all save alike. */
  prices?: ReadonlyMap<string, number>;
}

type Point = readonly [gone: number, loss: number];

/**
 * The removal order that takes groups by what their thinning costs, and units within a group by importance. Groups that were
 * not scanned stay whole.
 */
export function sensitivityOrder(
  channels: Channels,
  importance: Importance,
  { whole, rows }: Sensitivity,
  options: AllocationOptions = {},
): RemovalStep[] {
  const worst = Math.max(0, ...rows.map(({ value }) => whole - value));
  const scanned = new Map<string, Point[]>();
  for (const { group, density, value } of rows)
    scanned.set(group, [...(scanned.get(group) ?? []), [1 - density, Math.max(0, whole - value)]]);
  const curves = new Map([...scanned].map(([group, points]) => [group, curveOf(points, worst)]));
  const loss = (group: string, from: number, to: number) =>
    along(curves.get(group)!, to) - along(curves.get(group)!, from);
  const judged = new Map([...importance].filter(([group]) => curves.has(group)));
  return removalOrder(channels, judged, { ...options, loss, scope: 'global' });
}

/** The corners of a group's loss over the fraction that is gone, from 0 to 1. */
function curveOf(points: readonly Point[], worst: number): Point[] {
  const hull = lowerHull([[0, 0], ...points]);
  const [[x0, y0], [x1, y1]] = [hull.at(-2) ?? hull[0], hull.at(-1)!];
  const onwards = x1 > x0 ? y1 + ((y1 - y0) / (x1 - x0)) * (1 - x1) : 0;
  return x1 < 1 ? [...hull, [1, Math.max(worst, onwards)]] : hull;
}

/** The corners of the lower convex hull of points from left to right (Andrew's monotone chain, 1979). */
function lowerHull(points: readonly Point[]): Point[] {
  const hull: Point[] = [];
  for (const point of [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    while (hull.length > 1 && !turnsUp(hull.at(-2)!, hull.at(-1)!, point)) hull.pop();
    if (hull.at(-1)?.[0] !== point[0]) hull.push(point);
  }
  return hull;
}

const turnsUp = (a: Point, b: Point, c: Point): boolean =>
  (b[0] - a[0]) * (c[1] - a[1]) > (b[1] - a[1]) * (c[0] - a[0]);

/** Interpolates between corners. */
function along(corners: readonly Point[], x: number): number {
  const right = corners.findIndex((corner) => corner[0] >= x);
  if (right <= 0) return corners.at(right)![1];
  const [[x0, y0], [x1, y1]] = [corners[right - 1], corners[right]];
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}
