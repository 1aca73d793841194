/** Writing core operators: what is the identity emits nothing, and shapes are brought to where they are wanted. */
import { floatTensor, sizeOf } from '../../onnx/index.js';
import type { Build, CoreNode, Type } from '../core.js';
import { call, type Expression, input, operandsOf, substitute } from '../expression.js';
import { broadcast } from '../shapes.js';

export const same = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, i) => dim === b[i]);

/** Numbers that a table made here has, at most. */
const mostListed = 2 ** 24;

/** @throws Error for more numbers than a table may have. */
export function range(n: number, from = 0): number[] {
  if (!(n <= mostListed)) throw new Error(`a table of ${n} entries`);
  return Array.from({ length: n }, (_, i) => from + i);
}

/** @throws Error when the number of elements differs (a model that does not fit). */
export function reshape(b: Build, x: string, shape: readonly number[]): string {
  const from = b.type(x).shape;
  if (same(from, shape)) return x;
  if (sizeOf(from) !== sizeOf(shape)) throw new Error(`[${from}] does not fill [${shape}]`);
  return b.emit('reshape', [x], { shape })[0];
}

export function transpose(b: Build, x: string, order: readonly number[]): string {
  return order.every((axis, i) => axis === i) ? x : b.emit('transpose', [x], { order })[0];
}

/** Repeats `x` up to `shape`, as NumPy broadcasts. */
export function expand(b: Build, x: string, shape: readonly number[]): string {
  const from = b.type(x).shape;
  if (sizeOf(from) === sizeOf(shape)) return reshape(b, x, shape);
  const lifted = reshape(b, x, [...shape.slice(from.length).map(() => 1), ...from]);
  return b.emit('expand', [lifted], { shape })[0];
}

/** Elements starts, starts + steps, … along every axis. */
export function slice(
  b: Build,
  x: string,
  starts: readonly number[],
  sizes: readonly number[],
  steps: readonly number[] = starts.map(() => 1),
): string {
  const whole =
    same(sizes, b.type(x).shape) &&
    starts.every((s) => s === 0) &&
    steps.every((s, i) => s === 1 || sizes[i] === 1);
  return whole ? x : b.emit('slice', [x], { starts, steps, sizes })[0];
}

/** `size` elements from `start` along one axis. */
export function cut(b: Build, x: string, axis: number, start: number, size: number, step = 1): string {
  const { shape } = b.type(x);
  const at = <T>(value: T, others: readonly T[]) => others.map((other, i) => (i === axis ? value : other));
  const zeros = shape.map(() => 0);
  return slice(
    b,
    x,
    at(start, zeros),
    at(size, shape),
    at(
      step,
      shape.map(() => 1),
    ),
  );
}

/** A float constant. */
export const constant = (b: Build, shape: readonly number[], data: readonly number[]): string =>
  b.constant(floatTensor(shape, data));

/** A constant that is the same number everywhere. */
export const filled = (b: Build, shape: readonly number[], value: number): string =>
  b.constant(floatTensor(shape, new Float32Array(sizeOf(shape)).fill(value)));

/** Operands broadcast together: their common shape. @throws Error where there is none. */
export function commonShape(shapes: readonly (readonly number[])[]): readonly number[] {
  return shapes.reduce((a, s) => {
    const joined = broadcast(a, s);
    if (!joined) throw new Error(`[${a}] cannot be broadcast with [${s}]`);
    return joined;
  }, []);
}

/**
 * An element-wise formula over `names` ('' where absent). Constant scalars become numbers in it, and single numbers that it then no
 * longer reads are left out; a formula that is its only operand emits nothing. An operand of several numbers stays although the formula
 * does not read it any more (a product that is multiplied by an alpha of 0): the node still asks for it in the shape of the result.
 */
export function pointwise(
  b: Build,
  expression: Expression,
  names: readonly string[],
  gradient?: CoreNode['gradient'],
): string {
  const types = names.map((name) => (name === '' ? undefined : b.type(name)));
  const shape = commonShape(types.map((type) => type?.shape ?? []));
  const formula = substitute(expression, (k) => {
    const data = types[k]?.constant?.data;
    const value = data?.length === 1 ? Number(data[0]) : Number.NaN;
    return Number.isFinite(value) ? value : input(k);
  });
  if (typeof formula === 'number') {
    return filled(b, shape, formula);
  }
  const read = operandsOf(formula);
  const stays = (type: Type | undefined, k: number): boolean =>
    gradient !== undefined || read.has(k) || (type !== undefined && sizeOf(type.shape) > 1);
  const used = range(names.length).filter((k) => stays(types[k], k));
  if ('input' in formula && used.length === 1) return expand(b, names[formula.input], shape);
  const packed = substitute(formula, (k) => input(used.indexOf(k)));
  const operands = used.map((k) => names[k]);
  return expand(b, b.emit('elementwise', operands, { expression: packed }, gradient)[0], shape);
}

/** Sum or maximum over `axes`, which stay with one element. */
export function reduce(b: Build, how: 'sum' | 'max', x: string, axes: readonly number[]): string {
  const { shape } = b.type(x);
  if (axes.every((axis) => shape[axis] === 1)) return x;
  return b.emit('reduce', [x], { how, axes })[0];
}

/** The mean over `axes`, which stay with one element. */
export function mean(b: Build, x: string, axes: readonly number[]): string {
  const { shape } = b.type(x);
  const count = axes.reduce((n, axis) => n * shape[axis], 1);
  return pointwise(b, call('mul', input(0), 1 / count), [reduce(b, 'sum', x, axes)]);
}

/** A vector laid along `axis` of a value with `rank` dimensions, so that it broadcasts there. */
export const along = (b: Build, vector: string, axis: number, rank: number): string =>
  reshape(
    b,
    vector,
    range(rank).map((i) => (i === axis ? sizeOf(b.type(vector).shape) : 1)),
  );

/** One output element of a table: input positions and their weights. */
export type Row = readonly (readonly [from: number, weight: number])[];

/** Replaces `axis` of x by one element per row of the table, each a weighted sum of elements along that axis. */
export function positions(b: Build, x: string, axis: number, rows: readonly Row[]): string {
  const { shape } = b.type(x);
  const identity =
    rows.length === shape[axis] &&
    rows.every((row, q) => row.length === 1 && row[0][0] === q && row[0][1] === 1);
  if (identity) return x;
  const start = new Int32Array(rows.length + 1);
  for (const [q, row] of rows.entries()) start[q + 1] = start[q] + row.length;
  const taps = rows.flat();
  const table = {
    start,
    from: Int32Array.from(taps, ([from]) => from),
    weight: Float32Array.from(taps, ([, weight]) => weight),
  };
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const flat = reshape(b, x, [sizeOf(before), shape[axis], sizeOf(after)]);
  return reshape(b, b.emit('positions', [flat], table)[0], [...before, rows.length, ...after]);
}

/** Elements of an axis by their indices, in any order and number. */
export function pick(b: Build, x: string, axis: number, indices: readonly number[]): string {
  const step = indices.length > 1 ? indices[1] - indices[0] : 1;
  if (step !== 0 && indices.every((index, i) => index === indices[0] + i * step)) {
    return cut(b, x, axis, indices[0] ?? 0, indices.length, step);
  }
  return positions(
    b,
    x,
    axis,
    indices.map((index) => [[index, 1]]),
  );
}
