/**
 * The Euclidean projection onto the budget C = { 0 ≤ s ≤ 1, Σ s ≤ K }.
 *
 * The nearest point of C to z is clip(z − v, 0, 1) with one shift v for all coordinates: v = 0 where that fits the budget
 * already, else the root of f(v) = Σ clip(z − v, 0, 1) = K (the Lagrange multiplier of the budget). f falls, continuous and
 * linear between the breakpoints z and z − 1, with a slope of minus the number of coordinates strictly inside (0, 1).
 * So Newton's method is exact as soon as it stands on the right piece; where it would leave the bracket, the bracket is
 * halved instead.
 *
 * Where there is an engine, its kernels do the sums over many coordinates (`projectBy`). Without, many are read only twice. A sample of them brackets v narrowly; one pass then counts those that are 0, 1 or
 * inside wherever in the bracket v may be, leaving few for Newton's method, and shows whether the bracket holds (if not,
 * Newton's method works on all). The second pass writes. Sums are float64, in an order that does not depend on threads or
 * on how coordinates are divided into tensors.
 *
 * Results are float32, and what rounding takes from one coordinate is carried over to the next: each is within a unit in
 * the last place, and Σ s is within 1e-10 of K and never above it.
 */
import { fail } from '../../base/errors.js';
import type { Clipping } from '../../engine/types.js';

/** v is sought for this much less than the budget, so that rounding cannot exceed it. */
const MARGIN = 1e-11;
/** Of f(v), relative to the budget. */
const TOLERANCE = 1e-12;
/** What is carried into the first coordinate: more than the rounding of the last one can be. */
const RESERVE = -(2 ** -24);
/** Coordinates that are sorted out at a time. */
const CHUNK = 65_536;
const SAMPLE_FROM = 100_000;
const SAMPLE_EVERY = 53;
const COARSE = 509;
/** Standard deviations of the sample's sum. */
const SAMPLE_DOUBT = 5;

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
export async function projectBy(
  clipping: Clipping,
  parts: readonly Float32Array[],
  budget: number,
): Promise<number> {
  const size = parts.reduce((total, { length }) => total + length, 0);
  const v =
    budget >= size ? 0 : await solveBy(clipping, budget, solve(sampleOf(parts, COARSE), budget / COARSE));
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
  const all: Coordinates = { ones: 0, inside: 0, insideSum: 0, rest: parts };
  const size = parts.reduce((total, { length }) => total + length, 0);
  if (size < SAMPLE_FROM) return solve(all, budget);
  const [low, high] = bracket(sampleOf(parts), budget / SAMPLE_EVERY);
  const reduced = reduce(parts, low, high);
  const holds = (low === 0 || evaluate(reduced, low).sum >= budget) && evaluate(reduced, high).sum <= budget;
  return holds ? solve(reduced, budget, low, high) : solve(all, budget);
}

/** Coordinates of which only the rest has to be looked at one by one. */
interface Coordinates {
  ones: number;
  inside: number;
  insideSum: number;
  rest: readonly Float32Array[];
}

/** f(v), and minus its slope. */
function evaluate({ ones, inside, insideSum, rest }: Coordinates, v: number): { sum: number; slope: number } {
  let sum = ones + insideSum - inside * v;
  let slope = inside;
  for (const z of rest)
    for (let i = 0; i < z.length; i++) {
      const x = z[i] - v;
      if (x <= 0) continue;
      if (x < 1) slope++;
      sum += Math.min(1, x);
    }
  return { sum, slope };
}

function solve(coordinates: Coordinates, budget: number, from = 0, to?: number): number {
  let v = from;
  let { sum, slope } = evaluate(coordinates, v);
  if (Number.isNaN(sum)) failDiverged();
  if (v === 0 && sum <= budget) return 0;
  let low = from;
  let high = to ?? largestOf(coordinates.rest);
  const target = budget * (1 - MARGIN);
  while (Math.abs(sum - target) > TOLERANCE * budget) {
    if (sum > target) low = v;
    else high = v;
    const newton = v + (sum - target) / slope;
    v = newton > low && newton < high ? newton : (low + high) / 2;
    if (v === low || v === high) return high;
    ({ sum, slope } = evaluate(coordinates, v));
  }
  return v;
}

const failDiverged = (): never =>
  fail('A probability of the masks is not a number: training has diverged; lower the learning rates.');

const largestOf = (parts: readonly Float32Array[]): number =>
  parts.reduce((most, part) => part.reduce((a, b) => Math.max(a, b), most), 0);

function sampleOf(parts: readonly Float32Array[], every = SAMPLE_EVERY): Coordinates {
  const sample: number[] = [];
  let at = 0;
  for (const z of parts) {
    for (; at < z.length; at += every) sample.push(z[at]);
    at -= z.length;
  }
  return { ones: 0, inside: 0, insideSum: 0, rest: [Float32Array.from(sample)] };
}

/** Where the root for all lies, very likely: Σ over n draws deviates by about √Σ x² (Poisson's bound). */
function bracket(sample: Coordinates, budget: number): [low: number, high: number] {
  const doubt = SAMPLE_DOUBT * Math.sqrt(budget + 1);
  return [solve(sample, budget + doubt), solve(sample, Math.max(0, budget - doubt))];
}

/** Sorts out the coordinates that are 0, 1 or inside for every v in the bracket. */
function reduce(parts: readonly Float32Array[], low: number, high: number): Coordinates {
  let [ones, inside, insideSum] = [0, 0, 0];
  const rest: Float32Array[] = [];
  const kept = new Float32Array(CHUNK);
  for (const z of parts)
    for (let from = 0; from < z.length; from += CHUNK) {
      const to = Math.min(z.length, from + CHUNK);
      let count = 0;
      for (let i = from; i < to; i++) {
        const x = z[i];
        if (x <= low) continue;
        if (x >= 1 + high) ones++;
        else if (x > high && x < 1 + low) {
          inside++;
          insideSum += x;
        } else kept[count++] = x;
      }
      if (count > 0) rest.push(kept.slice(0, count));
    }
  return { ones, inside, insideSum, rest };
}

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
 */
export function projectByHalving(parts: readonly Float32Array[], budget: number): number {
  const all: Coordinates = { ones: 0, inside: 0, insideSum: 0, rest: parts };
  let { sum } = evaluate(all, 0);
  let [low, v, high] = [0, 0, largestOf(parts)];
  if (sum >= budget)
    for (let halving = 0; halving < 21 && Math.abs(sum - budget) >= 1e-3; halving++) {
      v = (low + high) / 2;
      sum = evaluate(all, v).sum;
      if (sum > budget) low = v;
      else high = v;
    }
  clip(parts, v, 0);
  return v;
}
