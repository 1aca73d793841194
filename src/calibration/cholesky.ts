/** Cholesky's factors of symmetric matrices in double precision, row-major, and what is solved with them. */

/** Factors of 10 on the ridge until the factors exist. */
const ATTEMPTS = 6;

/**
 * The lower factor of gram + λI with λ relative to the mean of the diagonal; a greater λ where rounding has left no positive pivot.
 * @returns undefined where there is no such factor.
 */
export function factored(gram: Float64Array, size: number, ridge: number): Float64Array | undefined {
  const unit = unitOf(gram, size);
  if (!Number.isFinite(unit)) return undefined;
  for (let attempt = 0, factor = ridge; attempt < ATTEMPTS; attempt++, factor = Math.max(factor * 10, 1e-8)) {
    const lower = cholesky(gram, size, factor * unit);
    if (lower) return lower;
  }
  return undefined;
}

/** What λ is relative to: the mean of the diagonal, or 1 where that is not above 0. */
export function unitOf(gram: Float64Array, size: number): number {
  let mean = 0;
  for (let i = 0; i < size; i++) mean += gram[i * size + i] / size;
  return Number.isFinite(mean) && mean <= 0 ? 1 : mean;
}

function cholesky(gram: Float64Array, size: number, ridge: number): Float64Array | undefined {
  const lower = gram.slice();
  for (let i = 0; i < size; i++) {
    const own = i * size;
    lower[own + i] += ridge;
    for (let j = 0; j <= i; j++) {
      const sum = lower[own + j] - dot(lower, own, lower, j * size, j);
      if (j < i) lower[own + j] = sum / lower[j * size + j];
      else if (!(sum > 0)) return undefined;
      else lower[own + i] = Math.sqrt(sum);
    }
  }
  return lower;
}

/** The product of two stretches: in four sums, which the processor adds side by side. */
export function dot(x: Float64Array, a: number, y: Float64Array, b: number, count: number): number {
  let [s, t, u, v] = [0, 0, 0, 0];
  let k = 0;
  for (; k + 3 < count; k += 4) {
    s += x[a + k] * y[b + k];
    t += x[a + k + 1] * y[b + k + 1];
    u += x[a + k + 2] * y[b + k + 2];
    v += x[a + k + 3] * y[b + k + 3];
  }
  for (; k < count; k++) s += x[a + k] * y[b + k];
  return s + t + (u + v);
}

/** Every row of `sides` becomes the solution x of x (gram + λI) = row. @returns false where there is none. */
export function solveRows(gram: Float64Array, size: number, sides: Float64Array, ridge: number): boolean {
  const factors = factored(gram, size, ridge);
  if (factors) solveInPlace(factors, size, sides, sides.length / size);
  return factors !== undefined;
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
