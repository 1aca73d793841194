/** Reductions over axes, and ArgMax and ArgMin, which are reductions too. */
import { attr } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { axisOf, constantInts, type Operator, required, type Site } from '../operator.js';
import { lists } from './check.js';
import { define, type Expand } from './define.js';
import { add, mul, sub } from './elementwise.js';
import { constant, cut, filled, mean, pointwise, range, reduce, reshape } from './emit.js';

const [x, y] = [input(0), input(1)];

/** The axes: an attribute, or input 1 (ReduceSum from opset 13, the others from 18); all where none are named. */
function axesOf(site: Site): number[] {
  const rank = required(site, 0).shape.length;
  const axes = attr.ints(site.node, 'axes', undefined) ?? constantInts(site, 1, 'axes') ?? [];
  if (axes.length > 0) return [...new Set(axes.map((axis) => axisOf(site, axis, rank)))];
  return attr.int(site.node, 'noop_with_empty_axes', 0) ? [] : range(rank);
}

const keptOf = (site: Site): boolean => attr.int(site.node, 'keepdims', 1) !== 0;

const without = (b: Build, value: string, axes: readonly number[]): string =>
  reshape(
    b,
    value,
    b.type(value).shape.filter((_, i) => !axes.includes(i)),
  );

const reduction = (f: (b: Build, value: string, axes: number[], site: Site) => string): Operator =>
  define({
    takes: 'N I? -> 1',
    check: (site) => lists(site, [1]),
    settings: [1],
    expand(site, [value], b) {
      const axes = axesOf(site);
      const result = f(b, value, axes, site);
      return [keptOf(site) ? result : without(b, result, axes)];
    },
  });

/** after(Σ before(x)) */
const summed = (before: Expression, after: Expression = x): Operator =>
  reduction((b, value, axes) => pointwise(b, after, [reduce(b, 'sum', pointwise(b, before, [value]), axes)]));

/** log Σ exp(x), without overflow: what the largest is taken for does not change the value or its gradient. */
function logSumExp(b: Build, value: string, axes: number[]): string {
  const top = reduce(b, 'max', value, axes);
  const sum = reduce(b, 'sum', pointwise(b, call('exp', sub(x, y)), [value, top]), axes);
  return pointwise(b, add(call('log', x), y), [sum, top]);
}

/** The first half of an axis times the second, until one position is left; what is over where it is odd comes last. */
function product(b: Build, value: string, axes: number[]): string {
  return axes.reduce((whole, axis) => {
    const { shape } = b.type(whole);
    if (shape[axis] === 0) return filled(b, shape.with(axis, 1), 1);
    const over: string[] = [];
    let rest = whole;
    for (let size = shape[axis]; size > 1; size = Math.floor(size / 2)) {
      const half = Math.floor(size / 2);
      if (size % 2 === 1) over.push(cut(b, rest, axis, size - 1, 1));
      rest = pointwise(b, mul(x, y), [cut(b, rest, axis, 0, half), cut(b, rest, axis, half, half)]);
    }
    return over.reduce((result, last) => pointwise(b, mul(x, y), [result, last]), rest);
  }, value);
}

/**
 * The place of the largest (sign 1) or smallest (−1): where x equals the maximum, the place, counted so that the one
 * wanted among equals counts most; the maximum of those.
 */
const place =
  (sign: 1 | -1): Expand =>
  (site, [value], b) => {
    const { shape } = required(site, 0);
    const axis = axisOf(site, attr.int(site.node, 'axis', 0), shape.length);
    const last = attr.int(site.node, 'select_last_index', 0) !== 0;
    const size = shape[axis];
    const signed = pointwise(b, mul(x, sign), [value]);
    const ranks = constant(
      b,
      shape.map((_, i) => (i === axis ? size : 1)),
      range(size).map((i) => (last ? i + 1 : size - i)),
    );
    const hit = call('choose', call('equal', x, y), input(2), 0);
    const hits = pointwise(b, hit, [signed, reduce(b, 'max', signed, [axis]), ranks]);
    const best = reduce(b, 'max', hits, [axis]);
    const index = pointwise(b, last ? sub(x, 1) : sub(size, x), [best]);
    return [keptOf(site) ? index : without(b, index, [axis])];
  };

const sum = (...formulas: Parameters<typeof summed>): Operator => ({ ...summed(...formulas), sums: true });

const negated = call('neg', x);
const absolute = call('abs', x);
const square = mul(x, x);

export const reduceOperators: Record<string, Operator> = {
  ReduceSum: sum(x),
  ReduceMean: reduction(mean),
  ReduceL1: sum(absolute),
  ReduceL2: sum(square, call('sqrt', x)),
  ReduceSumSquare: sum(square),
  ReduceLogSum: sum(x, call('log', x)),
  ReduceLogSumExp: reduction(logSumExp),
  ReduceMax: reduction((b, value, axes) => reduce(b, 'max', value, axes)),
  ReduceMin: reduction((b, value, axes) =>
    pointwise(b, negated, [reduce(b, 'max', pointwise(b, negated, [value]), axes)]),
  ),
  ReduceProd: reduction(product),
  ArgMax: define({ takes: 'N -> 1', dtypes: () => ['int64'], expand: place(1) }),
  ArgMin: define({ takes: 'N -> 1', dtypes: () => ['int64'], expand: place(-1) }),
};
