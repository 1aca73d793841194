/** What recurrent operators weigh, and the shapes that onnxruntime gives for them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { int, string } from '../../onnx/attributes.js';
import { serializeModel } from '../../onnx/serialize.js';
import { expandModel } from '../expand.js';
import { inferTypes } from '../facts/infer.js';
import { summarize } from '../facts/summary.js';
import { type Case, given, modelOf } from './against.test.fixture.js';

const weights = (...shape: number[]) => ({ shape, fixed: true });

/** 3 steps of 4 numbers, of 2 sequences; 5 numbers are given on. */
const sequence = (op: string, gates: number, attributes: Case['attributes'] = {}, directions = 1): Case => {
  const outputs = op === 'LSTM' ? 3 : 2;
  const inputs = [
    { shape: [3, 2, 4] },
    weights(directions, gates * 5, 4),
    weights(directions, gates * 5, 5),
    weights(directions, 2 * gates * 5),
  ];
  return { op, opset: 14, inputs, outputs, attributes: { hidden_size: int(5), ...attributes } };
};

const cases = [
  sequence('RNN', 1),
  sequence('GRU', 3, { linear_before_reset: int(1) }),
  sequence('LSTM', 4, { direction: string('bidirectional') }, 2),
  sequence('GRU', 3, { direction: string('reverse') }),
];

for (const one of cases)
  test(`${one.op} ${Object.keys(one.attributes!)}`, async () => {
    const graph = modelOf(one);
    const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
    const x = given(one.inputs[0]!, 0);
    const answers = await session.run({ in0: new Tensor('float32', x.data as Float32Array, x.shape) });
    const { types } = inferTypes(graph);
    for (const { name } of graph.outputs) assert.deepEqual(types.get(name)!.shape, answers[name].dims, name);
    const { params, macs, unknown, layers } = summarize(graph);
    const size = (i: number) => one.inputs[i]!.shape.reduce((a, b) => a * b);
    assert.equal(params, size(1) + size(2) + size(3));
    assert.equal(macs, 3 * 2 * (size(1) + size(2)));
    assert.deepEqual([unknown, layers[0].prunable], [[], ['in1', 'in2']]);
    assert.throws(() => expandModel(graph), { name: 'UserError', message: /is recurrent, .*--data none/ });
  });

test('a batch that stands first, and weights that do not fit', () => {
  const { inputs, ...one } = sequence('LSTM', 4, { layout: int(1) });
  const { types } = inferTypes(modelOf({ ...one, inputs }));
  assert.deepEqual(
    ['out0', 'out1', 'out2'].map((name) => types.get(name)!.shape),
    [
      [3, 2, 1, 5],
      [3, 1, 5],
      [3, 1, 5],
    ],
  );
  assert.throws(() => modelOf({ ...one, inputs: [inputs[0], weights(1, 19, 4), ...inputs.slice(2)] }), {
    name: 'UserError',
    message: /LSTM 'node' has weights of shapes \[1,19,4\] and \[1,20,5\] for an input of shape \[3,2,4\]/,
  });
});
