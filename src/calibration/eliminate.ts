/**
 * Which inputs of layers can be done without, if the rest is solved for: greedy backward elimination, as in ThiNet (Luo, Wu, Lin, ICCV 2017), by
 * the exact error of least squares. With H = (G + λI)⁻¹ and W a layer's matrix, taking away the columns S of a unit and solving for all others costs
 *
 *     tr W_S [H_SS]⁻¹ W_Sᵀ        W ← W − W_S [H_SS]⁻¹ H_S:        H ← H − H_:S [H_SS]⁻¹ H_S:
 *
 * (optimal brain surgery of blocks: Frantar, Singh, Alistarh: "Optimal brain compression", NeurIPS 2022). A unit that several layers read
 * costs what it costs each, relative to the variance of what that layer is to give.
 */
import { sizeOf } from '../onnx/index.js';
import { factored, solveInPlace } from './cholesky.js';
import { centredGram } from './solve.js';
import type { Visited } from './visit.js';

/** A matrix that reads units. */
export interface Reader {
  /** Σ u uᵀ about the means, [inner][inner]. */
  gram: Float64Array;
  /** [outputs][inner] */
  matrix: Float64Array;
  outputs: number;
  inner: number;
  /** The columns of each unit. */
  units: readonly (readonly number[])[];
  /** What an error of one counts. */
  worth: number;
}

export interface Elimination {
  /** Units in the order in which they go; all but the last. */
  order: number[];
  /** The error when that unit and all before are gone. */
  errors: number[];
}

/** Readers of more columns are judged without solving for the others: their factors would take too long. */
export const MOST_SOLVED = 1600;

/** @returns undefined where a reader's moments are not finite. */
export function eliminate(readers: readonly Reader[], count: number, ridge: number): Elimination | undefined {
  const states = readers.map((reader) => stateOf(reader, ridge));
  if (states.some((state) => state === undefined)) return undefined;
  const live = new Set(Array.from({ length: count }, (_, unit) => unit));
  const order: number[] = [];
  const errors: number[] = [];
  let error = 0;
  while (live.size > 1) {
    let [best, least] = [-1, Infinity];
    for (const unit of live) {
      const cost = states.reduce((sum, state) => sum + state!.cost(unit), 0);
      if (cost < least || best < 0) [best, least] = [unit, cost];
    }
    for (const state of states) state!.remove(best);
    live.delete(best);
    error += Math.max(0, least);
    order.push(best);
    errors.push(error);
  }
  return { order, errors };
}

interface State {
  cost(unit: number): number;
  remove(unit: number): void;
}

function stateOf(reader: Reader, ridge: number): State | undefined {
  const { inner, gram } = reader;
  if (inner > MOST_SOLVED) return plainState(reader);
  const factors = factored(gram, inner, ridge);
  if (!factors) return undefined;
  const inverse = new Float64Array(inner * inner);
  for (let i = 0; i < inner; i++) inverse[i * inner + i] = 1;
  solveInPlace(factors, inner, inverse, inner);
  return solvedState(reader, inverse);
}

/** tr W_S G_SS W_Sᵀ: what is missing where nothing makes up for a unit. */
function plainState({ gram, matrix, outputs, inner, units, worth }: Reader): State | undefined {
  if (!gram.every(Number.isFinite)) return undefined;
  const costs = units.map((columns) => {
    const block = blockOf(gram, inner, columns);
    return worth * quadratic(block, matrix, { outputs, inner, columns });
  });
  return { cost: (unit) => costs[unit], remove() {} };
}

function solvedState({ matrix: given, outputs, inner, units, worth }: Reader, inverse: Float64Array): State {
  const matrix = given.slice();
  const live = new Set(Array.from({ length: inner }, (_, column) => column));
  return {
    cost(unit) {
      const columns = units[unit];
      const weights = inverted(blockOf(inverse, inner, columns), columns.length);
      return worth * quadratic(weights, matrix, { outputs, inner, columns });
    },
    remove(unit) {
      const columns = units[unit];
      const size = columns.length;
      const weights = inverted(blockOf(inverse, inner, columns), size);
      const others = [...live];
      // [H_SS]⁻¹ H_S: of the columns that are left.
      const rows = Array.from({ length: size }, (_, a) => {
        const row = new Float64Array(inner);
        for (let b = 0; b < size; b++) {
          const [factor, at] = [weights[a * size + b], columns[b] * inner];
          for (const j of others) row[j] += factor * inverse[at + j];
        }
        return row;
      });
      subtract(matrix, outputs, inner, { columns, rows, others });
      subtract(inverse, inner, inner, { columns, rows, others });
      for (const column of columns) {
        live.delete(column);
        inverse.fill(0, column * inner, (column + 1) * inner);
        for (let i = 0; i < inner; i++) inverse[i * inner + column] = 0;
        for (let o = 0; o < outputs; o++) matrix[o * inner + column] = 0;
      }
    },
  };
}

/** Every row less its own elements at `columns` times `rows`. */
function subtract(
  from: Float64Array,
  height: number,
  width: number,
  {
    columns,
    rows,
    others,
  }: { columns: readonly number[]; rows: readonly Float64Array[]; others: readonly number[] },
): void {
  const before = new Float64Array(columns.length);
  for (let i = 0; i < height; i++) {
    const at = i * width;
    for (const [a, column] of columns.entries()) before[a] = from[at + column];
    if (before.every((x) => x === 0)) continue;
    for (const [a, row] of rows.entries()) {
      const factor = before[a];
      for (const j of others) from[at + j] -= factor * row[j];
    }
  }
}

function blockOf(matrix: Float64Array, size: number, columns: readonly number[]): Float64Array {
  const block = new Float64Array(columns.length ** 2);
  for (const [a, row] of columns.entries())
    for (const [b, column] of columns.entries()) block[a * columns.length + b] = matrix[row * size + column];
  return block;
}

/** Σ w_S B w_Sᵀ over the rows of a matrix. */
function quadratic(
  block: Float64Array,
  matrix: Float64Array,
  { outputs, inner, columns }: { outputs: number; inner: number; columns: readonly number[] },
): number {
  const size = columns.length;
  let sum = 0;
  for (let o = 0; o < outputs; o++)
    for (let a = 0; a < size; a++) {
      let product = 0;
      for (let b = 0; b < size; b++) product += block[a * size + b] * matrix[o * inner + columns[b]];
      sum += product * matrix[o * inner + columns[a]];
    }
  return sum;
}

/** The inverse of a small symmetric positive matrix. */
function inverted(block: Float64Array, size: number): Float64Array {
  const factors = factored(block, size, 0);
  const inverse = new Float64Array(size * size);
  if (!factors) return inverse;
  for (let i = 0; i < size; i++) inverse[i * size + i] = 1;
  solveInPlace(factors, size, inverse, size);
  return inverse;
}

/** The matrices of a layer that read units, by the positions of these on an axis of the weight. */
export function readersIn(
  { layer, target, moments, weights }: Visited,
  {
    shape,
    axis,
    positions,
  }: { shape: readonly number[]; axis: number; positions: readonly (readonly number[])[] },
): Reader[] {
  const { groups, inner, at } = layer;
  const outputs = layer.outputs / groups;
  const weight = weights.get(layer.weight)!;
  const inside = sizeOf(shape.slice(axis + 1));
  const place = new Map(positions.flatMap((own, unit) => own.map((position) => [position, unit] as const)));
  const grams = centredGram(moments);
  const variance = moments.wantedSquares.reduce(
    (sum, square, o) => sum + square - moments.wanted[o] ** 2 / moments.count,
    0,
  );
  return Array.from({ length: groups }, (_, g): Reader => {
    const units = positions.map(() => [] as number[]);
    for (let j = 0; j < inner; j++) {
      const unit = place.get(Math.floor(at[g * outputs * inner + j] / inside) % shape[axis]);
      if (unit !== undefined) units[unit].push(j);
    }
    const matrix = Float64Array.from({ length: outputs * inner }, (_, i) => {
      const o = g * outputs + Math.floor(i / inner);
      return weight[at[o * inner + (i % inner)]] * target.scale[o];
    });
    const gram = grams.subarray(g * inner * inner, (g + 1) * inner * inner);
    return { gram, matrix, outputs, inner, units, worth: variance > 0 ? 1 / variance : 0 };
  });
}
