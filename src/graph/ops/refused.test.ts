/** Models that are not what ONNX says, operator by operator: each is refused by a sentence, as onnxruntime refuses it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { UserError } from '../../base/index.js';
import {
  type Attribute,
  type DType,
  float,
  floatList,
  floatTensor,
  type Graph,
  int,
  intList,
  type Node,
  newSource,
  serializeModel,
  sizeOf,
  string,
  tensorValue,
} from '../../onnx/index.js';
import { expandModel } from '../expand.js';
import { inferTypes } from '../facts/infer.js';
import { type Given, given } from './against.test.fixture.js';

type Row = [
  op: string,
  inputs: (Given | undefined)[],
  attributes?: Record<string, Attribute>,
  more?: {
    /** Its kind is not known, so that its outputs are left without types. */
    types?: 'left open';
    opset?: number;
    outputs?: number;
    dtype?: DType;
    ort?: 'takes it' | 'dies of it';
  },
];

const f = (...shape: number[]): Given => ({ shape });
const w = (...shape: number[]): Given => ({ shape, fixed: true });
const listOf =
  (dtype: DType) =>
  (...values: number[]): Given => ({ shape: [values.length], values, dtype, fixed: true });
const ints = listOf('int64');
const reals = listOf('float32');
const one = (value: number, dtype: DType = 'int64'): Given => ({
  shape: [],
  values: [value],
  dtype,
  fixed: true,
});
const typed = (dtype: DType, ...shape: number[]): Given => ({ shape, dtype, between: [0, 2] });
const image = f(1, 4, 5, 5);
const takesIt = { ort: 'takes it' } as const;
const leftOpen = { types: 'left open' } as const;
/** It divides by the zero. */
const diesOfIt = { ort: 'dies of it' } as const;

const convolutions: Row[] = [
  ['Conv', [image]],
  ['Conv', [image, w(3, 4, 3, 3), w(2)]],
  ['Conv', [image, w(3, 4, 3, 3), one(1, 'float32')]],
  ['Conv', [image, w(3, 4, 3, 3), w(1, 3)]],
  ['Conv', [image, w(3, 4, 3, 3), w(3), w(3)]],
  ['Conv', [image, w(3, 2, 3, 3)], { group: int(2) }],
  ['Conv', [image, w(4, 4, 3, 3)], { group: int(0) }, diesOfIt],
  ['Conv', [image, w(4, 4, 3, 3)], { group: int(-1) }],
  ['Conv', [image, w(4, 2, 3, 3)]],
  ['Conv', [image, w(4, 4, 3)]],
  ['Conv', [f(1, 4), w(4, 4)]],
  ['Conv', [image, w(4, 4, 3, 3)], { kernel_shape: intList([2, 2]) }],
  ['Conv', [image, w(4, 4, 3, 3)], { strides: intList([0, 1]) }],
  ['Conv', [image, w(4, 4, 3, 3)], { strides: intList([1, 1, 1]) }],
  ['Conv', [image, w(4, 4, 3, 3)], { dilations: intList([1, -1]) }],
  ['Conv', [image, w(4, 4, 3, 3)], { pads: intList([1, 1, 1]) }],
  ['Conv', [image, w(4, 4, 3, 3)], { pads: intList([-1, 0, 0, 0]) }, takesIt],
  ['Conv', [image, w(4, 4, 3, 3)], { auto_pad: string('SAME') }],
  ['Conv', [image, w(4, 4, 3, 3)], { auto_pad: string('SAME_UPPER'), pads: intList([1, 1, 1, 1]) }],
  ['Conv', [image, w(4, 4, 6, 3)]],
  ['Conv', [image, { ...typed('float64', 4, 4, 3, 3), fixed: true }]],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { group: int(0) }, diesOfIt],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { group: int(-2) }],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { group: int(8) }],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { group: int(3) }],
  ['ConvTranspose', [image, w(4, 3, 3, 3), w(4)]],
  ['ConvTranspose', [image, w(3, 3, 3, 3)]],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { strides: intList([0, 1]) }],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { output_padding: intList([-1, 0]) }, takesIt],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { pads: intList([9, 0, 9, 0]) }],
  ['ConvTranspose', [image, w(4, 3, 3, 3)], { output_shape: intList([0, 7]) }],
];

const pools: Row[] = [
  ['MaxPool', [f(1, 4)], { kernel_shape: intList([]) }],
  ['MaxPool', [image]],
  ['MaxPool', [image], { kernel_shape: intList([2]) }],
  ['MaxPool', [image], { kernel_shape: intList([0, 2]) }],
  ['MaxPool', [image], { kernel_shape: intList([2, 2]), pads: intList([2, 0, 0, 0]) }],
  ['MaxPool', [image], { kernel_shape: intList([2, 2]), strides: intList([0, 1]) }],
  ['MaxPool', [image], { kernel_shape: intList([2, 2]), dilations: intList([0, 1]) }],
  ['AveragePool', [image], { kernel_shape: intList([-1, 2]) }],
  ['AveragePool', [image], { kernel_shape: intList([2, 2]), pads: intList([0, 0, 2, 0]) }],
  ['AveragePool', [image, image], { kernel_shape: intList([2, 2]) }],
  ['LpPool', [image], { kernel_shape: intList([2, 2]), p: int(0) }, takesIt],
  ['LpPool', [image], { kernel_shape: intList([2, 2]), p: int(-1) }, takesIt],
  ['GlobalAveragePool', [f(1, 4)]],
  ['GlobalMaxPool', [f(4)]],
  ['GlobalLpPool', [image], { p: int(0) }, takesIt],
  ['LRN', [image], { size: int(0) }],
  ['LRN', [image], { size: int(-3) }],
];

const norms: Row[] = [
  ['BatchNormalization', [image, w(3), w(4), w(4), w(4)]],
  ['BatchNormalization', [image, w(4), w(4), w(4), w(5)]],
  ['BatchNormalization', [image, w(4), w(4), w(2, 2), w(4)]],
  ['BatchNormalization', [image, w(4), w(4), w(4)]],
  ['BatchNormalization', [f(4), w(4), w(4), w(4), w(4)]],
  ['InstanceNormalization', [image, w(3), w(4)]],
  ['InstanceNormalization', [image, w(4), one(1, 'float32')]],
  ['InstanceNormalization', [f(1, 4), w(4), w(4)]],
  ['GroupNormalization', [image, w(4), w(4)], { num_groups: int(-2) }, { opset: 21 }],
  ['GroupNormalization', [image, w(4), w(4)], { num_groups: int(3) }, { opset: 21 }],
  ['GroupNormalization', [image, w(4), w(4)], { num_groups: int(0) }, { opset: 21 }],
  ['GroupNormalization', [image, w(3), w(4)], { num_groups: int(2) }, { opset: 21 }],
  ['GroupNormalization', [image, w(4), w(4)], {}, { opset: 21 }],
  ['LayerNormalization', [f(1, 4), w(3)]],
  ['LayerNormalization', [f(1, 4), w(4), w(3)]],
  ['LayerNormalization', [f(1, 4), w(4)], { axis: int(2) }],
  ['MeanVarianceNormalization', [image], { axes: intList([1, 5]) }, takesIt],
];

const products: Row[] = [
  ['MatMul', [f(2, 3), w(4, 5)]],
  ['MatMul', [f(2, 2, 3), w(3, 3, 5)]],
  ['MatMul', [one(1, 'float32'), w(4, 5)]],
  ['MatMul', [f(2, 3), { ...typed('float64', 3, 4), fixed: true }]],
  ['Gemm', [f(2, 3), w(4, 5)]],
  ['Gemm', [f(2, 3), w(4, 5)], { transB: int(1) }],
  ['Gemm', [f(1, 2, 3), w(3, 5)]],
  ['Gemm', [f(2, 3), w(3, 5), w(4)]],
  ['Gemm', [f(2, 3), w(3, 5), w(1, 2, 5)]],
  ['Einsum', [f(2, 3), w(4, 5)], { equation: string('ij,jk->ik') }],
  ['Einsum', [f(2, 3)], { equation: string('ij,jk->ik') }],
  ['Einsum', [f(2, 3)], { equation: string('ij->ii') }, takesIt],
  ['Einsum', [f(2, 3)], { equation: string('ij->k') }],
];

const shapes: Row[] = [
  ['Reshape', [f(2, 3), ints(4)]],
  ['Reshape', [f(2, 3), ints(-1, -1)]],
  ['Reshape', [f(2, 3), ints(-2, 3)]],
  ['Reshape', [f(2, 3), ints(2, 3, 0)]],
  ['Reshape', [f(2, 3), ints(0, -1)], { allowzero: int(1) }],
  ['Reshape', [f(2, 3)]],
  ['Reshape', [f(2, 3), one(6)]],
  ['Flatten', [f(2, 3)], { axis: int(3) }],
  ['Squeeze', [f(2, 1), ints(0)]],
  ['Squeeze', [f(2, 1), ints(2)]],
  ['Unsqueeze', [f(2, 1)]],
  ['Unsqueeze', [f(2, 1), ints(0, 0)]],
  ['Unsqueeze', [f(2, 1), ints(4)]],
  ['Transpose', [f(2, 3)], { perm: intList([0, 0]) }],
  ['Transpose', [f(2, 3)], { perm: intList([0, 2]) }],
  ['Transpose', [f(2, 3)], { perm: intList([0]) }],
  ['Transpose', [f(2, 3)], { perm: intList([1, -2]) }],
  ['Concat', [f(2, 3), f(2, 4)], { axis: int(0) }],
  ['Concat', [f(2, 3), f(2, 3, 1)], { axis: int(0) }],
  ['Concat', [f(2, 3), w(0, 4)], { axis: int(0) }],
  ['Concat', [f(2, 3), f(2, 3)], { axis: int(2) }],
  ['Concat', [f(2, 3), f(2, 3)]],
  ['Concat', [], { axis: int(0) }],
  ['Split', [f(1, 6), ints(8, -2)], { axis: int(1) }, { outputs: 2 }],
  ['Split', [f(1, 6), ints(2, 2)], { axis: int(1) }, { outputs: 2 }],
  ['Split', [f(1, 6), ints(2, 2, 2)], { axis: int(1) }, { outputs: 2 }],
  ['Split', [f(1, 6)], { axis: int(2) }, { outputs: 2 }],
  ['Split', [f(1, 5)], { axis: int(1) }, { outputs: 2 }],
  ['Split', [f(1, 5)], { axis: int(1), num_outputs: int(3) }, { outputs: 2, opset: 18, ...takesIt }],
  ['Slice', [f(2, 3), ints(0), ints(1), ints(2)]],
  ['Slice', [f(2, 3), ints(0), ints(1), ints(0), ints(0)]],
  ['Slice', [f(2, 3), ints(0, 0), ints(1, 1), ints(1, 1)]],
  ['Slice', [f(2, 3), ints(0, 0), ints(1)]],
  ['Slice', [f(2, 3), ints(0)]],
  ['Pad', [f(2, 3), ints(1, 1, 1)]],
  ['Pad', [f(2, 3), ints(0, -4, 0, 0)]],
  ['Pad', [f(2, 3), ints(0, 3, 0, 0)], { mode: string('reflect') }],
  ['Pad', [f(2, 3), ints(0, 1, 0, 0)], { mode: string('mirror') }, leftOpen],
  ['Pad', [f(2, 3)]],
  ['Expand', [f(2, 3), ints(2, 4)]],
  ['Expand', [f(2, 3), ints(2, -1)]],
  ['Tile', [f(2, 3), ints(2)]],
  ['Tile', [f(2, 3), ints(2, -1)]],
  ['DepthToSpace', [f(1, 3, 2, 3)], { blocksize: int(2) }],
  ['DepthToSpace', [f(1, 4, 2, 3)], { blocksize: int(0) }],
  ['DepthToSpace', [f(1, 4, 2)], { blocksize: int(2) }],
  ['DepthToSpace', [f(1, 4, 2, 3)]],
  ['SpaceToDepth', [f(1, 2, 4, 4)], { blocksize: int(9) }],
  ['SpaceToDepth', [f(1, 2, 4, 4)], { blocksize: int(-2) }],
  ['SpaceToDepth', [f(1, 2, 4, 3)], { blocksize: int(2) }],
  ['Trilu', [f(3)]],
  ['Identity', [f(3)], {}, { outputs: 2 }],
  ['ConstantOfShape', [ints(2, -1)]],
  ['ConstantOfShape', [ints(2)], { value: tensorValue(floatTensor([2], [1, 2])) }],
  ['Range', [one(0), one(5), one(0)], {}, { dtype: 'int64' }],
  ['Range', [one(0), one(5)], {}, { dtype: 'int64' }],
  ['Shape', [f(2, 3), f(2, 3)], {}, { dtype: 'int64' }],
  ['Resize', [f(1, 3, 7, 6), undefined, reals(1, 1, -2, 1)]],
  ['Resize', [f(1, 3, 7, 6), undefined, reals(1, 1, 2)]],
  ['Resize', [f(1, 3, 7, 6), undefined, undefined, ints(1, 3, -7, 6)]],
  ['Resize', [f(1, 3, 7, 6)]],
  ['Resize', [f(1, 3, 7, 6), undefined, reals(1, 1, 2, 2)], { mode: string('quadratic') }, leftOpen],
  ['Upsample', [f(1, 3, 7, 6), reals(1, 1, 0, 2)], {}, { opset: 9 }],
];

const elements: Row[] = [
  ['Relu', [f(1, 4)], {}, { outputs: 2 }],
  ['Relu', []],
  ['Relu', [f(1, 4), f(1, 4)]],
  ['Relu', [typed('bool', 4)], {}, { dtype: 'bool' }],
  ['Add', [f(1, 4), f(1, 3)]],
  ['Add', [f(1, 4)]],
  ['Add', [f(1, 4), typed('int64', 4)]],
  ['Add', [typed('bool', 4), typed('bool', 4)], {}, { dtype: 'bool' }],
  ['Where', [f(1, 4), f(1, 4), f(1, 4)]],
  ['Where', [typed('bool', 3), f(1, 4), f(1, 4)]],
  ['PRelu', [f(1, 4), w(3)]],
  ['Clip', [f(1, 4), w(4)]],
  ['Mod', [f(1, 4), f(1, 4)]],
  ['And', [f(1, 4), f(1, 4)]],
  ['Not', [f(1, 4)]],
  ['Cast', [f(1, 4)]],
  ['Cast', [f(1, 4)], { to: int(99) }, leftOpen],
  ['Max', []],
  ['Dropout', [f(1, 4), one(1.5, 'float32')]],
  ['Softmax', [f(1, 4)], { axis: int(2) }],
  ['LogSoftmax', [f(1, 4)], { axis: int(-3) }],
  ['Gather', [f(4, 2), ints(4)]],
  ['Gather', [f(4, 2), ints(-5)]],
  ['Gather', [f(4, 2), reals(1)]],
  ['Gather', [one(1, 'float32'), ints(0)]],
  ['OneHot', [typed('int64', 3), one(-1), reals(0, 1)]],
  ['OneHot', [typed('int64', 3), one(3), reals(0, 1, 2)]],
  ['OneHot', [typed('int64', 3), ints(3, 3), reals(0, 1)]],
  ['ReduceSum', [f(2, 3), ints(2)]],
  ['ReduceSum', [f(2, 3), one(1)], {}, takesIt],
  ['ReduceMean', [f(2, 3)], { axes: intList([-3]) }],
  ['ReduceMax', [w(3, 0)], { axes: intList([1]) }, takesIt],
  ['ScatterND', [f(4, 2), { shape: [1, 3], values: [0, 0, 0], dtype: 'int64', fixed: true }, f(1)]],
  ['ScatterND', [f(4, 2), { shape: [1, 1], values: [0], dtype: 'int64', fixed: true }, f(1, 3)]],
  ['ScatterND', [f(4, 2), { shape: [1, 1], values: [4], dtype: 'int64', fixed: true }, f(1, 2)]],
  ['GatherND', [f(4, 2), { shape: [1, 3], values: [0, 0, 0], dtype: 'int64', fixed: true }]],
  [
    'GatherND',
    [f(4, 2), { shape: [1, 1], values: [0], dtype: 'int64', fixed: true }],
    { batch_dims: int(2) },
  ],
  ['ScatterElements', [f(4, 2), { shape: [1, 3], values: [0, 0, 0], dtype: 'int64', fixed: true }, f(1, 3)]],
  ['ScatterElements', [f(4, 2), { shape: [1, 2], values: [0, 9], dtype: 'int64', fixed: true }, f(1, 2)]],
  ['GatherElements', [f(4, 2), { shape: [1, 3], values: [0, 0, 0], dtype: 'int64', fixed: true }]],
  ['GatherElements', [f(4, 2), ints(0)]],
  ['CumSum', [f(4, 2), one(2)]],
  ['CumSum', [f(4, 2), ints(0, 1)]],
  [
    'Attention',
    [f(1, 3, 8), f(1, 3, 8), f(1, 3, 8)],
    { q_num_heads: int(3), kv_num_heads: int(3) },
    { opset: 23 },
  ],
  [
    'Attention',
    [f(1, 3, 8), f(1, 3, 8), f(1, 3, 8)],
    { q_num_heads: int(0), kv_num_heads: int(0) },
    { opset: 23, ...diesOfIt },
  ],
  ['Attention', [f(1, 3, 8), f(1, 3, 8)], { q_num_heads: int(2), kv_num_heads: int(2) }, { opset: 23 }],
  ['ArgMax', [f(2, 3)], { axis: int(2) }, { dtype: 'int64' }],
  ['ArgMin', [w(3, 0)], { axis: int(-1) }, { dtype: 'int64', ...takesIt }],
  ['QuantizeLinear', [typed('float64', 1, 4), one(1, 'float32')], {}, { dtype: 'uint8' }],
  ['QuantizeLinear', [image, reals(1, 1)], { axis: int(1) }, { dtype: 'uint8' }],
  ['QuantizeLinear', [image, w(4), { ...typed('uint8', 3), fixed: true }], {}, { dtype: 'uint8' }],
  ['QuantizeLinear', [image, w(4)], { axis: int(4) }, { dtype: 'uint8' }],
  ['DequantizeLinear', [typed('uint8', 1, 4), w(3)]],
  ['DequantizeLinear', [f(1, 4), w(4)]],
];

function modelOf([op, inputs, attributes = {}, more = {}]: Row): Graph {
  const { opset = 17, outputs = 1, dtype = 'float32' } = more;
  const names = inputs.map((input, i) => (input ? `in${i}` : ''));
  const outs = Array.from({ length: outputs }, (_, i) => `out${i}`);
  const node: Node = { name: 'this one', op, domain: '', inputs: names, outputs: outs, attributes };
  const tensors = inputs.map((input, i) => (input ? given(input, i) : undefined));
  const isFixed = (i: number) => inputs[i]?.fixed === true;
  return {
    name: 'one',
    inputs: tensors.flatMap((tensor, i) =>
      tensor && !isFixed(i) ? [{ name: names[i], dtype: tensor.dtype, shape: tensor.shape }] : [],
    ),
    outputs: outs.map((name) => ({ name, dtype })),
    nodes: [node],
    initializers: new Map(tensors.flatMap((tensor, i) => (tensor && isFixed(i) ? [[names[i], tensor]] : []))),
    declared: new Map(),
    source: newSource(opset),
  };
}

async function runInOnnxruntime(graph: Graph, inputs: Row[1]): Promise<void> {
  const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
  const feeds = graph.inputs.map(({ name }) => {
    const i = Number(name.slice(2));
    const { dtype, data, shape } = given(inputs[i]!, i);
    return [name, new OrtTensor(dtype as 'float32', data as Float32Array, shape)] as const;
  });
  try {
    await session.run(Object.fromEntries(feeds));
  } finally {
    await session.release();
  }
}

/** What is wrong with how espalier refuses; undefined where a sentence names operator and node. */
function amiss(op: string, use: () => unknown): string | undefined {
  try {
    use();
    return 'it is taken';
  } catch (error) {
    const { message, stack } = error as Error;
    if (!(error instanceof UserError)) return `${stack}`;
    return message.includes(`${op} 'this one'`) && !message.includes('\n') ? undefined : message;
  }
}

for (const [family, rows] of Object.entries({ convolutions, pools, norms, products, shapes, elements })) {
  test(`invalid ${family} are refused, as onnxruntime refuses them`, async () => {
    const faults: string[] = [];
    for (const row of rows) {
      const [op, inputs, attributes, more] = row;
      const graph = modelOf(row);
      const told = `${op} of ${JSON.stringify(inputs.map((x) => x?.values ?? x?.shape))} ${JSON.stringify(attributes)}`;
      const note = (who: string, fault: string | undefined) =>
        fault && faults.push(`${told}, ${who}: ${fault}`);
      note(
        'expanded',
        amiss(op, () => expandModel(graph)),
      );
      if (!more?.types)
        note(
          'inferred',
          amiss(op, () => inferTypes(graph)),
        );
      if (more?.ort) continue;
      const taken = await runInOnnxruntime(graph, inputs).then(
        () => true,
        () => false,
      );
      if (taken) note('onnxruntime', 'it is taken');
    }
    assert.deepEqual(faults, []);
  });
}

test('what is at the edge of what is valid is taken', () => {
  const rows: Row[] = [
    ['Conv', [image, w(4, 1, 3, 3), w(4)], { group: int(4) }],
    ['ConvTranspose', [image, w(4, 3, 3, 3), w(6)], { group: int(2) }],
    ['GroupNormalization', [image, w(4), w(4)], { num_groups: int(4) }, { opset: 21 }],
    ['LayerNormalization', [f(2, 3, 4), w(3, 4), w(4)], { axis: int(1) }],
    ['Slice', [f(2, 3), ints(1), ints(2), ints(1), ints(2 ** 63)]],
    ['Split', [f(1, 5)], { axis: int(1), num_outputs: int(2) }, { outputs: 2, opset: 18 }],
    ['Concat', [f(2, 3), w(0, 3)], { axis: int(0) }],
    ['Clip', [f(1, 4), reals(0)]],
    ['Upsample', [f(1, 3, 7, 6)], { scales: floatList([1, 1, 2, 2]) }, { opset: 7 }],
    ['LRN', [image], { size: int(3), alpha: float(0.1) }],
    ['ReduceSum', [w(3, 0), ints(1)]],
    ['Relu', [w(3, 0)]],
  ];
  for (const row of rows) {
    const { tape, values } = expandModel(modelOf(row));
    assert.ok(sizeOf(tape.type(values.get('out0')!).shape) >= 0);
  }
});
