/** Ifs whose conditions follow from shapes are decided, unless another size that the file leaves open says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Graph, int, intList, intTensor, serializeModel } from '../onnx/index.js';
import { withBranches } from './branch.test.fixture.js';
import { decideBranches } from './branches.js';
import { graphOf, wholes } from './graph.test.fixture.js';

const shape = [2, 1, 6];

async function answers(graph: Graph): Promise<number[]> {
  const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
  const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
  const results = await session.run({ x: new Tensor('float32', x, shape) });
  await session.release();
  return Array.from(Object.values(results)[0].data as Float32Array);
}

const opsOf = ({ nodes }: Graph) => nodes.map(({ op }) => op).join(' ');

/** Squeezes an axis where it is 1, as PyTorch exports it, and asks the rank of the result after that; a weight in either branch. */
function squeezed(dims: (number | string)[], axis = 1): Promise<Graph> {
  const graph = graphOf({
    inputs: { x: dims },
    nodes: [
      ['Shape', ['x'], 'shape'],
      ['Gather', ['shape', 'axis'], 'size'],
      ['Equal', ['size', 'one'], 'is one'],
      ['If', ['is one'], 'first'],
      ['Shape', ['first'], 'left'],
      ['Size', ['left'], 'rank'],
      ['Equal', ['rank', 'two'], 'is two'],
      ['If', ['is two'], 'second'],
      ['Add', ['second', 'w'], 'y'],
    ],
    outputs: { y: undefined },
    weights: { w: [6], a: [6], b: [6] },
    constants: {
      axis: intTensor([], [axis]),
      one: intTensor([], [1]),
      two: intTensor([], [2]),
      axes: wholes(1),
    },
  });
  return withBranches(graph, {
    first: { yes: ['Squeeze', 'x', 'axes'], no: ['Identity', 'x'] },
    second: { yes: ['Mul', 'first', 'a'], no: ['Mul', 'first', 'b'] },
  });
}

/** An axis that is 1 after many strides, but not for 129 and more. */
function strided(): Promise<Graph> {
  const graph = graphOf({
    inputs: { x: ['N', 6, 'length'] },
    nodes: [
      ['MaxPool', ['x'], 'h', { kernel_shape: intList([1]), strides: intList([128]) }],
      ['Shape', ['h'], 'shape'],
      ['Gather', ['shape', 'axis'], 'size'],
      ['Equal', ['size', 'one'], 'is one'],
      ['If', ['is one'], 'y'],
    ],
    outputs: { y: undefined },
    constants: { axis: intTensor([], [2]), one: intTensor([], [1]), axes: wholes(2) },
  });
  return withBranches(graph, { y: { yes: ['Squeeze', 'h', 'axes'], no: ['Identity', 'h'] } });
}

test('what all shapes agree on is decided, one after another, and the rest is gone', async () => {
  const graph = await squeezed(['N', 1, 6]);
  const decided = await decideBranches(graph);
  assert.equal(opsOf(decided), 'Squeeze Mul Add');
  assert.deepEqual([...decided.initializers.keys()], ['w', 'a', 'axes']);
  assert.deepEqual(decided.inputs, graph.inputs);
  assert.deepEqual(await answers(decided), await answers(graph));
});

test('what holds at one size only stays a question', async () => {
  const wide = await squeezed(['N', 'rows', 6]);
  for (const rows of [1, 7, 8]) assert.equal(await decideBranches(wide, { x: [1, rows, 6] }), wide);
  const long = await strided();
  for (const length of [3, 16, 100, 300])
    assert.equal(await decideBranches(long, { x: [1, 6, length] }), long);
  const batch = await squeezed(['N', 1, 6], 0);
  assert.equal(await decideBranches(batch), batch);
  assert.equal(await decideBranches(wide), wide, 'shapes that are not given are for others to ask for');
  const single = await decideBranches(await squeezed([2, 1, 6], 0));
  assert.equal(opsOf(single), 'Identity Mul Add');
});

test('samples that lie along axes without a common name are as many in all of them', async () => {
  const graph = graphOf({
    inputs: { x: [undefined, 1, 6], state: [2, undefined, 6] },
    nodes: [
      ['Gather', ['state', 'zero'], 'before', { axis: int(0) }],
      ['Unsqueeze', ['before', 'axes'], 'row'],
      ['Concat', ['x', 'row'], 'joined', { axis: int(2) }],
      ['Shape', ['joined'], 'shape'],
      ['Gather', ['shape', 'axis'], 'size'],
      ['Equal', ['size', 'axis'], 'is one'],
      ['If', ['is one'], 'h'],
      ['Relu', ['h'], 'y'],
    ],
    outputs: { y: undefined },
    constants: { zero: intTensor([], [0]), axis: intTensor([], [1]), axes: wholes(1) },
  });
  const branching = await withBranches(graph, {
    h: { yes: ['Squeeze', 'joined', 'axes'], no: ['Identity', 'joined'] },
  });
  const decided = await decideBranches(branching, { state: [2, 1, 6] });
  assert.equal(opsOf(decided), 'Gather Unsqueeze Concat Squeeze Relu');
});
