/**
 * Least squares of rows in which only some weights may change. Each row has equations of its own, those of its free weights F:
 *
 *     Δ[F] (G[F, F] + λI) = C[F]        Δ = 0 elsewhere
 *
 * Short ones are solved by Cholesky's factors, which take |F|³ / 3 operations; long ones by conjugate gradients from Δ = 0, of
 * which every step takes |F|² and makes the error less (Hestenes and Stiefel, 1952), so that stopping early never does harm.
 */
import { dot, solveRows, unitOf } from './cholesky.js';

/** Free weights up to which a row is solved exactly. */
const EXACT = 384;

/** Steps of conjugate gradients at most, and the residual, relative to the right side, at which they end. */
const STEPS = 50;
const ENOUGH = 1e-5;

/**
 * Every row of `sides`, [rows][inner], becomes the solution of the equations of its free weights, which are marked with 1 in `free`.
 * @returns false where a row's equations have no finite solution.
 */
export function solveSparseRows(
  gram: Float64Array,
  inner: number,
  sides: Float64Array,
  { free, ridge }: { free: Uint8Array; ridge: number },
): boolean {
  for (let from = 0; from < sides.length; from += inner) {
    const places: number[] = [];
    for (let j = 0; j < inner; j++) if (free[from + j]) places.push(j);
    const side = Float64Array.from(places, (j) => sides[from + j]);
    const part = among(gram, inner, places);
    const solved =
      places.length <= EXACT
        ? places.length === 0 || solveRows(part, places.length, side, ridge)
        : descend(part, side, ridge);
    if (!solved) return false;
    sides.fill(0, from, from + inner);
    for (const [i, j] of places.entries()) sides[from + j] = side[i];
  }
  return true;
}

/** The rows and columns of a matrix that are named. */
function among(matrix: Float64Array, size: number, places: readonly number[]): Float64Array {
  const part = new Float64Array(places.length ** 2);
  let at = 0;
  for (const i of places) for (const j of places) part[at++] = matrix[i * size + j];
  return part;
}

/** `side` becomes x of x (G + λI) = side, as nearly as so many steps come. */
export function descend(gram: Float64Array, side: Float64Array, ridge: number): boolean {
  const size = side.length;
  const lambda = ridge * unitOf(gram, size);
  const residual = side.slice();
  const direction = side.slice();
  const moved = new Float64Array(size);
  side.fill(0);
  let square = squareOf(residual);
  const enough = square * ENOUGH ** 2;
  for (let step = 0; step < STEPS && square > enough; step++) {
    timesSymmetric(gram, direction, lambda, moved);
    const along = dot(direction, 0, moved, 0, size);
    if (!Number.isFinite(along)) return false;
    // Rounding has left no curvature to go along.
    if (along <= 0) break;
    const length = square / along;
    for (let i = 0; i < size; i++) {
      side[i] += length * direction[i];
      residual[i] -= length * moved[i];
    }
    const next = squareOf(residual);
    for (let i = 0; i < size; i++) direction[i] = residual[i] + (next / square) * direction[i];
    square = next;
  }
  return side.every(Number.isFinite) && Number.isFinite(square);
}

function timesSymmetric(matrix: Float64Array, x: Float64Array, lambda: number, out: Float64Array): void {
  const n = x.length;
  for (let i = 0; i < n; i++) out[i] = lambda * x[i] + dot(matrix, i * n, x, 0, n);
}

const squareOf = (x: Float64Array): number => dot(x, 0, x, 0, x.length);
