/** Operators that move elements without computing: views, slices, joins, padding, repetition. */
import { fail, own } from '../../base/index.js';
import { attr, type DType, intList, sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import {
  axisOf,
  constantInts,
  constantOf,
  describe,
  type Kept,
  listed,
  type Operator,
  type Resized,
  required,
  type Site,
  Unsupported,
} from '../operator.js';
import { broadcast } from '../shapes.js';
import { axesIn, countOf, damaged, lists, oneOf, ranked, shapeAt, singles, unfit } from './check.js';
import { define, type Expand } from './define.js';
import * as emit from './emit.js';

const { range, reshape } = emit;

/** A list of integers: an attribute in older opsets, a constant input in newer ones. */
const listOf = (site: Site, name: string, index: number): number[] | undefined =>
  attr.ints(site.node, name, undefined) ?? constantInts(site, index, name);

/** The same, for a node that cannot do without. */
const neededList = (site: Site, name: string, index: number): number[] =>
  listOf(site, name, index) ?? damaged(site, `lacks its ${name}`);

const shapeOf = (site: Site): readonly number[] => required(site, 0).shape;

/** The same list with other numbers. */
const restated = (site: Site, name: string, index: number, values: readonly number[]): Resized =>
  site.node.attributes[name]
    ? { attributes: { [name]: intList([...values]) } }
    : { settings: { [index]: listed(values) } };

/** An operator that only gives its input another shape. */
const view = (
  takes: string,
  to: (site: Site, shape: readonly number[]) => number[],
  resize?: (site: Site, x: Kept, y: Kept) => Resized,
): Operator =>
  define({
    takes,
    check: (site) => lists(site, [1]),
    settings: [1],
    resize: resize && ((site, [x], [y]) => resize(site, x!, y)),
    expand: (site, [x], b) => [reshape(b, x, to(site, shapeOf(site)))],
  });

/** 0 copies a dimension (unless allowzero), one −1 takes what is left. */
function reshaped(site: Site, from: readonly number[]): number[] {
  const asked = neededList(site, 'shape', 1);
  const copies = attr.int(site.node, 'allowzero', 0) === 0;
  const shape = asked.map((dim, i) => (dim === 0 && copies ? (from[i] ?? Number.NaN) : dim));
  const open = shape.indexOf(-1);
  if (open >= 0 && !copies && asked.includes(0))
    damaged(site, `asks for shape [${asked}], which has both 0 and −1`);
  if (open >= 0) shape[open] = sizeOf(from) / sizeOf(shape.filter((_, i) => i !== open));
  if (shape.some((dim) => !Number.isInteger(dim) || dim < 0) || sizeOf(shape) !== sizeOf(from)) {
    fail(
      `${describe(site.node)} cannot bring a value of shape [${from}] into shape [${asked}]; the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
  return shape;
}

/** Open entries stay open. */
function reshapedLess(site: Site, x: Kept, y: Kept): Resized {
  const copies = attr.int(site.node, 'allowzero', 0) === 0;
  const shape = listOf(site, 'shape', 1)!.map((dim, i) =>
    dim === -1 || (dim === 0 && copies && x[i]?.length === y[i].length) ? dim : y[i].length,
  );
  return restated(site, 'shape', 1, shape);
}

function flattened(site: Site, shape: readonly number[]): number[] {
  const axis = attr.int(site.node, 'axis', 1);
  const at = axis === shape.length ? axis : axisOf(site, axis, Math.max(1, shape.length));
  return [sizeOf(shape.slice(0, at)), sizeOf(shape.slice(at))];
}

function squeezed(site: Site, shape: readonly number[]): number[] {
  const axes = listOf(site, 'axes', 1)?.map((axis) => axisOf(site, axis, shape.length));
  const whole = axes?.find((axis) => shape[axis] !== 1);
  if (whole !== undefined)
    unfit(site, `drops axis ${whole} of a value of shape [${shape}], which has more than one`);
  return shape.filter((dim, i) => (axes ? !axes.includes(i) : dim !== 1));
}

/** Axes of size 1 are named, so that those which come down to 1 are not dropped as well. */
function squeezedLess(site: Site): Resized {
  if (listOf(site, 'axes', 1)) return {};
  const axes = shapeOf(site).flatMap((dim, i) => (dim === 1 ? [i] : []));
  return site.opset < 13 ? { attributes: { axes: intList(axes) } } : { settings: { 1: listed(axes) } };
}

function unsqueezed(site: Site, shape: readonly number[]): number[] {
  const given = neededList(site, 'axes', 1);
  const rank = shape.length + given.length;
  const axes = axesIn(site, given, rank);
  const rest = [...shape];
  return range(rank).map((i) => (axes.includes(i) ? 1 : rest.shift()!));
}

const transpose: Expand = (site, [x], b) => {
  const rank = shapeOf(site).length;
  const order = attr.ints(site.node, 'perm', range(rank).reverse());
  if (order.length !== rank || order.some((axis) => axis < 0)) {
    fail(
      `${describe(site.node)} reorders axes [${order}] of a value with ${rank} dimensions; the model is damaged.`,
    );
  }
  return [emit.transpose(b, x, axesIn(site, order, rank))];
};

const concat: Expand = (site, inputs, b) => {
  const shapes = inputs.map((name) => b.type(name).shape);
  const axis = axisOf(site, attr.int(site.node, 'axis'), shapes[0].length);
  const fits = shapes.every(
    (s) => s.length === shapes[0].length && s.every((d, i) => i === axis || d === shapes[0][i]),
  );
  if (!fits) {
    fail(
      `${describe(site.node)} joins shapes ${shapes.map((s) => `[${s}]`).join(', ')} along axis ${axis}; the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
  const present = inputs.filter((name) => b.type(name).shape[axis] > 0);
  return present.length < 2 ? [present[0] ?? inputs[0]] : b.emit('concat', present, { axis });
};

/** Sizes: an attribute up to opset 12, input 1 from 13 on; else equal parts, the last one smaller. */
const split: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const axis = axisOf(site, attr.int(site.node, 'axis', 0), shape.length);
  const count = site.node.outputs.length;
  const part = Math.ceil(shape[axis] / count);
  const even = site.node.attributes.num_outputs === undefined && shape[axis] % count !== 0;
  if (even && !listOf(site, 'split', 1))
    unfit(site, `splits an axis of ${shape[axis]} into ${count} equal parts`);
  const sizes = listOf(site, 'split', 1) ?? range(count).map((i) => Math.min(part, shape[axis] - i * part));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const parts = attr.int(site.node, 'num_outputs', count);
  if (sizes.length !== count || parts !== count || total !== shape[axis] || sizes.some((size) => size < 0))
    unfit(site, `splits an axis of ${shape[axis]} into [${sizes}] for ${count} outputs`);
  let from = 0;
  return sizes.map((size) => {
    const piece = emit.cut(b, x, axis, from, size);
    from += size;
    return piece;
  });
};

/** The sizes are left to the node where the axis loses nothing: equal parts of a batch stay equal parts of any. */
function splitLess(site: Site, x: Kept, outputs: readonly Kept[]): Resized {
  const axis = axisOf(site, attr.int(site.node, 'axis', 0), shapeOf(site).length);
  if (x[axis].length === shapeOf(site)[axis]) return {};
  const sizes = outputs.map((y) => y[axis].length);
  if (listOf(site, 'split', 1)) return restated(site, 'split', 1, sizes);
  if (site.opset < 13) return { attributes: { split: intList(sizes) } };
  return { attributes: { num_outputs: undefined }, settings: { 1: listed(sizes) } };
}

interface Bounds {
  from: number[];
  sizes: number[];
  steps: number[];
  /** Axes in the order in which the node lists them. */
  axes: number[];
}

/** Attributes up to opset 9, inputs from 10 on; bounds are clamped to the axis as in NumPy. */
function boundsOf(site: Site): Bounds {
  const shape = shapeOf(site);
  const starts = neededList(site, 'starts', 1);
  const ends = neededList(site, 'ends', 2);
  const axes = axesIn(site, listOf(site, 'axes', 3) ?? range(starts.length), shape.length);
  const by = constantInts(site, 4, 'steps') ?? starts.map(() => 1);
  if ([ends, axes, by].some(({ length }) => length !== starts.length))
    damaged(
      site,
      `has ${starts.length} starts, ${ends.length} ends, ${axes.length} axes and ${by.length} steps`,
    );
  const [from, sizes, steps] = [shape.map(() => 0), [...shape], shape.map(() => 1)];
  axes.forEach((axis, i) => {
    const [size, step] = [shape[axis], by[i]];
    if (step === 0) fail(`${describe(site.node)} slices in steps of 0; the model is damaged.`);
    const [least, most] = step > 0 ? [0, size] : [-1, size - 1];
    const place = (n: number) => Math.max(least, Math.min(most, n < 0 ? n + size : n));
    from[axis] = place(starts[i]);
    sizes[axis] = Math.max(0, Math.ceil((place(ends[i]) - from[axis]) / step));
    steps[axis] = sizes[axis] > 1 ? step : 1;
  });
  return { from, sizes, steps, axes };
}

const slice: Expand = (site, [x], b) => {
  const { from, sizes, steps } = boundsOf(site);
  return [emit.slice(b, x, from, sizes, steps)];
};

/** Beyond the end of any axis, and still an int32. */
const beyond = 2 ** 31 - 1;

/** What was next to each other still is; what was taken in steps is chosen one by one. */
function slicedLess(site: Site, x: Kept, y: Kept): Resized {
  const { from, steps, axes } = boundsOf(site);
  const shape = shapeOf(site);
  const [starts, ends, by] = ['starts', 'ends', 'steps'].map(
    (name, i) => listOf(site, name, [1, 2, 4][i]) ?? [],
  );
  const picks: { axis: number; indices: readonly number[] }[] = [];
  axes.forEach((axis, i) => {
    if (x[axis].length === shape[axis]) return;
    const indices = y[axis].map((q) => x[axis].indexOf(from[axis] + q * steps[axis]));
    const near = steps[axis] === 1;
    if (!near) picks.push({ axis, indices });
    starts[i] = near ? indices[0] : 0;
    ends[i] = near ? indices[0] + indices.length : beyond;
    if (by.length > 0) by[i] = 1;
  });
  const within = (list: readonly number[]) => list.map((n) => Math.max(-beyond, Math.min(beyond, n)));
  const [a, b, c] = [
    restated(site, 'starts', 1, within(starts)),
    restated(site, 'ends', 2, within(ends)),
    listed(by),
  ];
  return {
    picks,
    attributes: { ...a.attributes, ...b.attributes },
    settings: by.length > 0 ? { ...a.settings, ...b.settings, 4: c } : { ...a.settings, ...b.settings },
  };
}

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
  const pads = neededList(site, 'pads', 1);
  const axes = axesIn(site, constantInts(site, 3, 'axes') ?? range(shape.length), shape.length);
  if (pads.length !== 2 * axes.length) damaged(site, `has ${pads.length} pads for ${axes.length} axes`);
  const half = (from: number) => {
    const list = shape.map(() => 0);
    for (const [i, axis] of axes.entries()) list[axis] = pads[from + i] ?? 0;
    return list;
  };
  const [before, after] = [half(0), half(axes.length)];
  const mode = attr.string(site.node, 'mode', 'constant');
  const room = (size: number) =>
    mode === 'reflect' ? size - 1 : mode === 'constant' || size > 0 ? Infinity : 0;
  if (shape.some((n, i) => n + Math.min(0, before[i]) + Math.min(0, after[i]) < 0))
    unfit(site, `cuts pads [${pads}] off a value of shape [${shape}]`);
  if (shape.some((n, i) => Math.max(before[i], after[i], 0) > Math.max(0, room(n))))
    unfit(site, `pads a value of shape [${shape}] by [${pads}] of what it has`);
  const cuts = shape.some((_, i) => Math.min(before[i], after[i]) < 0 && Math.max(before[i], after[i]) > 0);
  if (mode !== 'constant' && cuts)
    fail(
      `${describe(site.node)} pads an axis by '${mode}' that it cuts at the other end, which espalier does not do.`,
      Unsupported,
    );
  if (mode !== 'constant') {
    const at =
      own(outside, mode) ??
      fail(`${describe(site.node)} pads by '${mode}', which espalier does not know.`, Unsupported);
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

/** Padding of an axis is what stays of it; places that another mode than 'constant' copies are chosen. */
function paddedLess(site: Site, x: Kept, y: Kept): Resized {
  const shape = shapeOf(site);
  const pads = [...listOf(site, 'pads', 1)!];
  const axes =
    constantInts(site, 3, 'axes')?.map((axis) => axisOf(site, axis, shape.length)) ?? range(shape.length);
  const mode = attr.string(site.node, 'mode', 'constant');
  const picks: { axis: number; indices: readonly number[] }[] = [];
  for (const [i, axis] of axes.entries()) {
    const [size, before, after] = [shape[axis], pads[i], pads[i + axes.length]];
    const end = size + before + after;
    const among = (list: readonly number[], from: number, to: number) =>
      list.filter((p) => p >= from && p < to).length;
    if (x[axis].length === size && y[axis].length === end) continue;
    if (mode !== 'constant') {
      picks.push({ axis, indices: y[axis].map((q) => x[axis].indexOf(outside[mode](q - before, size))) });
    }
    const keeps = mode === 'constant';
    pads[i] = !keeps ? 0 : before > 0 ? among(y[axis], 0, before) : -among(x[axis], 0, -before);
    pads[i + axes.length] = !keeps
      ? 0
      : after > 0
        ? among(y[axis], end - after, end)
        : -among(x[axis], size + after, size);
  }
  return { ...restated(site, 'pads', 1, pads), picks };
}

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
    (asked.every((dim) => dim >= 0) && broadcast(shape, asked)) ||
    fail(
      `${describe(site.node)} cannot repeat a value of shape [${shape}] into [${asked}]; the model is damaged.`,
    );
  return [emit.expand(b, x, result)];
};

function expandedLess(site: Site, y: Kept): Resized {
  const asked = constantInts(site, 1, 'shape')!;
  const lead = y.length - asked.length;
  return { settings: { 1: listed(asked.map((dim, i) => (dim === 1 ? 1 : y[i + lead].length))) } };
}

/** [d…] → [1, d, …] → [r, d, …] → [r·d …] */
const tile: Expand = (site, [x], b) => {
  const shape = shapeOf(site);
  const repeats = constantInts(site, 1, 'repeats')!;
  if (repeats.length !== shape.length || repeats.some((n) => n < 0))
    unfit(site, `repeats a value of shape [${shape}] by [${repeats}]`);
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

function checkDepth(site: Site): void {
  ranked(site, 0, 4, 4);
  oneOf(site, 'mode', ['DCR', 'CRD']);
  const [, depth] = shapeAt(site, 0);
  const block = countOf(site, 'blocksize');
  if (depth % (block * block) !== 0)
    unfit(site, `parts ${depth} channels into blocks of ${block} × ${block}`);
}

function checkSpace(site: Site): void {
  ranked(site, 0, 4, 4);
  const [, , height, width] = shapeAt(site, 0);
  const block = countOf(site, 'blocksize');
  if (height % block !== 0 || width % block !== 0)
    unfit(site, `parts an image of ${height} × ${width} into blocks of ${block} × ${block}`);
}

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
  const above = (at: number): number => (at % columns) - Math.floor(at / columns);
  const mask = range(rows * columns).map((at) => Number(upper ? above(at) >= k : above(at) <= k));
  const kept = call('choose', input(1), input(0), 0);
  return [emit.pointwise(b, kept, [x, emit.constant(b, [rows, columns], mask)])];
};

const identity: Expand = (_, [x]) => [x];

const tiledLess = (x: Kept, y: Kept): Resized => ({
  settings: { 1: listed(x.map(({ length }, i) => y[i].length / length)) },
});

const likeInput = (site: Site): DType[] => site.node.outputs.map(() => required(site, 0).dtype);

const carrying = (operator: Operator): Operator => ({ ...operator, carries: true });

export const shapeOperators: Record<string, Operator> = {
  Reshape: carrying(view('V I? -> 1', reshaped, reshapedLess)),
  Flatten: carrying(view('V -> 1', flattened)),
  Squeeze: carrying(view('V I? -> 1', squeezed, squeezedLess)),
  Unsqueeze: carrying(view('V I? -> 1', unsqueezed)),
  Identity: define({ takes: 'V -> 1', carries: true, expand: identity }),
  Transpose: define({ takes: 'V -> 1', expand: transpose }),
  Concat: define({ takes: 'V+ -> 1', expand: concat }),
  Split: define({
    takes: 'V I? -> 1+',
    check: (site) => lists(site, [1]),
    expand: split,
    dtypes: likeInput,
    settings: [1],
    resize: (site, [x], outputs) => splitLess(site, x!, outputs),
  }),
  Slice: define({
    takes: 'V I? I? I? I? -> 1',
    check: (site) => lists(site, [1, 2, 3, 4]),
    expand: slice,
    settings: [1, 2, 3, 4],
    resize: (site, [x], [y]) => slicedLess(site, x!, y),
  }),
  Pad: define({
    takes: 'V I? V? I2? -> 1',
    check(site) {
      lists(site, [1, 3]);
      singles(site, [2]);
    },
    expand: pad,
    settings: [1, 2, 3],
    resize: (site, [x], [y]) => paddedLess(site, x!, y),
  }),
  Expand: define({
    takes: 'V I -> 1',
    check: (site) => lists(site, [1]),
    expand,
    settings: [1],
    resize: (site, _, [y]) => expandedLess(site, y),
  }),
  Tile: define({
    takes: 'V I -> 1',
    check: (site) => lists(site, [1]),
    expand: tile,
    settings: [1],
    resize: (_, [x], [y]) => tiledLess(x!, y),
  }),
  DepthToSpace: define({
    takes: 'V -> 1',
    check: checkDepth,
    expand: depthToSpace,
    rigid: ({ node }) => (attr.string(node, 'mode', 'DCR') === 'CRD' ? [2, 3] : [1, 2]),
  }),
  SpaceToDepth: define({ takes: 'V -> 1', check: checkSpace, expand: spaceToDepth, rigid: () => [3, 5] }),
  Trilu: define({
    takes: 'V I? -> 1',
    check(site) {
      ranked(site, 0, 2);
      singles(site, [1]);
    },
    expand: triangle,
    settings: [1],
  }),
};
