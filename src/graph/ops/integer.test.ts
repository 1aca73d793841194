/** Products of 8-bit integers: the shapes that onnxruntime gives, what they cost, and what to do instead. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type DType, int, intList, serializeModel } from '../../onnx/index.js';
import { expandModel } from '../expand.js';
import { inferTypes } from '../facts/infer.js';
import { summarize } from '../facts/summary.js';
import { type Case, type Given, given, modelOf } from './against.test.fixture.js';

const bytes = (dtype: DType, ...shape: number[]): Given => ({ shape, dtype, between: [0, 100] });
const weights = (...shape: number[]): Given => ({ ...bytes('int8', ...shape), fixed: true });
const zero = (dtype: DType): Given => ({ shape: [], dtype, values: [3], fixed: true });
const scale: Given = { shape: [], values: [0.5], fixed: true };
const q = (x: Given, w: Given): (Given | undefined)[] => [
  ...[x, scale, zero('uint8'), w, scale, zero('int8'), scale, zero('uint8')],
];
const window = { pads: intList([1, 1, 1, 1]), strides: intList([2, 2]) };

const cases: (Case & { macs: number })[] = [
  { op: 'DynamicQuantizeLinear', opset: 11, inputs: [{ shape: [2, 5] }], outputs: 3, macs: 0 },
  {
    ...{ op: 'MatMulInteger', opset: 10, macs: 2 * 3 * 4 * 5 },
    inputs: [bytes('uint8', 2, 3, 4), weights(4, 5), zero('uint8')],
  },
  {
    ...{ op: 'ConvInteger', opset: 10, attributes: window, macs: 4 * 9 * 27 },
    inputs: [bytes('uint8', 1, 3, 5, 5), { ...weights(4, 3, 3, 3), dtype: 'uint8' }, zero('uint8')],
  },
  { op: 'QLinearMatMul', opset: 10, inputs: q(bytes('uint8', 3, 4), weights(4, 5)), macs: 60 },
  {
    ...{ op: 'QLinearConv', opset: 10, attributes: window, macs: 4 * 9 * 27 },
    inputs: q(bytes('uint8', 1, 3, 5, 5), weights(4, 3, 3, 3)),
  },
  {
    ...{ op: 'QGemm', domain: 'com.microsoft', opset: 17, attributes: { transB: int(1) }, macs: 60 },
    inputs: q(bytes('uint8', 3, 4), weights(5, 4)).toSpliced(6, 0, undefined),
  },
  {
    ...{ op: 'MatMulIntegerToFloat', domain: 'com.microsoft', opset: 17, macs: 60 },
    inputs: [bytes('uint8', 3, 4), weights(4, 5), scale, scale, zero('uint8')],
  },
  {
    ...{ op: 'DynamicQuantizeMatMul', domain: 'com.microsoft', opset: 17, macs: 60 },
    inputs: [{ shape: [3, 4] }, weights(4, 5), scale],
  },
];

for (const { macs, ...one } of cases)
  test(one.op, async () => {
    const graph = modelOf(one);
    const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
    const { dtype, data, shape } = given(one.inputs[0]!, 0);
    const answers = await session.run({ in0: new Tensor(dtype as 'uint8', data as Uint8Array, shape) });
    const { types } = inferTypes(graph);
    for (const { name } of graph.outputs) {
      const { shape: found, dtype: type } = types.get(name)!;
      assert.deepEqual([found, type], [[...answers[name].dims], answers[name].type]);
    }
    const summary = summarize(graph);
    assert.deepEqual([summary.macs, summary.unknown], [macs, []]);
    assert.throws(() => expandModel(graph), {
      name: 'UserError',
      message: /computes with integers of 8 bits, .*; use the model in floats that was quantised/,
    });
  });
