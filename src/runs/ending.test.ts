/** What a classifier may end in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sketch } from '../channels/sketch.test.fixture.js';
import { scaleOf, trainingGraph } from '../objectives/index.js';

const endingIn = (...ops: string[]) => {
  const s = sketch();
  const logits = s.op('MatMul', [s.input('x', [6]), s.weight('w', 6, 3)]);
  return s.finish(ops.reduce((value, op) => s.op(op, [value]), logits));
};

test('a last Softmax is passed by in training, whatever only hands its numbers on', () => {
  for (const ops of [['Softmax'], ['Softmax', 'Identity'], ['Softmax', 'Flatten', 'Identity']]) {
    const graph = endingIn(...ops);
    assert.equal(scaleOf(graph), 'probabilities');
    const kinds = trainingGraph(graph).nodes.map(({ op }) => op);
    assert.deepEqual(kinds, ['MatMul', 'Identity', ...ops.slice(1)]);
  }
  assert.equal(scaleOf(endingIn('LogSoftmax')), 'log-probabilities');
  const plain = endingIn('Relu');
  assert.equal(scaleOf(plain), 'logits');
  assert.equal(trainingGraph(plain), plain);
});

test('a Sigmoid at the end is refused: its outputs are no choice between classes', () => {
  for (const op of ['Sigmoid', 'HardSigmoid'])
    assert.throws(
      () => trainingGraph(endingIn(op, 'Identity')),
      new RegExp(`ends in a ${op} .*an independent probability for each output`),
    );
});
