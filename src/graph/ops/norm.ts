/** Normalisations: BatchNorm in training and inference, and those that look at one sample only. */

import { fail } from '../../base/index.js';
import { attr, int, sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { axisOf, describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { scaleAndShift } from '../roles.js';
import { axesIn, countOf, ranked, repeatable, shapeAt, unfit, vectors } from './check.js';
import { define, type Expand } from './define.js';
import { add, div, mul, sub } from './elementwise.js';
import { along, mean, pointwise, range, reshape } from './emit.js';

const epsilonOf = (site: Site): number => attr.float(site.node, 'epsilon', 1e-5);

const [x, y] = [input(0), input(1)];

/** scale·(x − mean)/√(variance + ε) + bias with the statistics of inputs 3 and 4. */
function byRunning(site: Site, inputs: readonly string[], b: Build): string {
  const { shape } = required(site, 0);
  const perElement = attr.int(site.node, 'spatial', 1) === 0;
  const lay = (name: string) =>
    perElement ? reshape(b, name, [1, ...shape.slice(1)]) : along(b, name, 1, shape.length);
  const [scale, bias, average, variance] = inputs.slice(1, 5).map(lay);
  const slope = pointwise(b, div(x, call('sqrt', add(y, epsilonOf(site)))), [scale, variance]);
  const shift = pointwise(b, sub(x, mul(y, input(2))), [bias, average, slope]);
  return pointwise(b, add(mul(x, y), input(2)), [inputs[0], slope, shift]);
}

/**
 * y = a·x + b by batch statistics. With x̂ = (x − mean)·inv and M elements a channel, the gradients are (Ioffe, Szegedy
 * 2015, collected for x): ∂bias = Σdy, ∂scale = Σdy·x̂, dx = a·(dy − Σdy/M − x̂·Σdy·x̂/M) = a·dy + p·x + q. They belong to
 * the last element-wise node, which is why scale and bias are listed among its operands.
 */
function byBatch(site: Site, inputs: readonly string[], b: Build): string {
  const { shape } = required(site, 0);
  if (attr.int(site.node, 'spatial', 1) === 0) {
    fail(
      `${describe(site.node)} normalises every pixel by itself (spatial=0), which espalier does not train; export the model with a newer opset.`,
      Unsupported,
    );
  }
  if (inputs.slice(1, 5).some((name) => b.type(name).laned)) {
    fail(
      `${describe(site.node)} takes its scale, bias or statistics from data, which espalier does not train; make them weights of the model.`,
    );
  }
  const options = { epsilon: epsilonOf(site), momentum: attr.float(site.node, 'momentum', 0.9) };
  const lay = (name: string) => along(b, name, 1, shape.length);
  const [a, shift, average, inverse] = b.emit('normalize', inputs.slice(0, 5), options);
  const operands = [inputs[0], lay(a), lay(shift), lay(inputs[1]), lay(inputs[2])];
  const gradient = (t: Build, dy: string): (string | undefined)[] => {
    const axes = range(shape.length).filter((axis) => axis !== 1);
    const total = (value: string) =>
      t.emit('reduce', [value], { how: 'sum', axes, across: t.type(value).laned })[0];
    const flat = (value: string) => reshape(t, value, [shape[1]]);
    const product = t.emit('elementwise', [dy, inputs[0], lay(average)], {
      expression: mul(x, sub(y, input(2))),
    })[0];
    const [sum, covariance] = [total(dy), total(product)];
    const [dot] = t.emit('elementwise', [covariance, lay(inverse)], { expression: mul(x, y) });
    const count = sizeOf(shape) / shape[1];
    const [p, q] = t.emit('normalizeInput', [flat(sum), flat(dot), a, average, inverse], { count });
    const slope = add(mul(x, y), add(mul(input(2), input(3)), input(4)));
    const dx = t.emit('elementwise', [dy, operands[1], inputs[0], lay(p), lay(q)], { expression: slope })[0];
    return [dx, undefined, undefined, dot, sum];
  };
  return b.emit('elementwise', operands, { expression: add(mul(x, y), input(2)) }, gradient)[0];
}

/** Further outputs are the running statistics, which training updates in place. */
const batchNorm: Operator = define({
  takes: 'F F1 F1 F2 F2 -> 1..5',
  check(site) {
    ranked(site, 0, 2);
    const { shape } = required(site, 0);
    if (attr.int(site.node, 'spatial', 1) !== 0) return vectors(site, [1, 2, 3, 4], shape[1], 'channels');
    for (const index of [1, 2, 3, 4])
      if (sizeOf(shapeAt(site, index)) !== sizeOf(shape.slice(1)))
        unfit(
          site,
          `has an input ${index} of shape [${shapeAt(site, index)}] for pixels [${shape.slice(1)}]`,
        );
  },
  roles: { ...scaleAndShift, 3: { is: 'statistic' }, 4: { is: 'statistic' } },
  normalizes: true,
  dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
  expand(site, inputs, b) {
    const result = b.training ? byBatch(site, inputs, b) : byRunning(site, inputs, b);
    const statistics = [inputs[3], inputs[4], inputs[3], inputs[4]];
    return [result, ...statistics].slice(0, Math.max(1, site.node.outputs.length));
  },
});

/** (x − mean)/√(variance + ε) over `axes`, in two passes; also the mean and 1/√(variance + ε). */
export function standardize(b: Build, value: string, axes: readonly number[], epsilon: number): string[] {
  const average = mean(b, value, axes);
  const centred = pointwise(b, sub(x, y), [value, average]);
  const variance = mean(b, pointwise(b, mul(x, x), [centred]), axes);
  const inverse = pointwise(b, div(1, call('sqrt', add(x, epsilon))), [variance]);
  return [pointwise(b, mul(x, y), [centred, inverse]), average, inverse];
}

const scaled: Expression = add(mul(x, y), input(2));

const instanceNorm: Expand = (site, [value, scale, bias], b) => {
  const rank = b.type(value).shape.length;
  const [normal] = standardize(b, value, range(rank - 2, 2), epsilonOf(site));
  return [pointwise(b, scaled, [normal, along(b, scale, 1, rank), along(b, bias, 1, rank)])];
};

function checkGroups(site: Site): void {
  ranked(site, 0, 3);
  const [, channels] = shapeAt(site, 0);
  const groups = countOf(site, 'num_groups');
  if (channels % groups !== 0) unfit(site, `parts ${channels} channels into ${groups} groups`);
  const [scales] = shapeAt(site, 1);
  vectors(site, [1, 2], scales === groups ? groups : channels, scales === groups ? 'groups' : 'channels');
}

/** Scale and bias are one per channel (opset 21 on) or one per group (18). */
const groupNorm: Expand = (site, [value, scale, bias], b) => {
  const { shape } = b.type(value);
  const groups = attr.int(site.node, 'num_groups');
  const split = [shape[0], groups, shape[1] / groups, ...shape.slice(2)];
  const axes = range(split.length - 2, 2);
  const [normal] = standardize(b, reshape(b, value, split), axes, epsilonOf(site));
  const perGroup = sizeOf(b.type(scale).shape) === groups && shape[1] !== groups;
  const ones = axes.slice(1).map(() => 1);
  const lay = (name: string) =>
    reshape(b, name, perGroup ? [1, groups, 1, ...ones] : [1, groups, split[2], ...ones]);
  return [reshape(b, pointwise(b, scaled, [normal, lay(scale), lay(bias)]), shape)];
};

function checkLayer(site: Site): void {
  const shape = shapeAt(site, 0);
  const first = axisOf(site, attr.int(site.node, 'axis', -1), shape.length);
  repeatable(site, 1, shape.slice(first));
  repeatable(site, 2, shape.slice(first));
}

const layerNorm: Expand = (site, [value, scale, bias], b) => {
  const rank = b.type(value).shape.length;
  const first = axisOf(site, attr.int(site.node, 'axis', -1), rank);
  const [normal, average, inverse] = standardize(b, value, range(rank - first, first), epsilonOf(site));
  const result = bias
    ? pointwise(b, scaled, [normal, scale, bias])
    : pointwise(b, mul(x, y), [normal, scale]);
  return [result, average, inverse].slice(0, Math.max(1, site.node.outputs.length));
};

/** x/√(mean of x² + ε), and what it is multiplied by. */
export function rootMeanSquare(b: Build, value: string, axes: readonly number[], epsilon: number) {
  const square = mean(b, pointwise(b, mul(x, x), [value]), axes);
  const inverse = pointwise(b, div(1, call('sqrt', add(x, epsilon))), [square]);
  return { normal: pointwise(b, mul(x, y), [value, inverse]), inverse };
}

const rmsNorm: Expand = (site, [value, scale], b) => {
  const rank = b.type(value).shape.length;
  const first = axisOf(site, attr.int(site.node, 'axis', -1), rank);
  const { normal, inverse } = rootMeanSquare(b, value, range(rank - first, first), epsilonOf(site));
  return [pointwise(b, mul(x, y), [normal, scale]), inverse].slice(0, Math.max(1, site.node.outputs.length));
};

/** x − mean over x's deviation, over batch and space by default, which one sample at a time cannot see. */
const meanVariance: Expand = (site, [value], b) => {
  const rank = b.type(value).shape.length;
  const axes = axesIn(site, attr.ints(site.node, 'axes', [0, 2, 3]), rank);
  if (axes.includes(0)) {
    fail(
      `${describe(site.node)} normalises over the samples of a batch, which espalier does only for BatchNormalization.`,
      Unsupported,
    );
  }
  return [standardize(b, value, axes, 1e-9)[0]];
};

/** Of our own, domain 'espalier': a BatchNormalization that goes by its running statistics in training as well, and leaves them. */
export const runningNormalization: Operator = define({
  takes: 'F F1 F1 F2 F2 -> 1..5',
  check: batchNorm.check,
  roles: batchNorm.roles,
  normalizes: true,
  dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
  expand(site, inputs, b) {
    const statistics = [inputs[3], inputs[4], inputs[3], inputs[4]];
    return [byRunning(site, inputs, b), ...statistics].slice(0, Math.max(1, site.node.outputs.length));
  },
});

export const normOperators: Record<string, Operator> = {
  BatchNormalization: batchNorm,
  InstanceNormalization: define({
    takes: 'F F F -> 1',
    check(site) {
      ranked(site, 0, 3);
      vectors(site, [1, 2], shapeAt(site, 0)[1], 'channels');
    },
    roles: scaleAndShift,
    normalizes: true,
    expand: instanceNorm,
  }),
  GroupNormalization: define({
    takes: 'F F F -> 1',
    check: checkGroups,
    roles: scaleAndShift,
    normalizes: true,
    expand: groupNorm,
    resize({ node, inputs: [whole] }, _, [y]) {
      const size = whole!.shape[1] / attr.int(node, 'num_groups');
      return { attributes: { num_groups: int(y[1].length / size) } };
    },
  }),
  LayerNormalization: define({
    takes: 'F F F? -> 1..3',
    check: checkLayer,
    roles: scaleAndShift,
    normalizes: true,
    dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
    expand: layerNorm,
  }),
  RMSNormalization: define({
    takes: 'F F1 -> 1',
    check: checkLayer,
    roles: { 1: { is: 'scale' } },
    normalizes: true,
    expand: rmsNorm,
  }),
  // As onnxruntime calls it, which writes it into ONNX's own domain.
  SimplifiedLayerNormalization: define({
    takes: 'F F1 -> 1..2',
    check: checkLayer,
    roles: { 1: { is: 'scale' } },
    normalizes: true,
    dtypes: (site) => site.node.outputs.map(() => required(site, 0).dtype),
    expand: rmsNorm,
  }),
  MeanVarianceNormalization: define({ takes: 'F -> 1', normalizes: true, expand: meanVariance }),
};
