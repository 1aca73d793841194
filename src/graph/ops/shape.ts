/** Operators that move elements without computing: views, slices, joins, padding, repetition. */
import { fail } from '../../base/errors.js';
import { attr } from '../../onnx/attributes.js';
import type { DType } from '../../onnx/model.js';
import { sizeOf } from '../../onnx/tensor.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import {
  axisOf,
  constantInts,
  constantOf,
  describe,
  type Operator,
  required,
  type Site,
} from '../operator.js';
import { broadcast } from '../shapes.js';
import { define, type Expand } from './define.js';
import * as emit from './emit.js';

const { range, reshape } = emit;

/** A list of integers: an attribute in older opsets, a constant input in newer ones. */
const listOf = (site: Site, name: string, index: number): number[] | undefined =>
  attr.ints(site.node, name, undefined) ?? constantInts(site, index, name);

const shapeOf = (site: Site): readonly number[] => required(site, 0).shape;

/** An operator that only gives its input another shape. */
const view = (to: (site: Site, shape: readonly number[]) => number[]): Operator =>
  define({ expand: (site, [x], b) => [reshape(b, x, to(site, shapeOf(site)))] });

/** 0 copies a dimension (unless allowzero), one −1 takes what is left. */
function reshaped(site: Site, from: readonly number[]): number[] {
  const asked = listOf(site, 'shape', 1)!;
  const copies = attr.int(site.node, 'allowzero', 0) === 0;
  const shape = asked.map((dim, i) => (dim === 0 && copies ? (from[i] ?? 0) : dim));
  const open = shape.indexOf(-1);
  if (open >= 0) shape[open] = sizeOf(from) / sizeOf(shape.filter((_, i) => i !== open));
  if (shape.some((dim) => !Number.isInteger(dim) || dim < 0) || sizeOf(shape) !== sizeOf(from)) {
    fail(
      `${describe(site.node)} cannot bring a value of shape [${from}] into shape [${asked}]; the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
  return shape;
}

function flattened(site: Site, shape: readonly number[]): number[] {
  const axis = attr.int(site.node, 'axis', 1);
  const at = axis === shape.length ? axis : axisOf(site, axis, shape.length);
  return [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))];
}

function squeezed(site: Site, shape: readonly number[]): number[] {
  const axes = listOf(site, 'axes', 1)?.map((axis) => axisOf(site, axis, shape.length));
  return shape.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1));
}

function unsqueezed(site: Site, shape: readonly number[]): number[] {
  const given = listOf(site, 'axes', 1) ?? [];
  const rank = shape.length + given.length;
  const axes = given.map((axis) => axisOf(site, axis, rank));
  const rest = [...shape];
  return range(rank).map((i) => (axes.includes(i) ? 1 : rest.shift()!));
}

const transpose: Expand = (site, [x], b) => {
  const rank = shapeOf(site).length;
  const order = attr.ints(site.node, 'perm', range(rank).reverse());
  if (order.length !== rank) {
    fail(
      `${describe(site.node)} reorders ${order.length} axes of a value with ${rank} dimensions; the model is damaged.`,
    );
  }
  return [emit.transpose(b, x, order)];
};

const concat: Expand = (site, inputs, b) => {
  const present = inputs.filter((name) => name !== '' && sizeOf(b.type(name).shape) > 0);
  if (present.length < 2) return [present[0] ?? inputs[0]];
  const shapes = present.map((name) => b.type(name).shape);
  const axis = axisOf(site, attr.int(site.node, 'axis'), shapes[0].length);
  const fits = shapes.every(
    (s) => s.length === shapes[0].length && s.every((d, i) => i === axis || d === shapes[0][i]),
  );
  if (!fits) {
    fail(
      `${describe(site.node)} joins shapes ${shapes.map((s) => `[${s}]`).join(', ')} along axis ${axis}; the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
  return b.emit('concat', present, { axis });
};

/** Sizes: an attribute up to opset 12, input 1 from 13 on; else equal parts, the last one smaller. */
const split: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const axis = axisOf(site, attr.int(site.node, 'axis', 0), shape.length);
  const count = site.node.outputs.length;
  const part = Math.ceil(shape[axis] / count);
  const sizes = listOf(site, 'split', 1) ?? range(count).map((i) => Math.min(part, shape[axis] - i * part));
  let from = 0;
  return sizes.map((size) => {
    const piece = emit.cut(b, x, axis, from, size);
    from += size;
    return piece;
  });
};

/** Attributes up to opset 9, inputs from 10 on; bounds are clamped to the axis as in NumPy. */
const slice: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const starts = listOf(site, 'starts', 1)!;
  const ends = listOf(site, 'ends', 2)!;
  const axes = listOf(site, 'axes', 3) ?? range(starts.length);
  const by = constantInts(site, 4, 'steps') ?? starts.map(() => 1);
  const [from, sizes, steps] = [shape.map(() => 0), [...shape], shape.map(() => 1)];
  axes.forEach((named, i) => {
    const axis = axisOf(site, named, shape.length);
    const [size, step] = [shape[axis], by[i]];
    if (step === 0) fail(`${describe(site.node)} slices in steps of 0; the model is damaged.`);
    const [least, most] = step > 0 ? [0, size] : [-1, size - 1];
    const place = (n: number) => Math.max(least, Math.min(most, n < 0 ? n + size : n));
    from[axis] = place(starts[i]);
    steps[axis] = step;
    sizes[axis] = Math.max(0, Math.ceil((place(ends[i]) - from[axis]) / step));
  });
  return [emit.slice(b, x, from, sizes, steps)];
};

/** What a padding mode finds at place i beyond an axis of n elements. */
const outside: Record<string, (i: number, n: number) => number> = {
  edge: (i, n) => Math.max(0, Math.min(n - 1, i)),
  reflect: (i, n) => {
    const period = Math.max(1, 2 * (n - 1));
    const j = ((i % period) + period) % period;
    return j < n ? j : period - j;
  },
  wrap: (i, n) => ((i % n) + n) % n,
};

/** Pads and value: attributes up to opset 10, inputs from 11 on; `axes` from 18 on. Negative padding cuts. */
const pad: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const pads = listOf(site, 'pads', 1)!;
  const axes =
    constantInts(site, 3, 'axes')?.map((axis) => axisOf(site, axis, shape.length)) ?? range(shape.length);
  const half = (from: number) => {
    const list = shape.map(() => 0);
    for (const [i, axis] of axes.entries()) list[axis] = pads[from + i] ?? 0;
    return list;
  };
  const [before, after] = [half(0), half(axes.length)];
  const mode = attr.string(site.node, 'mode', 'constant');
  if (mode !== 'constant') {
    const at =
      outside[mode] ?? fail(`${describe(site.node)} pads by '${mode}', which espalier does not know.`);
    return [
      shape.reduce(
        (y, size, axis) =>
          before[axis] || after[axis]
            ? emit.pick(
                b,
                y,
                axis,
                range(before[axis] + size + after[axis]).map((i) => at(i - before[axis], size)),
              )
            : y,
        x,
      ),
    ];
  }
  const given = constantOf(site, 2, 'value');
  const value = given ? Number(given.data[0]) : attr.float(site.node, 'value', 0);
  return [padded(b, x, before, after, value)];
};

function padded(
  b: Build,
  x: string,
  before: readonly number[],
  after: readonly number[],
  value: number,
): string {
  const { shape } = b.type(x);
  const starts = before.map((n) => Math.max(0, -n));
  const sizes = shape.map((n, i) => n - starts[i] - Math.max(0, -after[i]));
  const kept = emit.slice(b, x, starts, sizes);
  const [front, behind] = [before, after].map((list) => list.map((n) => Math.max(0, n)));
  if ([...front, ...behind].every((n) => n === 0)) return kept;
  return b.emit('pad', [kept], { before: front, after: behind, value })[0];
}

const expand: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const asked = constantInts(site, 1, 'shape')!;
  const result =
    broadcast(shape, asked) ??
    fail(
      `${describe(site.node)} cannot repeat a value of shape [${shape}] into [${asked}]; the model is damaged.`,
    );
  return [emit.expand(b, x, result)];
};

/** [d…] → [1, d, …] → [r, d, …] → [r·d …] */
const tile: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const repeats = constantInts(site, 1, 'repeats')!;
  const paired = reshape(
    b,
    x,
    shape.flatMap((dim) => [1, dim]),
  );
  const spread = emit.expand(
    b,
    paired,
    shape.flatMap((dim, i) => [repeats[i], dim]),
  );
  return [
    reshape(
      b,
      spread,
      shape.map((dim, i) => dim * repeats[i]),
    ),
  ];
};

const depthToSpace: Expand = (site, [x], b) => {
  const [n, c, h, w] = shapeOf(site);
  const s = attr.int(site.node, 'blocksize');
  const columnFirst = attr.string(site.node, 'mode', 'DCR') === 'CRD';
  const depth = c / (s * s);
  const blocks = reshape(b, x, columnFirst ? [n, depth, s, s, h, w] : [n, s, s, depth, h, w]);
  const woven = emit.transpose(b, blocks, columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
  return [reshape(b, woven, [n, depth, h * s, w * s])];
};

const spaceToDepth: Expand = (site, [x], b) => {
  const [n, c, h, w] = shapeOf(site);
  const s = attr.int(site.node, 'blocksize');
  const blocks = emit.transpose(b, reshape(b, x, [n, c, h / s, s, w / s, s]), [0, 3, 5, 1, 2, 4]);
  return [reshape(b, blocks, [n, c * s * s, h / s, w / s])];
};

/** Keeps the upper (or lower) triangle of the last two axes, from the k-th diagonal on. */
const triangle: Expand = (site, [x], b) => {
  const [rows, columns] = shapeOf(site).slice(-2);
  const k = Number(constantOf(site, 1, 'k')?.data[0] ?? 0);
  const upper = attr.int(site.node, 'upper', 1) !== 0;
  const mask = range(rows).flatMap((i) =>
    range(columns).map((j) => ((upper ? j - i >= k : j - i <= k) ? 1 : 0)),
  );
  const kept = call('choose', input(1), input(0), 0);
  return [emit.pointwise(b, kept, [x, emit.constant(b, [rows, columns], mask)])];
};

const identity: Expand = (_, [x]) => [x];

const likeInput = (site: Site): DType[] => site.node.outputs.map(() => required(site, 0).dtype);

export const shapeOperators: Record<string, Operator> = {
  Reshape: view(reshaped),
  Flatten: view(flattened),
  Squeeze: view(squeezed),
  Unsqueeze: view(unsqueezed),
  Identity: define({ expand: identity }),
  Transpose: define({ expand: transpose }),
  Concat: define({ expand: concat }),
  Split: define({ expand: split, dtypes: likeInput }),
  Slice: define({ expand: slice }),
  Pad: define({ expand: pad }),
  Expand: define({ expand }),
  Tile: define({ expand: tile }),
  DepthToSpace: define({ expand: depthToSpace }),
  SpaceToDepth: define({ expand: spaceToDepth }),
  Trilu: define({ expand: triangle }),
};
