/** QuantizeLinear and DequantizeLinear: models with these run, and pass gradients straight through the rounding. */
import { fail } from '../../base/index.js';
import { attr, type DType, dtypeOf, int, sizeOf, unreadName } from '../../onnx/index.js';
import type { Build, CoreNode } from '../core.js';
import { call, input } from '../expression.js';
import {
  axisOf,
  describe,
  type Kept,
  type Operator,
  type Resized,
  required,
  type Site,
  Unsupported,
} from '../operator.js';
import { unfit } from './check.js';
import { define } from './define.js';
import { add, div, mul, sub } from './elementwise.js';
import { along, constant, cut, expand, pointwise, reshape } from './emit.js';

const limits: Partial<Record<DType, [number, number]>> = {
  uint4: [0, 15],
  int4: [-8, 7],
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

/** What a type of whole numbers that weights are stored in holds. */
export const rangeOfIntegers = (dtype: DType): [number, number] | undefined =>
  dtype === 'int32' ? [-(2 ** 31), 2 ** 31 - 1] : limits[dtype];

const [x, scale, zero] = [input(0), input(1), input(2)];

/** Scale and zero point, laid along the axis they belong to. */
function steps(site: Site, inputs: readonly string[], b: Build): [string, string] {
  const rank = required(site, 0).shape.length;
  const lay = (name: string) => {
    const { shape } = b.type(name);
    if (sizeOf(shape) === 1) return name;
    const axis = axisIn(site);
    return blockOf(site) ? inBlocks(b, name, axis, site) : along(b, name, axis, rank);
  };
  return [lay(inputs[1]), inputs[2] ? lay(inputs[2]) : constant(b, [], [0])];
}

/** How many positions of the axis share a scale; 0 where each has its own, or all one. */
const blockOf = ({ node }: Site): number => attr.int(node, 'block_size', 0);

/** A value for each block, repeated for all positions of the axis that the block has. */
function inBlocks(b: Build, name: string, axis: number, site: Site): string {
  const { shape } = b.type(name);
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const apart = reshape(b, name, [...before, shape[axis], 1, ...after]);
  const spread = expand(b, apart, [...before, shape[axis], blockOf(site), ...after]);
  const whole = reshape(b, spread, [...before, shape[axis] * blockOf(site), ...after]);
  return cut(b, whole, axis, 0, required(site, 0).shape[axis]);
}

/** One scale, or one for each position or block of the axis, and a zero point like it. */
function checkSteps(site: Site): void {
  const { shape } = required(site, 0);
  const scales = required(site, 1).shape;
  const zeros = site.inputs[2]?.shape ?? scales;
  if (sizeOf(zeros) !== sizeOf(scales) || zeros.length > Math.max(1, scales.length))
    unfit(site, `has scales of shape [${scales}] and zero points of shape [${zeros}]`);
  if (sizeOf(scales) === 1) return;
  const axis = axisIn(site);
  const block = blockOf(site);
  if (block !== 0 || scales.length !== 1) {
    const blocks = shape.map((dim, i) => (i === axis ? Math.ceil(dim / block) : dim));
    if (block > 0 && `${scales}` === `${blocks}`) return;
    unfit(site, `has scales of shape [${scales}] for blocks of ${block} of an input of shape [${shape}]`);
  }
  if (scales[0] !== shape[axis])
    unfit(site, `has ${scales[0]} scales for axis ${axis} of an input of shape [${shape}]`);
}

const axisIn = (site: Site): number =>
  axisOf(site, attr.int(site.node, 'axis', 1), required(site, 0).shape.length);

/** Whole blocks go, or as many positions of each; a last block that is not full lets none go. */
const ofBlocks = {
  fixed(site: Site) {
    if (!blockOf(site)) return [];
    const axis = axisIn(site);
    return required(site, 0).shape[axis] % blockOf(site) !== 0 ? [[axis], [axis], [axis]] : [];
  },
  resize(site: Site, [values, scales]: readonly (Kept | undefined)[]): Resized {
    if (!blockOf(site)) return {};
    const axis = axisIn(site);
    return { attributes: { block_size: int(values![axis].length / scales![axis].length) } };
  },
} satisfies Pick<Operator, 'fixed' | 'resize'>;

/** The type of the zero point, or `output_dtype` (opset 21 on), or uint8. */
function quantized(site: Site): DType {
  const given = attr.int(site.node, 'output_dtype', 0);
  const dtype = site.inputs[2]?.dtype ?? (given ? dtypeOf(given) : 'uint8');
  if (dtype && limits[dtype]) return dtype;
  return fail(
    `${describe(site.node)} quantises to ${dtype ?? unreadName(given)}, which espalier does not do.`,
    Unsupported,
  );
}

/**
 * clamp(round(x/scale) + zero). The gradient is that of x/scale where nothing is clamped (the straight-through
 * estimator of Bengio, Léonard, Courville 2013). The scale stays an operand: a product with its inverse would round some
 * numbers to the other neighbour.
 */
const quantize: Operator = define({
  takes: 'S S2 Z? -> 1',
  roles: { 1: { is: 'step' }, 2: { is: 'zero' } },
  check: checkSteps,
  ...ofBlocks,
  dtypes: (site) => [quantized(site)],
  expand(site, inputs, b) {
    return [levels(b, [inputs[0], ...steps(site, inputs, b)], limits[quantized(site)]!)];
  },
});

/** `operands`: real numbers, their scales and zero points. */
function levels(b: Build, operands: readonly string[], [low, high]: readonly [number, number]): string {
  const level = add(call('round', div(x, scale)), zero);
  const inside = mul(call('greaterEqual', level, low), call('greaterEqual', high, level));
  const gradient: CoreNode['gradient'] = (t, dy) => {
    const slope = mul(div(input(3), scale), inside);
    return [pointwise(t, slope, [...operands, dy]), undefined, undefined];
  };
  const expression = call('min', call('max', level, low), high);
  return b.emit('elementwise', operands, { expression }, gradient)[0];
}

const dequantize: Operator = define({
  takes: 'Z F Z? -> 1',
  roles: { 0: { is: 'integers' }, 1: { is: 'step' }, 2: { is: 'zero' } },
  check: checkSteps,
  ...ofBlocks,
  dtypes: (site) => [required(site, 1).dtype],
  expand(site, inputs, b) {
    return [pointwise(b, mul(sub(x, zero), scale), [inputs[0], ...steps(site, inputs, b)])];
  },
});

/** Of our own, domain 'espalier': real numbers as they are once they have been stored as whole ones (see graph/quantized.ts). */
export const quantizedWeight: Operator = define({
  takes: 'F F Z? -> 1',
  check: checkSteps,
  expand(site, inputs, b) {
    const along = steps(site, inputs, b);
    const [least, most] = [attr.int(site.node, 'least', 0), attr.int(site.node, 'most', 0)];
    const stored = levels(b, [inputs[0], ...along], [least, most]);
    return [pointwise(b, mul(sub(x, zero), scale), [stored, ...along])];
  },
});

export const quantizeOperators: Record<string, Operator> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
};
