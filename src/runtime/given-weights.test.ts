/** Weights, biases and scales that a model takes as inputs: the engine and the runtime against the reference in float64. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { UserError } from '../base/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { expandModel, runCore } from '../graph/index.js';
import {
  type Case,
  type Given,
  given,
  modelOf as oneNode,
  valuesFor,
} from '../graph/ops/against.test.fixture.js';
import { float, floats, type Graph, int } from '../onnx/index.js';
import { modelOf } from './model.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const f = (...shape: number[]): Given => ({ shape });
const fixed = (input: Given): Given => ({ ...input, fixed: true });
const positive = (...shape: number[]): Given => ({ shape, between: [0.5, 2] });

const cases: Record<string, Case> = {
  'the bias of a Conv': { op: 'Conv', opset: 13, inputs: [f(1, 2, 5, 6), fixed(f(3, 2, 3, 3)), f(3)] },
  'the bias of a Conv along one axis': {
    op: 'Conv',
    opset: 13,
    inputs: [f(1, 2, 9), fixed(f(4, 1, 3)), f(4)],
    attributes: { group: int(2) },
  },
  'weights and bias of a Conv': { op: 'Conv', opset: 13, inputs: [f(1, 2, 5, 6), f(3, 2, 3, 3), f(3)] },
  'the bias of a ConvTranspose': {
    op: 'ConvTranspose',
    opset: 13,
    inputs: [f(1, 2, 4, 4), fixed(f(2, 3, 2, 2)), f(3)],
  },
  'the bias of a Gemm': {
    op: 'Gemm',
    opset: 13,
    inputs: [f(1, 4), fixed(f(4, 3)), f(3)],
    attributes: { beta: float(0.5) },
  },
  'the scale of a BatchNormalization': {
    op: 'BatchNormalization',
    opset: 13,
    inputs: [f(1, 3, 4, 4), f(3), fixed(f(3)), fixed(f(3)), fixed(positive(3))],
  },
  'all that a BatchNormalization has': {
    op: 'BatchNormalization',
    opset: 13,
    inputs: [f(1, 3, 4, 4), f(3), f(3), f(3), positive(3)],
  },
  'scale and bias of a LayerNormalization': {
    op: 'LayerNormalization',
    opset: 17,
    inputs: [f(1, 3, 8), f(8), f(8)],
  },
};

/** What the model gives out, and what it was given. */
function meant(graph: Graph, inputs: readonly (Given | undefined)[]) {
  const tensors = Object.fromEntries(
    graph.inputs.map(({ name }) => [name, given(inputs[Number(name.slice(2))]!, Number(name.slice(2)))]),
  );
  const expanded = expandModel(graph);
  const laned = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, [tensor]]));
  const results = runCore(expanded.tape.nodes, valuesFor(graph, expanded, laned));
  const values = Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, floats(tensor)]));
  return { values, expected: results.get(expanded.values.get('out0')!)!.samples[0] };
}

const near = (actual: Float32Array, expected: ArrayLike<number>) => {
  assert.equal(actual.length, expected.length);
  for (const [i, x] of actual.entries())
    assert.ok(Math.abs(x - expected[i]) < 2e-5, `${i}: ${x}, ${expected[i]}`);
};

for (const [name, one] of Object.entries(cases))
  test(name, async () => {
    const graph = oneNode(one);
    const { values, expected } = meant(graph, one.inputs);
    const model = modelOf(graph, { machine });
    near((await model.run(values)).out0, expected);
    await model.close();
    const network = loadNetwork(graph, { machine });
    // A second sample must not be mistaken for the first.
    const both = Object.fromEntries(
      Object.entries(values).map(([key, data]) => [
        key,
        Float32Array.of(...data.map((x) => 0.5 * x + 0.7), ...data),
      ]),
    );
    const { out0 } = await network.inference({ batch: 2 }).run(both, 2);
    near(out0.subarray(out0.length / 2), expected);
    network.close();
  });

test('a BatchNormalization whose scale is data does not train, and says so', () => {
  const graph = oneNode(cases['the scale of a BatchNormalization']);
  assert.throws(
    () => expandModel(graph, { training: true }),
    (error) =>
      error instanceof UserError && /takes its scale, bias or statistics from data/.test(error.message),
  );
});
