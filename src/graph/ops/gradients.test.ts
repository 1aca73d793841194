/** The gradient of every operator that trains, through its expansion, against central differences in float64. */
import { test } from 'node:test';
import { float, int, intList, string } from '../../onnx/index.js';
import type { Case, Given } from './against.test.fixture.js';
import { checkGradients } from './gradients.test.fixture.js';

const f = (...shape: number[]): Given => ({ shape });
const weights = (...shape: number[]): Given => ({ shape, fixed: true });
const positive = (...shape: number[]): Given => ({ shape, between: [0.2, 2] });
const ints = (...values: number[]): Given => ({
  shape: [values.length],
  values,
  dtype: 'int64',
  fixed: true,
});
const floats = (...values: number[]): Given => ({ shape: [values.length], values, fixed: true });
const image = f(1, 4, 4, 5);

const one = (
  op: string,
  opset: number,
  inputs: Case['inputs'],
  attributes: Case['attributes'] = {},
): Case => ({
  op,
  opset,
  inputs,
  attributes,
});

const batchNorm = [weights(4), weights(4), weights(4), { ...positive(4), fixed: true }];
const pool = { kernel_shape: intList([3, 2]), strides: intList([2, 1]), pads: intList([1, 0, 1, 1]) };

const cases: Case[] = [
  ...[
    'Relu',
    'LeakyRelu',
    'Elu',
    'Selu',
    'Celu',
    'ThresholdedRelu',
    'HardSigmoid',
    'HardSwish',
    'Sigmoid',
    'Tanh',
    'Softplus',
    'Softsign',
    'Mish',
    'Erf',
    'Exp',
    'Abs',
    'Neg',
    'Sin',
    'Cos',
  ].map((op) => one(op, 18, [image])),
  ...['Log', 'Sqrt', 'Reciprocal'].map((op) => one(op, 18, [positive(2, 3)])),
  one('Gelu', 20, [image]),
  one('Gelu', 20, [image], { approximate: string('tanh') }),
  one('PRelu', 16, [image, weights(4, 1, 1)]),
  one(
    'Clip',
    13,
    [image, floats(-1), floats(1.2)].map((i) => i && { ...i, shape: i === image ? i.shape : [] }),
  ),
  ...['Add', 'Sub', 'Mul', 'Max', 'Min', 'Mean'].map((op) => one(op, 13, [image, f(4, 1, 1)])),
  one('Mul', 14, [image, weights(4, 1, 1)]),
  one('Div', 14, [image, positive(5)]),
  one('Pow', 13, [positive(2, 3), positive(3)]),
  one('Conv', 11, [image, weights(4, 2, 3, 2), weights(4)], {
    group: int(2),
    strides: intList([2, 1]),
    pads: intList([1, 0, 0, 1]),
    dilations: intList([1, 2]),
  }),
  one('Conv', 11, [image, f(4, 2, 3, 2), weights(4)], {
    group: int(2),
    strides: intList([2, 1]),
    pads: intList([1, 0, 0, 1]),
    dilations: intList([1, 2]),
  }),
  one('ConvTranspose', 11, [image, weights(4, 3, 3, 2), weights(6)], {
    group: int(2),
    strides: intList([2, 3]),
    pads: intList([1, 0, 0, 1]),
    output_padding: intList([1, 2]),
  }),
  one('Gemm', 13, [f(1, 5), weights(4, 5), weights(4)], { transB: int(1) }),
  one('Gemm', 13, [f(3, 5), weights(5, 4), weights(1, 4)], { alpha: float(0.5), beta: float(2) }),
  one('MatMul', 13, [f(2, 3, 5), weights(5, 4)]),
  one('MatMul', 13, [weights(4, 5), f(2, 5, 3)]),
  one('MatMul', 13, [f(2, 1, 4, 5), f(3, 5, 2)]),
  one('Einsum', 12, [f(2, 3, 5), weights(5, 2, 4)], { equation: string('btd,dhk->bthk') }),
  one('Einsum', 12, [weights(4, 5), f(2, 5, 3)], { equation: string('oi,bit->bto') }),
  one('Einsum', 12, [f(2, 3, 2, 4), f(2, 5, 2, 4)], { equation: string('bqhd,bkhd->bhqk') }),
  one('Einsum', 12, [f(1, 3, 4, 5), weights(3, 5, 2)], { equation: string('bhtd,hde->bhte') }),
  one('Einsum', 12, [f(4, 4, 3)], { equation: string('iij->ji') }),
  one('Einsum', 12, [f(2, 3), f(2, 4), weights(3, 4, 2)], { equation: string('bi,bj,ijk->bk') }),
  one('MaxPool', 12, [image], pool),
  one('MaxPool', 12, [image], { kernel_shape: intList([3, 3]), ceil_mode: int(1), strides: intList([2, 2]) }),
  one('AveragePool', 12, [image], { ...pool, count_include_pad: int(1) }),
  one('LpPool', 11, [{ ...image, between: [0.2, 2] }], { kernel_shape: intList([2, 2]) }),
  one('GlobalAveragePool', 12, [image]),
  one('GlobalMaxPool', 12, [image]),
  one('LRN', 13, [image], { size: int(3), alpha: float(0.4) }),
  one('BatchNormalization', 15, [image, ...batchNorm]),
  one('BatchNormalization', 9, [f(1, 4), ...batchNorm], { epsilon: float(0.1) }),
  one('InstanceNormalization', 13, [image, weights(4), weights(4)]),
  one('GroupNormalization', 21, [image, weights(4), weights(4)], { num_groups: int(2) }),
  one('LayerNormalization', 17, [f(2, 3, 5), weights(5), weights(5)]),
  one('Softmax', 13, [f(2, 5)]),
  one('Softmax', 11, [f(2, 3, 4)]),
  one('LogSoftmax', 13, [f(2, 5)], { axis: int(0) }),
  ...[
    'ReduceSum',
    'ReduceMean',
    'ReduceMax',
    'ReduceMin',
    'ReduceL2',
    'ReduceSumSquare',
    'ReduceLogSumExp',
    'ReduceProd',
  ].map((op) => one(op, 11, [f(2, 3, 4)], { axes: intList([0, -1]), keepdims: int(0) })),
  one('ReduceProd', 11, [f(2, 13)], { axes: intList([1]) }),
  one('Transpose', 13, [image], { perm: intList([0, 2, 3, 1]) }),
  one('Concat', 13, [image, f(1, 2, 4, 5)], { axis: int(1) }),
  one('Slice', 13, [image, ints(-1, 4), ints(0, 0), ints(2, 3), ints(-2, -2)]),
  one('Slice', 13, [image, ints(1), ints(5), ints(3), ints(2)]),
  one('Pad', 13, [image, ints(0, 1, -1, 0, 0, 0, 1, 2)]),
  one('Pad', 13, [image, ints(0, 0, 2, 1, 0, 0, 3, 4)], { mode: string('reflect') }),
  one('Expand', 13, [f(3, 1), ints(2, 1, 4)]),
  one('Tile', 13, [f(2, 3), ints(2, 3)]),
  one('Gather', 11, [image, ints(3, 0, 0, 2)], { axis: int(2) }),
  one('Gather', 11, [weights(7, 4), { shape: [5], dtype: 'int64', between: [-7, 7] }]),
  one('DepthToSpace', 13, [image], { blocksize: int(2) }),
  one('Resize', 13, [image, floats(), floats(1, 1, 1.5, 0.7)], { mode: string('linear') }),
  one('Resize', 13, [image, floats(), floats(1, 1, 2, 2)]),
  one('Where', 16, [
    { shape: [4, 5], dtype: 'bool', values: Array.from({ length: 20 }, (_, i) => i % 2), fixed: true },
    f(4, 5),
    f(5),
  ]),
  one('Dropout', 7, [image], { ratio: float(0.3) }),
  one('ScatterND', 11, [f(4, 3), { ...ints(2, 0), shape: [2, 1] }, f(2, 3)]),
  one('ScatterND', 18, [f(4, 3), { ...ints(2, 2), shape: [2, 1] }, f(2, 3)], { reduction: string('mul') }),
  one('GatherND', 12, [f(3, 4, 2), { ...ints(2, 0, -1, 3), shape: [2, 2] }]),
  one('ScatterElements', 11, [f(2, 5), { ...ints(1, -2), shape: [1, 2] }, f(1, 2)], { axis: int(1) }),
  one('GatherElements', 13, [f(3, 3), { ...ints(1, 2, 0, -1, 0, 0), shape: [2, 3] }]),
  { ...one('TopK', 13, [f(2, 6), ints(4)]), outputs: 2 },
  one('GatherElements', 13, [f(2, 5), { ...ints(4, 0, -2, 1), shape: [2, 2], fixed: false }], {
    axis: int(1),
  }),
  one('ScatterND', 16, [f(4, 3), { ...ints(2, 0), shape: [2, 1], fixed: false }, f(2, 3)]),
  one('CumSum', 14, [f(2, 6), ints(1)], { exclusive: int(1) }),
  one('RMSNormalization', 23, [f(2, 3, 5), weights(5)]),
  one('Attention', 23, [f(1, 3, 8), f(1, 4, 4), f(1, 4, 6)], { q_num_heads: int(4), kv_num_heads: int(2) }),
  one('Attention', 23, [f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2, 3, 2)], {
    is_causal: int(1),
    softcap: float(2),
  }),
];

for (const c of cases) {
  const shapes = c.inputs.map((input) => `[${input?.shape}]`).join(' ');
  test(`gradient of ${c.op}-${c.opset} ${shapes}`, () => checkGradients(c));
}
