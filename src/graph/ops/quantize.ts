/** QuantizeLinear and DequantizeLinear: models with these run, and pass gradients straight through the rounding. */
import { fail } from '../../base/errors.js';
import { attr } from '../../onnx/attributes.js';
import { dtypeOf, unreadName } from '../../onnx/dtypes.js';
import type { DType } from '../../onnx/model.js';
import { sizeOf } from '../../onnx/tensor.js';
import type { Build, CoreNode } from '../core.js';
import { call, input } from '../expression.js';
import { axisOf, describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { unfit } from './check.js';
import { define } from './define.js';
import { add, div, mul, sub } from './elementwise.js';
import { along, constant, pointwise } from './emit.js';

const limits: Partial<Record<DType, [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  uint16: [0, 65535],
  int16: [-32768, 32767],
};

const [x, scale, zero] = [input(0), input(1), input(2)];

/** Scale and zero point, laid along the axis they belong to. */
function steps(site: Site, inputs: readonly string[], b: Build): [string, string] {
  const rank = required(site, 0).shape.length;
  const lay = (name: string) => {
    const { shape } = b.type(name);
    if (sizeOf(shape) === 1) return name;
    if (shape.length > 1 || attr.int(site.node, 'block_size', 0) !== 0) {
      fail(
        `${describe(site.node)} quantises in blocks, which espalier does not do; export the model with one scale per tensor or per channel.`,
        Unsupported,
      );
    }
    return along(b, name, axisOf(site, attr.int(site.node, 'axis', 1), rank), rank);
  };
  return [lay(inputs[1]), inputs[2] ? lay(inputs[2]) : constant(b, [], [0])];
}

/** One scale, or one for each position of the axis, and a zero point like it. */
function checkSteps(site: Site): void {
  const { shape } = required(site, 0);
  const scales = required(site, 1).shape;
  const zeros = site.inputs[2]?.shape ?? scales;
  if (sizeOf(zeros) !== sizeOf(scales) || zeros.length > Math.max(1, scales.length))
    unfit(site, `has scales of shape [${scales}] and zero points of shape [${zeros}]`);
  if (sizeOf(scales) === 1 || scales.length !== 1) return;
  const axis = axisOf(site, attr.int(site.node, 'axis', 1), shape.length);
  if (scales[0] !== shape[axis])
    unfit(site, `has ${scales[0]} scales for axis ${axis} of an input of shape [${shape}]`);
}

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
  takes: 'N N2 Z? -> 1',
  check: checkSteps,
  dtypes: (site) => [quantized(site)],
  expand(site, inputs, b) {
    const [low, high] = limits[quantized(site)]!;
    const operands = [inputs[0], ...steps(site, inputs, b)];
    const level = add(call('round', div(x, scale)), zero);
    const inside = mul(call('greaterEqual', level, low), call('greaterEqual', high, level));
    const gradient: CoreNode['gradient'] = (t, dy) => {
      const slope = mul(div(input(3), scale), inside);
      return [pointwise(t, slope, [...operands, dy]), undefined, undefined];
    };
    return b.emit(
      'elementwise',
      operands,
      { expression: call('min', call('max', level, low), high) },
      gradient,
    );
  },
});

const dequantize: Operator = define({
  takes: 'Z F Z? -> 1',
  check: checkSteps,
  dtypes: (site) => [required(site, 1).dtype],
  expand(site, inputs, b) {
    return [pointwise(b, mul(sub(x, zero), scale), [inputs[0], ...steps(site, inputs, b)])];
  },
});

export const quantizeOperators: Record<string, Operator> = {
  QuantizeLinear: quantize,
  DequantizeLinear: dequantize,
};
