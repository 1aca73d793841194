/**
 * Resize and Upsample. Interpolation is separable, so each axis is a table of weights: output place q ↦ the point of the
 * input that it lies on ↦ the elements around that point. Points are computed in single precision, as runtimes do, or a
 * point that falls between two elements would be rounded to the other one.
 */
import { fail, own } from '../../base/index.js';
import { attr, floatList, floats } from '../../onnx/index.js';
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
import { axesIn, damaged, unfit } from './check.js';
import { type Definition, define, type Expand } from './define.js';
import { positions, type Row, range } from './emit.js';

const f32 = Math.fround;

/** One axis: sizes before and after, the scale between them, and the region of interest (0 to 1 for all). */
interface Axis {
  from: number;
  to: number;
  scale: number;
  region: readonly [number, number];
}

/** Where output place q lies on the input (coordinate_transformation_mode). */
const points: Record<string, (q: number, a: Axis) => number> = {
  asymmetric: (q, { scale }) => f32(q / scale),
  half_pixel: (q, { scale }) => f32(f32(f32(q + 0.5) / scale) - 0.5),
  pytorch_half_pixel: (q, a) => (a.to > 1 ? points.half_pixel(q, a) : 0),
  align_corners: (q, { from, to }) => (to === 1 ? 0 : f32((q * (from - 1)) / (to - 1))),
  tf_half_pixel_for_nn: (q, { scale }) => f32(f32(q + 0.5) / scale),
  half_pixel_symmetric(q, a) {
    const adjusted = a.to / f32(a.scale * a.from);
    return f32((a.from / 2) * (1 - adjusted) + points.half_pixel(q, a));
  },
  tf_crop_and_resize(q, { from, to, region: [start, end] }) {
    if (to === 1) return f32(0.5 * (start + end) * (from - 1));
    return f32(start * (from - 1) + (q * (end - start) * (from - 1)) / (to - 1));
  },
};

/** `simple` is what Upsample and Resize did before opset 11. */
const roundings: Record<string, (x: number, scale: number) => number> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
  simple: (x, scale) => (scale < 1 ? Math.ceil(x) : Math.trunc(x)),
};

const clamp = (i: number, size: number): number => Math.max(0, Math.min(size - 1, i));

/** The elements around point x, with weights that sum to 1. */
type Around = (x: number, a: Axis) => Row;

const nearest =
  (round: (x: number, scale: number) => number): Around =>
  (x, { from, scale }) => [[clamp(round(x, scale), from), 1]];

const linear: Around = (x, { from }) => {
  const inside = clamp(x, from);
  const low = Math.min(Math.floor(inside), from - 1);
  const share = f32(inside - low);
  return share === 0
    ? [[low, 1]]
    : [
        [low, 1 - share],
        [low + 1, share],
      ];
};

/** Keys' cubic convolution (1981) with coefficient a. */
const cubic =
  (a: number, excludeOutside: boolean): Around =>
  (x, { from }) => {
    const low = Math.floor(x);
    const weight = (d: number) =>
      d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : a * (((d - 5) * d + 8) * d - 4);
    const taps = [-1, 0, 1, 2].map((k) => [low + k, weight(Math.abs(x - low - k))] as const);
    const kept = excludeOutside ? taps.filter(([i]) => i >= 0 && i < from) : taps;
    const total = kept.reduce((sum, [, w]) => sum + w, 0);
    return kept.map(([i, w]) => [clamp(i, from), w / total]);
  };

function aroundOf(site: Site): Around {
  const { node } = site;
  const mode = attr.string(node, 'mode', 'nearest');
  switch (mode) {
    case 'nearest': {
      const name = site.opset < 11 ? 'simple' : attr.string(node, 'nearest_mode', 'round_prefer_floor');
      return nearest(own(roundings, name) ?? unknown(site, 'nearest_mode', name));
    }
    case 'linear':
    case 'bilinear':
      return linear;
    case 'cubic':
      return cubic(attr.float(node, 'cubic_coeff_a', -0.75), attr.int(node, 'exclude_outside', 0) !== 0);
    default:
      return unknown(site, 'mode', mode);
  }
}

const unknown = (site: Site, what: string, value: string): never =>
  fail(`${describe(site.node)} has ${what} '${value}', which espalier does not know.`, Unsupported);

/** What the node says about its axes: scales or sizes, an attribute or an input by version, for all axes or some. */
function axesOf(site: Site): Axis[] {
  const { node, opset } = site;
  const { shape } = required(site, 0);
  const late = node.op === 'Resize' && opset >= 11;
  const named = late ? attr.ints(node, 'axes', undefined) : undefined;
  const axes = named ? axesIn(site, named, shape.length) : range(shape.length);
  const given = constantOf(site, late ? 2 : 1, 'scales');
  const scales = attr.floats(node, 'scales', undefined) ?? (given ? [...floats(given)] : []);
  const sizes = (late && constantInts(site, 3, 'sizes')) || [];
  const regionInput = late && site.inputs[1] ? constantOf(site, 1, 'region') : undefined;
  const region = regionInput ? [...floats(regionInput)] : [];
  if (scales.length !== axes.length && sizes.length !== axes.length) {
    fail(
      `${describe(node)} has ${scales.length} scales and ${sizes.length} sizes for ${axes.length} axes; the model is damaged.`,
    );
  }
  if (scales.some((scale) => !(scale > 0 && scale < 2 ** 31)) || sizes.some((size) => size < 1))
    damaged(site, `has scales [${scales}] and sizes [${sizes}], which must be above 0`);
  if (region.length > 0 && (region.length !== 2 * axes.length || !region.every(Number.isFinite)))
    damaged(site, `has a region [${region}] for ${axes.length} axes`);
  if (shape.includes(0)) unfit(site, `resizes a value of shape [${shape}]`);
  const common =
    sizes.length > 0
      ? ratio(
          site,
          axes.map((axis, i) => sizes[i] / shape[axis]),
        )
      : undefined;
  return shape.map((from, axis): Axis => {
    const i = axes.indexOf(axis);
    if (i < 0) return { from, to: from, scale: 1, region: [0, 1] };
    const bounds = [region[i] ?? 0, region[i + axes.length] ?? 1] as const;
    if (common !== undefined)
      return { from, to: Math.round(common * from), scale: f32(common), region: bounds };
    if (sizes.length > 0) return { from, to: sizes[i], scale: f32(sizes[i] / from), region: bounds };
    const extent =
      attr.string(node, 'coordinate_transformation_mode', '') === 'tf_crop_and_resize'
        ? bounds[1] - bounds[0]
        : 1;
    return { from, to: Math.floor(f32(from * extent * scales[i])), scale: scales[i], region: bounds };
  });
}

/** The one scale for all axes, where the sizes are only bounds (opset 18 on). */
function ratio(site: Site, ratios: readonly number[]): number | undefined {
  const policy = attr.string(site.node, 'keep_aspect_ratio_policy', 'stretch');
  if (policy === 'not_larger') return Math.min(...ratios);
  return policy === 'not_smaller' ? Math.max(...ratios) : undefined;
}

/** Positions of an axis that a table of weights is made for, at most. */
const mostPlaces = 2 ** 20;

/** Of every axis that changes, the weights of each output place. */
function rowsOf(site: Site): (Row[] | undefined)[] {
  const { node, opset } = site;
  const late = node.op === 'Resize' && opset >= 11;
  const transform = late ? attr.string(node, 'coordinate_transformation_mode', 'half_pixel') : 'asymmetric';
  const point = own(points, transform) ?? unknown(site, 'coordinate_transformation_mode', transform);
  const around = aroundOf(site);
  const axes = axesOf(site);
  const crops = transform === 'tf_crop_and_resize';
  if (crops && attr.float(node, 'extrapolation_value', 0) !== 0) {
    fail(
      `${describe(node)} fills what lies outside the image with ${attr.float(node, 'extrapolation_value')}; espalier only fills it with 0.`,
      Unsupported,
    );
  }
  if (attr.int(node, 'antialias', 0) && axes.some(({ scale }) => scale < 1)) {
    fail(
      `${describe(node)} smooths while it shrinks (antialias=1), which espalier does not do; export the model without antialias.`,
      Unsupported,
    );
  }
  const long = axes.find(({ to }) => to > mostPlaces);
  if (long) unfit(site, `makes ${long.to} positions of ${long.from}, more than ${mostPlaces}`);
  return axes.map((a) => {
    if (a.from === a.to && a.scale === 1 && !crops) return undefined;
    return range(a.to).map((q): Row => {
      const at = point(q, a);
      return crops && (at < 0 || at > a.from - 1) ? [] : around(at, a);
    });
  });
}

const expand: Expand = (site, [x], b) => [
  rowsOf(site).reduce((y, rows, axis) => (rows ? positions(b, y, axis, rows) : y), x),
];

/** Axes that lose positions keep their size, or, where they were resized by repetition, choose what to repeat. */
function resized(site: Site, x: Kept, y: Kept): Resized {
  const { node, opset } = site;
  const { shape } = required(site, 0);
  const late = node.op === 'Resize' && opset >= 11;
  const named = late ? attr.ints(node, 'axes', undefined) : undefined;
  const axes = named?.map((axis) => axisOf(site, axis, shape.length)) ?? range(shape.length);
  const rows = rowsOf(site);
  const less = (axis: number) => x[axis].length < shape[axis];
  const picks = range(shape.length).flatMap((axis) => {
    const table = rows[axis];
    if (!less(axis) || !table) return [];
    return [{ axis, indices: y[axis].map((q) => x[axis].indexOf(table[q][0][0])) }];
  });
  const at = late ? 2 : 1;
  const given = site.inputs[at]?.constant;
  const scales = attr.floats(node, 'scales', undefined) ?? (given ? [...floats(given)] : []);
  const kept = axes.map((axis, i) => (less(axis) ? 1 : scales[i]));
  const sizes = late ? constantInts(site, 3, 'sizes') : undefined;
  if (sizes?.length) {
    return {
      picks,
      settings: { 3: listed(axes.map((axis, i) => (less(axis) ? x[axis].length : sizes[i]))) },
    };
  }
  return node.attributes.scales
    ? { picks, attributes: { scales: floatList(kept) } }
    : { picks, settings: { [at]: listed(kept) } };
}

const facts: Definition = {
  takes: 'V F2? F? I? -> 1',
  expand,
  settings: [1, 2, 3],
  resize: (site, [x], [y]) => resized(site, x!, y),
};

export const resizeOperators: Record<string, Operator> = {
  Resize: define(facts),
  Upsample: define({ ...facts, takes: 'V F? -> 1' }),
};
