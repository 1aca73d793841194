/**
 * Gemm and MatMul. A product with weights is a convolution with a window of one: rows of x are pixels, its columns are
 * channels, so the convolution kernels (and their sparse kin) serve both.
 */
import { fail } from '../../base/index.js';
import { attr, sizeOf } from '../../onnx/index.js';
import type { Build, Window } from '../core.js';
import { input } from '../expression.js';
import { describe, type Operator, required, type Site } from '../operator.js';
import { bias, type InputRole } from '../roles.js';
import { broadcast } from '../shapes.js';
import { ranked, repeatable, shapeAt, unfit } from './check.js';
import { define } from './define.js';
import { add, mul } from './elementwise.js';
import { expand, pointwise, reshape, transpose } from './emit.js';

const single: Window = { kernel: [1], strides: [1], dilations: [1], padsBefore: [0], padsAfter: [0] };

/** w [O, K] as the filters of a convolution. */
export const filters = (b: Build, w: string): string => reshape(b, w, [...b.type(w).shape, 1]);

/** Filters [O, K, 1] times the columns of x [B, K, T], plus an optional bias [O]: [B, O, T]. */
export const filtered = (b: Build, w: string, x: string, bias?: string): string =>
  b.emit('conv', bias ? [x, w, bias] : [x, w], { window: single, groups: 1 })[0];

/** w [O, K] times the columns of x [B, K, T], plus an optional bias [O]: [B, O, T]. */
export const columns = (b: Build, w: string, x: string, bias?: string): string =>
  filtered(b, filters(b, w), x, bias);

/** x [M, K] times the transpose of w [O, K], plus an optional bias [O]: [M, O]. */
function project(b: Build, x: string, w: string, bias?: string): string {
  const [rows, inner] = b.type(x).shape;
  const outer = b.type(w).shape[0];
  const pixels = reshape(b, transpose(b, x, [1, 0]), [1, inner, rows]);
  return transpose(b, reshape(b, columns(b, w, pixels, bias), [outer, rows]), [1, 0]);
}

/** Matrices of equal leading dimensions, whatever they come from. */
function product(b: Build, left: string, right: string): string {
  const [a, c] = [b.type(left).shape, b.type(right).shape];
  const lead = broadcast(a.slice(0, -2), c.slice(0, -2));
  if (!lead) throw new Error(`[${a}] cannot be multiplied by [${c}]`);
  const spread = (name: string) => expand(b, name, [...lead, ...b.type(name).shape.slice(-2)]);
  return b.emit('matmul', [spread(left), spread(right)], {})[0];
}

/** Whether a value is weights: a matrix, up to leading ones, that is the same for all samples. */
function isWeights(b: Build, name: string): boolean {
  const { laned, shape } = b.type(name);
  return !laned && sizeOf(shape) === sizeOf(shape.slice(-2));
}

/** The product of matrices; what has more dimensions is a list of them. */
export function multiply(b: Build, left: string, right: string): string {
  const [a, c] = [b.type(left).shape, b.type(right).shape];
  const [rows, inner, outer] = [a[a.length - 2], a[a.length - 1], c[c.length - 1]];
  if (isWeights(b, right) && b.type(left).laned && c.length <= a.length) {
    const w = transpose(b, reshape(b, right, [inner, outer]), [1, 0]);
    return reshape(b, project(b, reshape(b, left, [sizeOf(a) / inner, inner]), w), [
      ...a.slice(0, -1),
      outer,
    ]);
  }
  if (isWeights(b, left) && b.type(right).laned && a.length <= c.length) {
    const x = reshape(b, right, [sizeOf(c) / (inner * outer), inner, outer]);
    return reshape(b, columns(b, reshape(b, left, [rows, inner]), x), [...c.slice(0, -2), rows, outer]);
  }
  return product(b, left, right);
}

function checkInner(site: Site, left: number, right: number): void {
  if (left === right) return;
  fail(
    `${describe(site.node)} multiplies ${left} columns by ${right} rows; the model is damaged, or an input shape was given that it is not made for.`,
  );
}

const columnsOut: InputRole = {
  is: 'weight',
  outputAxis: (_node, _index, rank) => rank - 1,
  channelAxis: 'last',
};

const matMul: Operator = define({
  takes: 'N N -> 1',
  check(site) {
    for (const index of [0, 1]) ranked(site, index, 1);
    const [a, c] = [shapeAt(site, 0), shapeAt(site, 1)];
    checkInner(site, a[a.length - 1], c[Math.max(0, c.length - 2)]);
    if (!broadcast(a.slice(0, -2), c.slice(0, -2))) unfit(site, `multiplies [${a}] by [${c}]`);
  },
  roles: { 0: columnsOut, 1: columnsOut },
  learnable: (shape) => shape.length > 1,
  macs(site, [y]) {
    const { shape } = required(site, 0);
    return sizeOf(y.shape) * shape[shape.length - 1];
  },
  expand(site, [left, right], b) {
    const [a, c] = [required(site, 0).shape, required(site, 1).shape];
    const lifted = a.length === 1 ? reshape(b, left, [1, ...a]) : left;
    const dropped = c.length === 1 ? reshape(b, right, [...c, 1]) : right;
    const y = multiply(b, lifted, dropped);
    const { shape } = b.type(y);
    const kept = shape.filter(
      (_, i) => !(a.length === 1 && i === shape.length - 2) && !(c.length === 1 && i === shape.length - 1),
    );
    return [reshape(b, y, kept)];
  },
});

/** Whether input 2 is one number per column, to be added as a convolution's bias. */
const isBias = (b: Build, name: string, columnCount: number): boolean => {
  const { laned, shape } = b.type(name);
  return !laned && sizeOf(shape) === columnCount && (shape[shape.length - 1] ?? 1) === columnCount;
};

const gemm: Operator = define({
  takes: 'N N N? -> 1',
  check(site) {
    for (const index of [0, 1]) ranked(site, index, 2, 2);
    const turned = (index: number, flag: string) =>
      attr.int(site.node, flag, 0) ? [...shapeAt(site, index)].reverse() : shapeAt(site, index);
    const [[rows, inner], [height, columns]] = [turned(0, 'transA'), turned(1, 'transB')];
    checkInner(site, inner, height);
    repeatable(site, 2, [rows, columns]);
  },
  roles: {
    1: {
      is: 'weight',
      outputAxis: (node) => (attr.int(node, 'transB', 0) ? 0 : 1),
      channelAxis: 1,
    },
    2: bias,
  },
  macs(site, [y]) {
    const { shape } = required(site, 0);
    return sizeOf(y.shape) * shape[attr.int(site.node, 'transA', 0) ? 0 : 1];
  },
  expand(site, [left, right, bias], b) {
    const { node } = site;
    const [alpha, beta] = [attr.float(node, 'alpha', 1), attr.float(node, 'beta', 1)];
    const a = attr.int(node, 'transA', 0) ? transpose(b, left, [1, 0]) : left;
    const flipped = attr.int(node, 'transB', 0) !== 0;
    const { shape } = required(site, 1);
    if (b.type(right).laned) {
      const y = multiply(b, a, flipped ? transpose(b, right, [1, 0]) : right);
      return [scaledSum(b, y, alpha, bias, beta)];
    }
    const w = flipped ? right : transpose(b, right, [1, 0]);
    const plain = alpha === 1 && beta === 1 && bias && isBias(b, bias, shape[flipped ? 0 : 1]);
    if (plain) return [project(b, a, w, reshape(b, bias, [sizeOf(b.type(bias).shape)]))];
    return [scaledSum(b, project(b, a, w), alpha, bias, beta)];
  },
});

/** alpha·y + beta·bias */
function scaledSum(b: Build, y: string, alpha: number, bias: string | undefined, beta: number): string {
  const scaled = mul(input(0), alpha);
  return bias ? pointwise(b, add(scaled, mul(input(1), beta)), [y, bias]) : pointwise(b, scaled, [y]);
}

export const matmulOperators: Record<string, Operator> = { MatMul: matMul, Gemm: gemm };
