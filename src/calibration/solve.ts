/**
 * Ridge least squares in double precision, by Cholesky's factors of the normal equations.
 *
 * Wanted is the change Δ of a matrix, and s of its shift, for which Δu + s is nearest to what is missing, e:
 *
 *     minimise  Σ ‖e − Δu − s‖² + λ·‖Δ‖²      Δ (G + λI) = C      s = ē − Δū
 *
 * with G and C about the means ū and ē where there is a shift, else as they are. λ is `ridge` times the mean of G's diagonal. It
 * draws the weights to what they were, not to 0, so that directions that the samples say nothing of stay as they are, and with few
 * samples little changes.
 */
import type { Moments } from './moments.js';

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

/** Factors of 10 on the ridge until the factors exist. */
const ATTEMPTS = 6;

/** @returns undefined where the moments are not finite, or no ridge makes the equations sound. */
export function solveRidge(
  moments: Moments,
  { ridge, shifted }: { ridge: number; shifted: boolean },
): Solution | undefined {
  const { groups, inner, outputs } = moments;
  const gram = shifted ? centredGram(moments) : moments.gram.slice();
  const cross = shifted ? centredCross(moments) : moments.cross;
  const delta = new Float64Array(outputs * inner);
  const per = outputs / groups;
  for (let g = 0; g < groups; g++) {
    const own = gram.subarray(g * inner * inner, (g + 1) * inner * inner);
    const factors = factored(own, inner, ridge);
    if (!factors) return undefined;
    const [from, to] = [g * per * inner, (g + 1) * per * inner];
    delta.set(cross.subarray(from, to), from);
    solveInPlace(factors, inner, delta.subarray(from, to), per);
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

/**
 * The lower factor of gram + λI with λ relative to the mean of the diagonal; a greater λ where rounding has left no positive pivot.
 * @returns undefined where there is no such factor.
 */
export function factored(gram: Float64Array, size: number, ridge: number): Float64Array | undefined {
  let mean = 0;
  for (let i = 0; i < size; i++) mean += gram[i * size + i] / size;
  if (!Number.isFinite(mean)) return undefined;
  const unit = mean > 0 ? mean : 1;
  for (let attempt = 0, factor = ridge; attempt < ATTEMPTS; attempt++, factor = Math.max(factor * 10, 1e-8)) {
    const lower = cholesky(gram, size, factor * unit);
    if (lower) return lower;
  }
  return undefined;
}

function cholesky(gram: Float64Array, size: number, ridge: number): Float64Array | undefined {
  const lower = gram.slice();
  for (let i = 0; i < size; i++) {
    const own = i * size;
    lower[own + i] += ridge;
    for (let j = 0; j <= i; j++) {
      const sum = lower[own + j] - dot(lower, own, j * size, j);
      if (j < i) lower[own + j] = sum / lower[j * size + j];
      else if (!(sum > 0)) return undefined;
      else lower[own + i] = Math.sqrt(sum);
    }
  }
  return lower;
}

/** In four sums, which the processor adds side by side. */
function dot(x: Float64Array, a: number, b: number, count: number): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < count; k += 4) {
    s += x[a + k] * x[b + k];
    t += x[a + k + 1] * x[b + k + 1];
    u += x[a + k + 2] * x[b + k + 2];
    v += x[a + k + 3] * x[b + k + 3];
  }
  for (; k < count; k++) s += x[a + k] * x[b + k];
  return s + t + (u + v);
}

/** Right sides that pass by a row of the factor while it is in the cache. */
const SIDES = 16;

/** Every row of `sides`, there are `rows`, becomes the solution x of L Lᵀ x = row. */
export function solveInPlace(lower: Float64Array, size: number, sides: Float64Array, rows: number): void {
  for (let from = 0; from < rows; from += SIDES) {
    const to = Math.min(rows, from + SIDES);
    for (let i = 0; i < size; i++) {
      const at = i * size;
      for (let r = from; r < to; r++) {
        const side = r * size;
        let sum = sides[side + i];
        for (let k = 0; k < i; k++) sum -= lower[at + k] * sides[side + k];
        sides[side + i] = sum / lower[at + i];
      }
    }
    for (let i = size - 1; i >= 0; i--) {
      const at = i * size;
      for (let r = from; r < to; r++) {
        const side = r * size;
        sides[side + i] /= lower[at + i];
        const x = sides[side + i];
        for (let k = 0; k < i; k++) sides[side + k] -= x * lower[at + k];
      }
    }
  }
}
