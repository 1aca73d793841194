/**
 * The Euclidean projection onto the budget C = { 0 ≤ s ≤ 1, Σ s ≤ K }.
 *
 * The nearest point of C to z is clip(z − v, 0, 1) with one shift v for all coordinates: v = 0 where that fits the budget
 * already, else the root of f(v) = Σ clip(z − v, 0, 1) = K (the Lagrange multiplier of the budget). f falls, continuous and
 * linear between the breakpoints z and z − 1, with a slope of minus the number of coordinates strictly inside (0, 1).
 * So Newton's method is exact as soon as it stands on the right piece; where it would leave the bracket, the bracket is
 * halved instead.
 *
 * Sums are float64, in an order that does not depend on threads or on how coordinates are divided into tensors; over many
 * coordinates the engine's kernels do them (`projectBy`).
 *
 * Results are float32, and what rounding takes from one coordinate is carried over to the next: each is within a unit in
 * the last place, and Σ s is within 1e-10 of K and never above it.
 */
import { fail } from '../../base/index.js';
import type { Clipping } from '../../engine/index.js';

/** v is sought for this much less than the budget, so that rounding cannot exceed it. */
const MARGIN = 1e-11;
/** Of f(v), relative to the budget. */
const TOLERANCE = 1e-12;
/** What is carried into the first coordinate: more than the rounding of the last one can be. */
const RESERVE = -(2 ** -24);
/** A coordinate in so many makes a sample. */
const COARSE = 509;

/**
 * Projects all coordinates together, in place, and returns the shift v.
 * @throws UserError when a coordinate is not a number.
 */
export function project(parts: readonly Float32Array[], budget: number): number {
  const v = shiftFor(parts, budget);
  clip(parts, v, v > 0 ? RESERVE : 0);
  return v;
}

/**
 * The same by the engine's kernels, for many coordinates: a coarse sample says about where v is, and Newton's method goes on
 * from there over all. It depends on the coordinates and the budget alone, so a resumed run finds the same v.
 */
export async function projectBy(clipping: Clipping, size: number, budget: number): Promise<number> {
  const v =
    budget >= size
      ? 0
      : await solveBy(clipping, budget, shiftFor([await clipping.sample(COARSE)], budget / COARSE));
  await clipping.apply(v);
  return v;
}

async function solveBy(clipping: Clipping, budget: number, near: number): Promise<number> {
  const target = budget * (1 - MARGIN);
  let [low, v, high] = [-1, near, Infinity];
  for (;;) {
    const { sum, inside } = await clipping.measure(v);
    if (Number.isNaN(sum)) failDiverged();
    if (v === 0 && sum <= budget) return 0;
    if (Math.abs(sum - target) <= TOLERANCE * budget) return v;
    if (sum > target) low = v;
    else high = v;
    const newton = Math.max(0, v + (sum - target) / inside);
    if (newton > low && newton < high) v = newton;
    else v = high === Infinity ? 2 * v + 1 : (Math.max(0, low) + high) / 2;
    if (v === low || v === high) return high;
  }
}

/** The v ≥ 0 with Σ clip(z − v, 0, 1) = K, or 0 where that sum is not above K at 0. */
export function shiftFor(parts: readonly Float32Array[], budget: number): number {
  const target = budget * (1 - MARGIN);
  let [low, v, high] = [0, 0, largestOf(parts)];
  for (;;) {
    const { sum, inside } = measure(parts, v);
    if (Number.isNaN(sum)) failDiverged();
    if (v === 0 && sum <= budget) return 0;
    if (Math.abs(sum - target) <= TOLERANCE * budget) return v;
    if (sum > target) low = v;
    else high = v;
    const newton = v + (sum - target) / inside;
    v = newton > low && newton < high ? newton : (low + high) / 2;
    if (v === low || v === high) return high;
  }
}

/** f(v), and how many coordinates are inside. */
function measure(parts: readonly Float32Array[], v: number): { sum: number; inside: number } {
  let [sum, inside] = [0, 0];
  for (const z of parts)
    for (let i = 0; i < z.length; i++) {
      const x = z[i] - v;
      if (x <= 0) continue;
      if (x < 1) inside++;
      sum += Math.min(1, x);
    }
  return { sum, inside };
}

const failDiverged = (): never =>
  fail('A probability of the masks is not a number: training has diverged; lower the learning rates.');

const largestOf = (parts: readonly Float32Array[]): number =>
  parts.reduce((most, part) => part.reduce((a, b) => Math.max(a, b), most), 0);

/** clip(z − v, 0, 1), in place; the sum of the float32 results is that of the exact ones plus what is carried in, at most. */
function clip(parts: readonly Float32Array[], v: number, carried: number): void {
  let carry = carried;
  for (const z of parts)
    for (let i = 0; i < z.length; i++) {
      const x = z[i] - v;
      if (x <= 0) z[i] = 0;
      else if (x >= 1) z[i] = 1;
      else {
        z[i] = Math.max(0, x + carry);
        carry += x - z[i];
      }
    }
}

/**
 * The released code's search for v: 21 halvings of [0, max z], or fewer where the sum is within 1e-3 of the budget. Its
 * resolution is max z / 2²¹ times the number of coordinates inside, so in a large network it may exceed the budget.
 *
 * One thing differs: that code halves at least once where the sum equals the budget, so while all weights may be kept it
 * takes max z / 2²¹ from each probability, which makes gradients of what had none. Here v is 0 then, and the first phase is dense.
 */
export function projectByHalving(parts: readonly Float32Array[], budget: number): number {
  let { sum } = measure(parts, 0);
  let [low, v, high] = [0, 0, largestOf(parts)];
  if (sum >= budget)
    for (let halving = 0; halving < 21 && Math.abs(sum - budget) >= 1e-3; halving++) {
      v = (low + high) / 2;
      sum = measure(parts, v).sum;
      if (sum > budget) low = v;
      else high = v;
    }
  clip(parts, v, 0);
  return v;
}
