/** Operands that a formula does not read (they are multiplied by 0, or not chosen) still have to fit beside the others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOf, type Sketch, wholes } from '../../graph/graph.test.fixture.js';
import { float, floatTensor, int } from '../../onnx/index.js';
import { halved, sameComputed } from '../equivalence.test.fixture.js';
import { findChannels, unitsOf } from '../index.js';

const models: Record<string, Sketch> = {
  'a product that alpha takes away': {
    inputs: { x: ['N', 4] },
    weights: { w: [4, 6], b: [6], v: [6, 3] },
    nodes: [
      ['Gemm', ['x', 'w', 'b'], 'h', { alpha: float(0) }],
      ['Gemm', ['h', 'v'], 'y'],
    ],
    outputs: { y: ['N', 3] },
  },
  'a bias that beta takes away': {
    inputs: { x: ['N', 4] },
    weights: { w: [4, 6], b: [6], v: [6, 3] },
    nodes: [
      ['Gemm', ['x', 'w', 'b'], 'h', { beta: float(0) }],
      ['Gemm', ['h', 'v'], 'y'],
    ],
    outputs: { y: ['N', 3] },
  },
  'an operand that Where never chooses': {
    inputs: { x: ['N', 4] },
    weights: { w: [4, 6], u: [4, 6], v: [6, 3] },
    constants: { yes: { dtype: 'bool', shape: [], data: Uint8Array.of(1) } },
    nodes: [
      ['Gemm', ['x', 'w'], 'a'],
      ['Gemm', ['x', 'u'], 'b'],
      ['Where', ['yes', 'a', 'b'], 'h'],
      ['Gemm', ['h', 'v'], 'y'],
    ],
    outputs: { y: ['N', 3] },
  },
};

for (const [title, model] of Object.entries(models))
  test(`${title} goes with the channels beside it`, async () => {
    const graph = graphOf(model);
    const channels = findChannels(graph);
    assert.equal(unitsOf(channels), 6);
    const smaller = await sameComputed(graph, channels, halved(channels, 1), { batch: 2, exact: true });
    for (const name of Object.keys(model.weights!))
      assert.ok(smaller.initializers.get(name)!.shape.includes(3), `${name} keeps all its channels`);
  });

test('of a constant that data only lends its shape, as many positions are taken as channels stay', async () => {
  const graph = graphOf({
    inputs: { x: ['N', 4, 6] },
    weights: { w: [6, 3] },
    constants: {
      nothing: floatTensor([], [0]),
      zero: { dtype: 'uint8', shape: [], data: Uint8Array.of(128) },
    },
    nodes: [
      ['QuantizeLinear', ['x', 'nothing', 'zero'], 'q'],
      ['DequantizeLinear', ['q', 'nothing', 'zero'], 'd'],
      ['MatMul', ['d', 'w'], 'y'],
    ],
    outputs: { y: ['N', 4, 3] },
  });
  const channels = findChannels(graph);
  assert.equal(unitsOf(channels), 6);
  const smaller = await sameComputed(graph, channels, halved(channels, 1), { batch: 2 });
  assert.deepEqual(smaller.inputs, graph.inputs);
  assert.deepEqual(smaller.initializers.get('w')!.shape, [3, 3]);
});

test('channels that are cut down to none stay: fewer of them might be cut down to some', () => {
  const graph = graphOf({
    inputs: { x: ['N', 4] },
    weights: { w: [4, 5] },
    constants: { start: wholes(-2), end: wholes(2), axis: wholes(1) },
    nodes: [
      ['Gemm', ['x', 'w'], 'h'],
      ['Slice', ['h', 'start', 'end', 'axis'], 'none'],
      ['Concat', ['h', 'none'], 'y', { axis: int(1) }],
    ],
    outputs: { y: ['N', 5] },
  });
  const [{ reason }] = findChannels(graph).frozen.filter(({ tensor, axis }) => tensor === 'w' && axis === 1);
  assert.equal(reason, "it is used by Slice 'Slice none', which computes with values of no elements");
});
