/** Every operator, in its old and new forms, against onnxruntime. */
import { test } from 'node:test';
import {
  type Attribute,
  float,
  floatList,
  floatTensor,
  int,
  intList,
  intTensor,
  string,
  tensorValue,
} from '../../onnx/index.js';
import { type Case, caseAgrees, type Given } from './against.test.fixture.js';

type Attributes = Record<string, Attribute>;
const f = (...shape: number[]): Given => ({ shape });
const weights = (...shape: number[]): Given => ({ shape, fixed: true });
const ints = (...values: number[]): Given => ({
  shape: [values.length],
  values,
  dtype: 'int64',
  fixed: true,
});
const scalar = (value: number, dtype: Given['dtype'] = 'float32'): Given => ({
  shape: [],
  values: [value],
  dtype,
  fixed: true,
});
const list = (...values: number[]): Given => ({ shape: [values.length], values, fixed: true });
const positive = (...shape: number[]): Given => ({ shape, between: [0.1, 3] });
const bools = (...shape: number[]): Given => ({ shape, dtype: 'bool', between: [0, 2] });
const image = f(2, 3, 7, 6);

const one = (
  op: string,
  opset: number,
  inputs: Case['inputs'],
  attributes: Attributes = {},
  outputs = 1,
): Case => ({
  op,
  opset,
  inputs,
  attributes,
  outputs,
});

const unary: Case[] = [
  ...[
    'Relu',
    'LeakyRelu',
    'Elu',
    'Selu',
    'HardSigmoid',
    'Sigmoid',
    'Tanh',
    'Softplus',
    'Softsign',
    'Abs',
    'Neg',
    'Exp',
    'Floor',
    'Ceil',
    'Sin',
    'Cos',
  ].map((op) => one(op, 8, [image])),
  ...['Sign', 'Erf', 'ThresholdedRelu', 'Round', 'Celu', 'HardSwish', 'Mish'].map((op) =>
    one(op, 18, [image]),
  ),
  ...['Log', 'Sqrt', 'Reciprocal'].map((op) => one(op, 13, [positive(2, 5)])),
  one('LeakyRelu', 16, [image], { alpha: float(0.3) }),
  one('Elu', 9, [image], { alpha: float(0.7) }),
  one('Celu', 12, [image], { alpha: float(0.5) }),
  one('HardSigmoid', 9, [image], { alpha: float(1 / 6), beta: float(0.4) }),
  one('Gelu', 20, [image]),
  one('Gelu', 20, [image], { approximate: string('tanh') }),
  one('PRelu', 9, [image, weights(3, 1, 1)]),
  one('PRelu', 16, [image, weights(1)]),
  one('Clip', 7, [image], { min: float(0), max: float(1) }),
  one('Clip', 7, [image]),
  one('Clip', 13, [image, scalar(-0.5), scalar(1)]),
  one('Clip', 13, [image, undefined, scalar(1)]),
  one('Clip', 13, [image, { shape: [] }]),
  one('Cast', 13, [image], { to: int(7) }),
  one('Cast', 13, [image], { to: int(9) }),
  one('Cast', 13, [bools(2, 5)], { to: int(1) }),
  one('CastLike', 15, [image, { shape: [5], values: [1, 2, 3, 4, 5], dtype: 'int64', fixed: true }]),
  one('Not', 13, [bools(2, 5)]),
];

const equalNumbers: Given = { shape: [3, 4], values: [1, 3, 3, 2, 0, 0, 0, 0, 5, 5, 9, 5] };

const placesGiven = (shape: number[], ...values: number[]): Given => ({ shape, values, dtype: 'int64' });

/** Places that only a run knows. */
const found: Case[] = [
  one('Gather', 13, [f(4, 3), placesGiven([2, 2], 3, -4, 1, 1)]),
  one('Gather', 13, [f(2, 4, 3), placesGiven([3], 3, 0, -1)], { axis: int(1) }),
  one('GatherElements', 13, [
    f(3, 4, 2),
    placesGiven([2, 4, 2], 2, -1, 0, 1, 2, 0, 0, 0, 1, 1, 1, 2, 2, 2, 0, 1),
  ]),
  one('GatherElements', 13, [f(2, 5), placesGiven([2, 3], 4, 0, -2, 1, 1, 3)], { axis: int(1) }),
  one('GatherND', 12, [f(3, 4, 2), placesGiven([2, 2], 2, 0, -1, 3)]),
  one('GatherND', 12, [f(2, 4, 3), placesGiven([2, 2, 1], 2, 0, -1, 3)], { batch_dims: int(1) }),
  one('ScatterND', 16, [f(4, 3), placesGiven([2, 1], 2, 0), f(2, 3)]),
  one('ScatterND', 16, [f(4, 3), placesGiven([3, 2], 2, 0, 1, 1, 2, 0), f(3)], { reduction: string('add') }),
  one('ScatterElements', 16, [f(2, 5), placesGiven([2, 2], 1, -1, 0, 3), f(2, 2)], { axis: int(1) }),
  one('ScatterElements', 16, [f(4, 3), placesGiven([2, 3], 1, 0, 2, 1, 3, 2), f(2, 3)], {
    reduction: string('add'),
  }),
];

const two = (c: Case): Case => ({ ...c, outputs: 2 });

const tops: Case[] = [
  two(one('TopK', 13, [f(2, 6), ints(4)])),
  two(one('TopK', 13, [f(3, 7, 2), ints(3)], { axis: int(1), largest: int(0) })),
  two(one('TopK', 13, [equalNumbers, ints(3)])),
  two(one('TopK', 13, [equalNumbers, ints(4)], { largest: int(0) })),
  two(one('TopK', 13, [{ ...ints(5, -2, 9, 9), fixed: false }, ints(3)])),
  two(one('TopK', 1, [f(2, 6)], { k: int(2) })),
];

const several: Case[] = [
  ...['Add', 'Sub', 'Mul', 'Div'].flatMap((op) => [
    one(op, 7, [image, weights(3, 1, 1)]),
    one(op, 14, [f(7, 6), image]),
    one(op, 14, [image, scalar(0.3)]),
  ]),
  one('Add', 14, [image, scalar(0)]),
  one('Mul', 14, [image, scalar(0)]),
  one('Add', 14, [f(3), weights(1, 1, 1)]),
  one('Pow', 13, [positive(2, 5), scalar(2)]),
  one('Pow', 13, [positive(2, 5), f(5)]),
  one('Pow', 12, [image, scalar(3, 'int64')]),
  ...['Max', 'Min', 'Sum', 'Mean'].flatMap((op) => [
    one(op, 8, [image, f(6), f(7, 1)]),
    one(op, 13, [image]),
  ]),
  ...['Equal', 'Greater', 'Less', 'GreaterOrEqual', 'LessOrEqual'].map((op) =>
    one(op, 16, [{ shape: [4, 5], values: Array.from({ length: 20 }, (_, i) => i % 4) }, f(5)]),
  ),
  ...['And', 'Or', 'Xor'].map((op) => one(op, 7, [bools(3, 4), { ...bools(4), values: [0, 1, 1, 0] }])),
  one('Where', 16, [bools(3, 4), f(4), f(3, 1)]),
  one('Mod', 13, [f(9), f(9)], { fmod: int(1) }),
  one('Mod', 13, [{ shape: [6], dtype: 'int64', between: [-9, 9] }, scalar(4, 'int64')]),
  one('Div', 14, [{ shape: [6], dtype: 'int64', between: [-9, 9] }, scalar(4, 'int64')]),
  one('Div', 14, [{ ...ints(-7, 7, 8), fixed: true }, scalar(2, 'int64')]),
];

const convolutions: Case[] = [
  one('Conv', 11, [image, weights(4, 3, 3, 2), weights(4)], {
    pads: intList([1, 0, 2, 1]),
    strides: intList([2, 1]),
    dilations: intList([1, 2]),
  }),
  one('Conv', 11, [f(1, 4, 9), weights(6, 2, 3)], {
    group: int(2),
    auto_pad: string('SAME_UPPER'),
    strides: intList([2]),
  }),
  one('Conv', 11, [f(1, 4, 8, 9), weights(8, 1, 4, 4)], { group: int(4), auto_pad: string('SAME_LOWER') }),
  one('Conv', 11, [image, weights(4, 3, 3, 2), f(4)]),
  one('Conv', 7, [f(1, 2, 4, 5, 6), weights(3, 2, 2, 3, 3)], { auto_pad: string('VALID') }),
  one('ConvTranspose', 11, [image, weights(3, 4, 3, 2), weights(4)], {
    strides: intList([2, 3]),
    pads: intList([1, 0, 0, 1]),
    output_padding: intList([1, 2]),
  }),
  one('ConvTranspose', 11, [f(1, 4, 5, 5), weights(4, 3, 3, 3)], {
    group: int(2),
    dilations: intList([2, 2]),
  }),
  one('ConvTranspose', 11, [f(1, 2, 5, 4), weights(2, 3, 4, 4)], {
    strides: intList([2, 2]),
    output_shape: intList([11, 9]),
  }),
  one('ConvTranspose', 11, [f(1, 2, 5, 4), weights(2, 3, 3, 3)], {
    strides: intList([2, 2]),
    auto_pad: string('SAME_UPPER'),
  }),
  one('ConvTranspose', 11, [f(1, 2, 5, 4), weights(2, 3, 3, 3)], {
    strides: intList([2, 2]),
    auto_pad: string('SAME_LOWER'),
  }),
  one('ConvTranspose', 1, [f(1, 2, 7), weights(2, 3, 3)], { strides: intList([3]) }),
].map((c) => ({ ...c, opset: Math.max(7, c.opset) }));

const square = { kernel_shape: intList([3, 3]) };
const pools: Case[] = [
  one('MaxPool', 8, [image], { ...square, strides: intList([2, 2]), pads: intList([1, 1, 0, 1]) }),
  one('MaxPool', 12, [image], {
    ...square,
    strides: intList([2, 2]),
    ceil_mode: int(1),
    dilations: intList([1, 2]),
  }),
  one('MaxPool', 12, [f(1, 2, 9)], {
    kernel_shape: intList([2]),
    auto_pad: string('SAME_LOWER'),
    strides: intList([2]),
  }),
  one('AveragePool', 7, [image], { ...square, pads: intList([1, 1, 1, 1]), strides: intList([2, 2]) }),
  one('AveragePool', 10, [image], {
    ...square,
    pads: intList([1, 0, 0, 1]),
    strides: intList([2, 2]),
    count_include_pad: int(1),
  }),
  one('AveragePool', 19, [f(1, 2, 8, 9)], {
    ...square,
    strides: intList([2, 3]),
    ceil_mode: int(1),
    pads: intList([1, 1, 1, 1]),
  }),
  one('AveragePool', 19, [f(1, 2, 8, 9)], {
    ...square,
    strides: intList([2, 3]),
    ceil_mode: int(1),
    pads: intList([1, 1, 1, 1]),
    count_include_pad: int(1),
  }),
  one('AveragePool', 11, [f(1, 2, 8, 9)], {
    ...square,
    strides: intList([2, 2]),
    auto_pad: string('SAME_UPPER'),
  }),
  one('AveragePool', 19, [f(1, 2, 9)], { kernel_shape: intList([3]), dilations: intList([2]) }),
  one('LpPool', 11, [image], { ...square, p: int(2) }),
  one('LpPool', 11, [image], { ...square, p: int(3) }),
  ...['GlobalAveragePool', 'GlobalMaxPool', 'GlobalLpPool'].map((op) => one(op, 7, [image])),
  one('LRN', 7, [f(1, 7, 3, 2)], { size: int(5), alpha: float(0.3), beta: float(0.6), bias: float(2) }),
  one('LRN', 13, [f(1, 7, 3, 2)], { size: int(3) }),
];

const running = [weights(3), weights(3), weights(3), { ...positive(3), fixed: true }];
const norms: Case[] = [
  one('BatchNormalization', 7, [image, ...running], { epsilon: float(1e-3) }),
  one('BatchNormalization', 15, [f(4, 3), ...running]),
  one('InstanceNormalization', 7, [image, weights(3), weights(3)]),
  one('GroupNormalization', 21, [f(2, 6, 3, 2), weights(6), weights(6)], { num_groups: int(3) }),
  one('LayerNormalization', 17, [f(2, 3, 5), weights(5), weights(5)]),
  one('LayerNormalization', 17, [f(2, 3, 5), weights(3, 5)], { axis: int(1), epsilon: float(0.1) }),
  one('MeanVarianceNormalization', 13, [image], { axes: intList([2, 3]) }),
  one('Softmax', 7, [f(2, 3, 4)]),
  one('Softmax', 11, [f(2, 3, 4)], { axis: int(2) }),
  one('Softmax', 13, [f(2, 3, 4)]),
  one('Softmax', 13, [f(2, 3, 4)], { axis: int(1) }),
  one('LogSoftmax', 11, [f(2, 3, 4)]),
  one('LogSoftmax', 13, [f(2, 3, 4)], { axis: int(0) }),
  one('Dropout', 7, [image], { ratio: float(0.3) }),
  one('Dropout', 13, [image, scalar(0.3)], {}, 2),
];

const reductions: Case[] = [
  ...[
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceL1',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
    'ReduceProd',
  ].flatMap((op) => [
    one(op, 11, [image], { axes: intList([1, -1]), keepdims: int(0) }),
    one(op, 11, [f(3, 4)]),
    one(op, 18, [image, ints(2)]),
  ]),
  ...[13, 64, 1000].map((n) =>
    one('ReduceProd', 11, [{ shape: [2, n], between: [0.95, 1.05] }], { axes: intList([1]) }),
  ),
  one('ReduceLogSum', 13, [positive(2, 3)], { axes: intList([1]) }),
  one('ReduceSum', 13, [f(3, 4)], { noop_with_empty_axes: int(1) }),
  ...['ArgMax', 'ArgMin'].flatMap((op) => [
    one(op, 12, [{ shape: [3, 5], values: [1, 2, 2, 0, 0, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0] }], { axis: int(1) }),
    one(op, 12, [{ shape: [3, 5], values: [1, 2, 2, 0, 0, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0] }], {
      axis: int(-1),
      select_last_index: int(1),
      keepdims: int(0),
    }),
  ]),
];

const products: Case[] = [
  one('Gemm', 7, [f(1, 5), weights(5, 4), weights(4)]),
  one('Gemm', 11, [f(3, 5), weights(4, 5), weights(1, 4)], {
    transB: int(1),
    alpha: float(0.5),
    beta: float(2),
  }),
  one('Gemm', 13, [f(5, 3), weights(5, 4)], { transA: int(1) }),
  one('Gemm', 13, [f(3, 5), f(5, 4), f(3, 1)]),
  one('Gemm', 13, [f(3, 5), weights(5, 4), weights(3, 1)]),
  one('MatMul', 9, [f(2, 3, 5), weights(5, 4)]),
  one('MatMul', 9, [weights(4, 5), f(2, 5, 3)]),
  one('MatMul', 9, [f(2, 3, 4, 5), f(2, 3, 5, 2)]),
  one('MatMul', 9, [f(2, 1, 4, 5), f(3, 5, 2)]),
  one('MatMul', 9, [f(5), weights(5, 4)]),
  one('MatMul', 9, [f(3, 5), weights(5)]),
  one('MatMul', 9, [f(3, 5), weights(2, 5, 4)]),
];

const moves: Case[] = [
  one('Reshape', 13, [image, ints(0, -1, 6)]),
  one('Reshape', 14, [f(2, 3), ints(3, 2)], { allowzero: int(1) }),
  one('Flatten', 7, [image]),
  one('Flatten', 13, [image], { axis: int(-1) }),
  one('Flatten', 9, [image], { axis: int(0) }),
  one('Squeeze', 11, [f(1, 3, 1)], { axes: intList([-1]) }),
  one('Squeeze', 13, [f(1, 3, 1)]),
  one('Squeeze', 13, [f(1, 3, 1), ints(0)]),
  one('Unsqueeze', 7, [f(3, 4)], { axes: intList([0, 3]) }),
  one('Unsqueeze', 13, [f(3, 4), ints(-1, 1)]),
  one('Transpose', 7, [image]),
  one('Transpose', 13, [image], { perm: intList([0, 2, 3, 1]) }),
  one('Concat', 11, [image, f(2, 2, 7, 6), weights(2, 1, 7, 6)], { axis: int(-3) }),
  one('Split', 11, [image], { axis: int(3), split: intList([1, 5]) }, 2),
  one('Split', 13, [image, ints(3, 4)], { axis: int(2) }, 2),
  one('Split', 11, [image], { axis: int(1) }, 3),
  one('Split', 18, [image], { axis: int(2), num_outputs: int(3) }, 3),
  one('Slice', 9, [image], {
    starts: intList([1, 0]),
    ends: intList([2147483647, -2]),
    axes: intList([1, 3]),
  }),
  one('Slice', 13, [image, ints(-1, 5), ints(-100, 0), ints(2, 3), ints(-2, -2)]),
  one('Slice', 13, [image, ints(0, 1), ints(2, 2)]),
  one('Pad', 7, [image], { pads: intList([0, 0, 1, 2, 0, 0, 3, -1]), value: float(0.5) }),
  one('Pad', 13, [image, ints(0, 1, -1, 0, 0, 0, 1, 2), scalar(3)]),
  one('Pad', 18, [image, ints(1, 2), undefined, ints(3)], {}),
  ...['reflect', 'edge'].map((mode) =>
    one('Pad', 13, [image, ints(0, 0, 2, 1, 0, 0, 3, 4)], { mode: string(mode) }),
  ),
  one('Pad', 19, [image, ints(0, 0, 2, 1, 0, 0, 3, 4)], { mode: string('wrap') }),
  one('Expand', 13, [f(3, 1), ints(2, 1, 4)]),
  one('Tile', 13, [f(2, 3), ints(2, 3)]),
  one('DepthToSpace', 11, [f(1, 8, 2, 3)], { blocksize: int(2) }),
  one('DepthToSpace', 13, [f(1, 8, 2, 3)], { blocksize: int(2), mode: string('CRD') }),
  one('SpaceToDepth', 13, [f(1, 2, 4, 6)], { blocksize: int(2) }),
  one('Trilu', 14, [f(2, 4, 5)]),
  one('Trilu', 14, [f(4, 5), scalar(-1, 'int64')], { upper: int(0) }),
  one('Identity', 13, [image]),
  one('Shape', 13, [image]),
  one('Shape', 15, [image], { start: int(1), end: int(-1) }),
  one('Size', 13, [image]),
  one('ConstantOfShape', 9, [ints(2, 3)], { value: tensorValue(intTensor([1], [7])) }),
  one('Constant', 13, [], { value: tensorValue(floatTensor([2], [1, 2])) }),
  one('Constant', 13, [], { value_floats: floatList([1.5, 2]) }),
  one('Range', 11, [scalar(1, 'int64'), scalar(8, 'int64'), scalar(3, 'int64')]),
  one('Gather', 11, [image, scalar(-1, 'int64')], { axis: int(1) }),
  one('Gather', 11, [image, { ...ints(5, 0, 0, 2, -3, 1), shape: [2, 3] }], { axis: int(2) }),
  one('Gather', 11, [weights(7, 4), { shape: [2, 3], dtype: 'int64', between: [-7, 7] }]),
  one('OneHot', 11, [{ shape: [2, 3], dtype: 'int64', between: [-4, 4] }, scalar(4, 'int64'), list(-1, 3)], {
    axis: int(1),
  }),
];

const at = (shape: number[], ...values: number[]): Given => ({ ...ints(...values), shape });
const places: Case[] = [
  one('ScatterND', 11, [f(4, 3, 2), at([2, 1], 2, -4), f(2, 3, 2)]),
  one('ScatterND', 11, [f(4, 3), at([2, 2, 2], 0, 1, 3, 2, 1, 0, 0, 1), f(2, 2)]),
  one('ScatterND', 13, [weights(2, 3), at([1, 2], 1, -1), weights(1)]),
  ...['add', 'mul', 'min', 'max'].map((how) =>
    one('ScatterND', 18, [f(4, 3), at([3, 1], 2, 0, 2), f(3, 3)], { reduction: string(how) }),
  ),
  one('GatherND', 12, [f(3, 4, 2), at([2, 2], 2, 0, -1, 3)]),
  one('GatherND', 12, [f(3, 4, 2), at([3, 1, 1], 2, 0, -1)], { batch_dims: int(1) }),
  one('GatherND', 12, [weights(2, 2), at([2, 1], 1, 0)]),
  one('ScatterElements', 11, [f(3, 3), at([2, 3], 1, 0, 2, 0, 2, 1), f(2, 3)]),
  one('ScatterElements', 11, [f(2, 5), at([1, 2], 1, -2), f(1, 2)], { axis: int(1) }),
  one('ScatterElements', 18, [f(1, 5), at([1, 3], 1, 4, 1), f(1, 3)], {
    axis: int(1),
    reduction: string('add'),
  }),
  one('Scatter', 9, [f(3, 3), at([1, 3], 2, 0, 1), f(1, 3)]),
  one('GatherElements', 13, [f(3, 3), at([2, 3], 1, 2, 0, -1, 0, 0)]),
  one('GatherElements', 11, [f(2, 4), at([2, 2], 3, 0, -4, 1)], { axis: int(-1) }),
  one('CumSum', 11, [f(2, 7), scalar(1, 'int32')]),
  one('CumSum', 14, [f(5, 2, 2), scalar(-3, 'int64')], { exclusive: int(1) }),
  one('CumSum', 14, [f(2, 6), at([1], 1)], { reverse: int(1), exclusive: int(1) }),
  one('CumSum', 14, [f(3, 2), scalar(0, 'int64')], { reverse: int(1) }),
];

const [q, k, v] = [f(1, 4, 5, 6), f(1, 2, 7, 6), f(1, 2, 7, 3)];
const heads = { q_num_heads: int(4), kv_num_heads: int(2) };
const attentions: Case[] = [
  one('RMSNormalization', 23, [f(2, 3, 5), weights(5)], { epsilon: float(0.1) }),
  one('RMSNormalization', 23, [f(2, 3, 5), weights(3, 5)], { axis: int(1) }),
  one('Attention', 23, [f(1, 5, 8), f(1, 5, 8), f(1, 5, 12)], { q_num_heads: int(2), kv_num_heads: int(2) }),
  one('Attention', 23, [f(1, 5, 24), f(1, 7, 12), f(1, 7, 6)], heads),
  one('Attention', 23, [q, k, v], { scale: float(0.3) }),
  one('Attention', 23, [f(1, 4, 5, 6), f(1, 4, 5, 6), f(1, 4, 5, 2)], { is_causal: int(1) }),
  one('Attention', 23, [q, k, v, weights(5, 7)]),
  one('Attention', 23, [q, k, v, f(1, 4, 5, 7)]),
  one('Attention', 23, [q, k, v, { ...bools(5, 7), fixed: true }]),
  one('Attention', 23, [q, k, v], { softcap: float(0.5) }),
  one(
    'Attention',
    23,
    [f(1, 5, 24), f(1, 3, 12), f(1, 3, 6), undefined, f(1, 2, 4, 6), f(1, 2, 4, 3)],
    heads,
    3,
  ),
];

const transform = (mode: string, extra: Attributes = {}): Attributes => ({
  coordinate_transformation_mode: string(mode),
  ...extra,
});
const nothing = list();
const resizes: Case[] = [
  one('Upsample', 7, [image], { scales: floatList([1, 1, 2, 2]) }),
  one('Upsample', 9, [image, list(1, 1, 2, 3)], { mode: string('linear') }),
  one('Resize', 10, [image, list(1, 1, 0.6, 0.5)]),
  one('Resize', 10, [image, list(1, 1, 1.7, 0.5)], { mode: string('linear') }),
  ...['half_pixel', 'pytorch_half_pixel', 'align_corners', 'asymmetric'].flatMap((mode) => [
    ...['linear', 'nearest'].flatMap((how) => [
      one('Resize', 11, [image, nothing, list(1, 1, 1.5, 0.7)], transform(mode, { mode: string(how) })),
      one('Resize', 13, [image, nothing, nothing, ints(2, 3, 4, 11)], transform(mode, { mode: string(how) })),
    ]),
    one('Resize', 13, [image, nothing, list(1, 1, 2, 1.3)], transform(mode, { mode: string('cubic') })),
  ]),
  ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].flatMap((mode) => [
    one('Resize', 11, [image, nothing, list(1, 1, 2, 0.5)], { nearest_mode: string(mode) }),
    one(
      'Resize',
      13,
      [image, nothing, nothing, ints(2, 3, 3, 13)],
      transform('asymmetric', { nearest_mode: string(mode) }),
    ),
  ]),
  one('Resize', 11, [image, nothing, list(1, 1, 0.5, 0.4)], transform('tf_half_pixel_for_nn')),
  one(
    'Resize',
    13,
    [image, list(0, 0, 0.1, 0.2, 1, 1, 0.8, 1.3), nothing, ints(2, 3, 5, 5)],
    transform('tf_crop_and_resize', { mode: string('linear') }),
  ),
  one(
    'Resize',
    19,
    [image, undefined, list(1, 1, 0.7, 1.6)],
    transform('half_pixel_symmetric', { mode: string('linear') }),
  ),
  one('Resize', 18, [image, undefined, list(2, 1.5)], { mode: string('linear'), axes: intList([2, 3]) }),
  one('Resize', 18, [image, undefined, undefined, ints(12, 9)], {
    mode: string('linear'),
    axes: intList([2, 3]),
    keep_aspect_ratio_policy: string('not_larger'),
  }),
  one('Resize', 13, [image, nothing, list(1, 1, 2, 0.7)], {
    mode: string('cubic'),
    cubic_coeff_a: float(-0.5),
    exclude_outside: int(1),
  }),
];

const small = (dtype: 'int4' | 'uint4' | 'int8', ...shape: number[]): Given => ({
  ...{ shape, dtype, between: dtype === 'uint4' ? [0, 15] : [-8, 7], fixed: true },
});
const quantisations: Case[] = [
  one('DequantizeLinear', 21, [small('int8', 4, 6), weights(2, 6)], { axis: int(0), block_size: int(2) }),
  one('DequantizeLinear', 21, [small('int4', 3, 5), weights(3, 2), small('int4', 3, 2)], {
    axis: int(1),
    block_size: int(3),
  }),
  one('DequantizeLinear', 21, [small('uint4', 2, 4, 3), weights(2, 2, 3), small('uint4', 2, 2, 3)], {
    axis: int(-2),
    block_size: int(2),
  }),
  one('DequantizeLinear', 21, [small('int4', 3, 5), list(0.1, 0.2, 0.3)], { axis: int(0) }),
  one('QuantizeLinear', 10, [image, scalar(0.02), scalar(110, 'uint8')]),
  one(
    'QuantizeLinear',
    13,
    [image, { ...list(0.01, 0.02, 0.03) }, { shape: [3], dtype: 'int8', values: [0, -3, 4], fixed: true }],
    { axis: int(1) },
  ),
  one('QuantizeLinear', 10, [image, scalar(0.03)]),
  one('DequantizeLinear', 10, [
    { shape: [2, 5], dtype: 'uint8', between: [0, 255] },
    scalar(0.02),
    scalar(110, 'uint8'),
  ]),
  one(
    'DequantizeLinear',
    13,
    [
      { shape: [2, 3], dtype: 'int8', between: [-9, 9], fixed: true },
      list(0.1, 0.2),
      { shape: [2], dtype: 'int8', values: [1, 2], fixed: true },
    ],
    { axis: int(0) },
  ),
];

for (const c of [
  ...unary,
  ...tops,
  ...found,
  ...several,
  ...convolutions,
  ...pools,
  ...norms,
  ...reductions,
  ...products,
  ...moves,
  ...resizes,
  ...quantisations,
  ...places,
  ...attentions,
]) {
  const settings = Object.entries(c.attributes ?? {}).map(
    ([name, { value }]) => `${name}=${typeof value === 'object' && !Array.isArray(value) ? '…' : value}`,
  );
  const shapes = c.inputs.map((input) => (input ? `[${input.shape}]` : 'none'));
  test(`${c.op}-${c.opset} ${shapes.join(' ')} ${settings.join(' ')}`, () => caseAgrees(c, 2e-5));
}
