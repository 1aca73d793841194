/**
 * Ridge least squares in double precision, by Cholesky's factors of the normal equations.
 *
 * Wanted is the change Δ of a matrix, and s of its shift, for which Δu + s is nearest to what is missing, e:
 *
 *     minimise  Σ ‖e − Δu − s‖² + λ·‖Δ‖²      Δ (G + λI) = C      s = ē − Δū
 *
 * with G and C about the means ū and ē where there is a shift, else as they are. λ is `ridge` times the mean of G's diagonal. It
 * draws the weights to what they were, not to 0, so that directions that the samples say nothing of stay as they are, and with few
 * samples little changes. Where only some weights of a row may change, these have equations of their own (sparse-rows.ts).
 */
import { solveRows } from './cholesky.js';
import type { Moments } from './moments.js';
import { solveSparseRows } from './sparse-rows.js';

export interface Solution {
  /** [outputs][inner] */
  delta: Float64Array;
  /** Of each output; zeros where there is none. */
  shift: Float64Array;
  /** Mean of e², before and with the change, over samples, pixels and outputs; and the variance of what is wanted. */
  before: number;
  after: number;
  variance: number;
}

/** Options of {@link solveRidge}. */
export interface RidgeOptions {
  /** λ relative to the mean of G's diagonal. */
  ridge: number;
  /** Whether there is a shift. */
  shifted: boolean;
  /** [outputs][inner]: 1 where a weight may change; absent: all may. */
  free?: Uint8Array;
}

/** @returns undefined where the moments are not finite, or no ridge makes the equations sound. */
export function solveRidge(moments: Moments, { ridge, shifted, free }: RidgeOptions): Solution | undefined {
  const { groups, inner, outputs } = moments;
  const gram = shifted ? centredGram(moments) : moments.gram.slice();
  const cross = shifted ? centredCross(moments) : moments.cross;
  const delta = new Float64Array(outputs * inner);
  const per = outputs / groups;
  for (let g = 0; g < groups; g++) {
    const own = gram.subarray(g * inner * inner, (g + 1) * inner * inner);
    const [from, to] = [g * per * inner, (g + 1) * per * inner];
    delta.set(cross.subarray(from, to), from);
    const sides = delta.subarray(from, to);
    const some = free?.subarray(from, to);
    // Rows of which all may change have the same equations.
    const solved = some?.includes(0)
      ? solveSparseRows(own, inner, sides, { free: some, ridge })
      : solveRows(own, inner, sides, ridge);
    if (!solved) return undefined;
  }
  if (!delta.every(Number.isFinite)) return undefined;
  const shift = new Float64Array(outputs);
  if (shifted) for (let o = 0; o < outputs; o++) shift[o] = missingShift(moments, delta, o);
  return { delta, shift, ...errorsWith(moments, delta, shifted, { gram, cross }) };
}

/** ē − Δū of an output. */
function missingShift(
  { groups, inner, outputs, count, inputs, errors }: Moments,
  delta: Float64Array,
  o: number,
): number {
  const first = Math.floor((o * groups) / outputs) * inner;
  let sum = errors[o];
  for (let j = 0; j < inner; j++) sum -= delta[o * inner + j] * inputs[first + j];
  return sum / count;
}

function errorsWith(
  moments: Moments,
  delta: Float64Array,
  shifted: boolean,
  { gram, cross }: { gram: Float64Array; cross: Float64Array },
): Pick<Solution, 'before' | 'after' | 'variance'> {
  const { outputs, groups, inner, count, squares, errors, wanted, wantedSquares } = moments;
  let [before, after, variance] = [0, 0, 0];
  const product = new Float64Array(inner);
  for (let o = 0; o < outputs; o++) {
    const start = Math.floor((o * groups) / outputs) * inner * inner;
    const row = delta.subarray(o * inner, (o + 1) * inner);
    timesVector(gram, start, row, product);
    let change = 0;
    for (let j = 0; j < inner; j++) change += row[j] * (product[j] - 2 * cross[o * inner + j]);
    before += squares[o];
    after += Math.max(0, squares[o] - (shifted ? errors[o] ** 2 / count : 0) + change);
    variance += Math.max(0, wantedSquares[o] - wanted[o] ** 2 / count);
  }
  const every = count * outputs;
  return { before: before / every, after: after / every, variance: variance / every };
}

/** A row of a symmetric matrix at a time. */
function timesVector(gram: Float64Array, start: number, x: Float64Array, out: Float64Array): void {
  const n = x.length;
  for (let i = 0; i < n; i++) {
    const at = start + i * n;
    let sum = 0;
    for (let j = 0; j < n; j++) sum += gram[at + j] * x[j];
    out[i] = sum;
  }
}

/** Σ (u − ū)(u − ū)ᵀ */
export function centredGram({ gram, groups, inner, count, inputs }: Moments): Float64Array {
  const result = gram.slice();
  for (let g = 0; g < groups; g++) {
    const mean = inputs.subarray(g * inner, (g + 1) * inner);
    for (let i = 0; i < inner; i++) {
      const at = (g * inner + i) * inner;
      const factor = mean[i] / count;
      for (let j = 0; j < inner; j++) result[at + j] -= factor * mean[j];
    }
  }
  return result;
}

/** Σ (e − ē)(u − ū)ᵀ */
function centredCross({ cross, groups, inner, outputs, count, inputs, errors }: Moments): Float64Array {
  const result = cross.slice();
  for (let o = 0; o < outputs; o++) {
    const first = Math.floor((o * groups) / outputs) * inner;
    const factor = errors[o] / count;
    for (let j = 0; j < inner; j++) result[o * inner + j] -= factor * inputs[first + j];
  }
  return result;
}

/** The variance of each row of a matrix times u. */
export function variances(moments: Moments, matrix: Float64Array): Float64Array {
  const { groups, inner, outputs, count } = moments;
  const gram = centredGram(moments);
  const product = new Float64Array(inner);
  return Float64Array.from({ length: outputs }, (_, o) => {
    const row = matrix.subarray(o * inner, (o + 1) * inner);
    timesVector(gram, Math.floor((o * groups) / outputs) * inner * inner, row, product);
    return Math.max(0, row.reduce((sum, x, j) => sum + x * product[j], 0) / count);
  });
}
