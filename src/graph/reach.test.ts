import assert from 'node:assert/strict';
import { test } from 'node:test';
import { float, floatTensor, type Graph, intList } from '../onnx/index.js';
import { batchOf } from './batch.js';
import { withBranches } from './branch.test.fixture.js';
import { coreValue, expandModel } from './expand.js';
import { graphOf, wholes } from './graph.test.fixture.js';
import { modelReach, partFor } from './reach.js';

/** x [N, 3, 8, 8] → boxes and scores → NonMaxSuppression; the scores come out, too, scaled by what is picked in `scaled`. */
const detector = (batch: number | string): Graph =>
  graphOf({
    inputs: { x: [batch, 3, 8, 8] },
    weights: { stem: [8, 3, 3, 3], boxes: [4, 8, 1, 1], scores: [2, 8, 1, 1], behind: [3, 2] },
    constants: {
      most: wholes(5),
      overlap: floatTensor([1], [0.5]),
      ofBoxes: wholes(0, 36, 4),
      ofScores: wholes(0, 2, 36),
    },
    nodes: [
      ['Conv', ['x', 'stem'], 'h'],
      ['Relu', ['h'], 'a'],
      ['Conv', ['a', 'boxes'], 'b'],
      ['Transpose', ['b'], 'turned', { perm: intList([0, 2, 3, 1]) }],
      ['Reshape', ['turned', 'ofBoxes'], 'boxes.all'],
      ['Conv', ['a', 'scores'], 's'],
      ['Reshape', ['s', 'ofScores'], 'scores.all'],
      ['NonMaxSuppression', ['boxes.all', 'scores.all', 'most', 'overlap'], 'picked'],
      ['Cast', ['picked'], 'real', { to: { type: 'int', value: 1 } }],
      ['MatMul', ['real', 'behind'], 'scaled'],
      ['Sigmoid', ['scores.all'], 'sure'],
    ],
    outputs: { picked: undefined, scaled: undefined, sure: [batch, 2, 36] },
    dtypes: { picked: 'int64' },
  });

test('a model is computed as far as it can be, and what is left out is named', () => {
  const graph = detector('N');
  const reach = modelReach(graph)!;
  assert.deepEqual(
    reach.outputs.map(({ name }) => name),
    ['sure'],
  );
  assert.deepEqual(
    reach.edge.map(({ name }) => name),
    ['boxes.all', 'scores.all'],
  );
  assert.deepEqual(
    reach.carried.map(({ op }) => op),
    ['NonMaxSuppression', 'Cast', 'MatMul'],
  );
  assert.deepEqual(
    [...reach.causes].map(([{ op }]) => op),
    ['NonMaxSuppression'],
  );
  const expanded = expandModel(graph, { carry: true });
  assert.deepEqual([...expanded.learnt.keys()], ['stem', 'boxes', 'scores']);
  assert.throws(() => coreValue(expanded, 'scaled'), /does not know the operator of NonMaxSuppression/);
  assert.throws(() => expandModel(graph), /does not know the operator of NonMaxSuppression/);
  const part = partFor(graph, reach.edge);
  assert.deepEqual(
    part.nodes.map(({ op }) => op),
    ['Conv', 'Relu', 'Conv', 'Transpose', 'Reshape', 'Conv', 'Reshape'],
  );
  assert.ok(!part.initializers.has('behind') && part.initializers.has('scores'));
  assert.equal(modelReach(part), undefined);
});

test('samples lie in what can be computed as they would in a whole model', () => {
  assert.deepEqual(batchOf(detector('N')), { kind: 'open', together: false, shapes: { x: [1, 3, 8, 8] } });
  const { kind, samples, shapes } = batchOf(detector(1));
  assert.deepEqual({ kind, samples, shapes }, { kind: 'fixed', samples: 1, shapes: { x: [1, 3, 8, 8] } });
});

test('what the branches of an If read that data decide is its edge, and weights that only layers behind it read stay', async () => {
  const plain = graphOf({
    inputs: { x: ['N', 4] },
    weights: { one: [4, 6], two: [6, 3] },
    constants: { zero: floatTensor([], [0]) },
    nodes: [
      ['MatMul', ['x', 'one'], 'h'],
      ['ReduceSum', ['x'], 'sum', { keepdims: { type: 'int', value: 0 } }],
      ['Greater', ['sum', 'zero'], 'large'],
      ['If', ['large'], 'chosen'],
      ['MatMul', ['chosen', 'two'], 'y'],
      ['LeakyRelu', ['h'], 'z', { alpha: float(0.1) }],
    ],
    outputs: { y: undefined, z: ['N', 6] },
  });
  const graph = await withBranches(plain, { chosen: { yes: ['Relu', 'h'], no: ['Neg', 'h'] } });
  const reach = modelReach(graph, { inputShapes: { x: [1, 4] } })!;
  assert.deepEqual(
    reach.edge.map(({ name }) => name),
    ['h'],
  );
  assert.deepEqual(
    reach.outputs.map(({ name }) => name),
    ['z'],
  );
  assert.deepEqual([...expandModel(graph, { carry: true }).learnt.keys()], ['one']);
});
