/** What gradients are written with. */
import type { Build } from '../core.js';
import { type Expression, input, operandsOf, substitute } from '../expression.js';

/** An element-wise node over just the operands its expression reads; undefined when the expression is 0. */
export function applied(t: Build, expression: Expression, names: readonly string[]): string | undefined {
  if (expression === 0) return undefined;
  if (typeof expression === 'object' && 'input' in expression) return names[expression.input];
  const used = [...operandsOf(expression)].sort((a, b) => a - b);
  const place = new Map(used.map((k, i) => [k, i]));
  const packed = substitute(expression, (k) => input(place.get(k)!));
  return t.emit(
    'elementwise',
    used.map((k) => names[k]),
    { expression: packed },
  )[0];
}

/** Sums `value` over whatever broadcasting (and lanes) gave it beyond the shape of `target`. */
export function sumTo(t: Build, value: string, target: string): string {
  const from = t.type(value);
  const to = t.type(target);
  const lead = from.shape.length - to.shape.length;
  const axes = from.shape.flatMap((dim, i) =>
    i < lead || (to.shape[i - lead] === 1 && dim !== 1) ? [i] : [],
  );
  const across = from.laned && !to.laned;
  if (axes.length === 0 && !across) return enlarged(t, value, target);
  const sum = t.emit('reduce', [value], { how: 'sum', axes, across })[0];
  return reshaped(t, sum, to.shape);
}

/** `value` as large as `target`: repeated along axes where it has one element. */
export function enlarged(t: Build, value: string, target: string): string {
  const { shape } = t.type(target);
  return sameShape(t.type(value).shape, shape) ? value : t.emit('expand', [value], { shape })[0];
}

export const reshaped = (t: Build, value: string, shape: readonly number[]): string =>
  sameShape(t.type(value).shape, shape) ? value : t.emit('reshape', [value], { shape })[0];

const sameShape = (a: readonly number[], b: readonly number[]) =>
  a.length === b.length && a.every((d, i) => d === b[i]);
