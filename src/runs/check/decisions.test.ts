/** Which real numbers decide a whole one, and how near they were. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { graphOf, type Sketch, wholes } from '../../graph/graph.test.fixture.js';
import { int } from '../../onnx/index.js';
import type { Trial } from '../samples.js';
import { decisionOf, explains } from './decisions.js';

const trial = (...shape: number[]): Trial => ({
  count: 1,
  inputs: { x: { dtype: 'float32', shape, data: new Float32Array() } },
});

const decide = (nodes: Sketch['nodes'], shape: number[], more: Partial<Sketch> = {}) => {
  const sketch = {
    inputs: { x: shape },
    nodes,
    outputs: { y: undefined },
    dtypes: { y: 'int64' as const },
    ...more,
  };
  return decisionOf(graphOf(sketch), 'y', trial(...shape));
};

test('the place of the largest along an axis, through what keeps the order', () => {
  const decision = decide(
    [
      ['Relu', ['x'], 'r'],
      ['ArgMax', ['r'], 'a', { axis: int(1), keepdims: int(0) }],
      ['Cast', ['a'], 'c', { to: int(6) }],
      ['Identity', ['c'], 'y'],
    ],
    [2, 3, 2],
  )!;
  assert.deepEqual(decision.values, ['r']);
  const values = [Float32Array.of(5, 0, 5.001, 1, 0, 9, /**/ 0, 0, 1, 0, 0, 2)];
  assert.ok(Math.abs(decision.gap(0, 0, 1, values)! - 0.001) < 1e-6, 'column 0 of the first');
  assert.equal(decision.gap(1, 2, 1, values), 8, 'column 1 of the first');
  assert.equal(decision.gap(3, 0, 2, values), 2, 'column 1 of the second');
  const how = { one: [0, 2, 1, 2], other: [1, 2, 1, 2], values };
  assert.ok(explains(decision, [0], { ...how, tolerance: 0.01 }));
  assert.ok(!explains(decision, [0], { ...how, tolerance: 0.0001 }));
});

test('the largest few, comparisons and cut-off numbers', () => {
  const top = decide([['TopK', ['x', 'k'], ['v', 'y'], { axis: int(1) }]], [2, 4], {
    constants: { k: wholes(2) },
  })!;
  const values = [Float32Array.of(1, 2, 3, 4, 9, 8, 8, 0)];
  assert.equal(top.gap(3, 1, 2, values), 0, 'the second place of the second row');
  assert.equal(top.gap(0, 3, 2, values), 1);

  const greater = decide([['Greater', ['x', 'half'], 'y']], [4], {
    weights: { half: [1] },
    dtypes: { y: 'bool' },
  })!;
  assert.equal(greater.gap(2, 0, 1, [Float32Array.of(0, 0, 0.75, 0), Float32Array.of(0.5)]), 0.25);

  const cut = decide([['Cast', ['x'], 'y', { to: int(7) }]], [4])!;
  assert.ok(Math.abs(cut.gap(1, 2, 3, [Float32Array.of(0, 2.999)])! - 0.001) < 1e-6);
  assert.equal(cut.gap(1, 2, 4, [Float32Array.of(0, 2.999)]), undefined, 'not the next');
});

test('what is computed from whole numbers is decided by no real one', () => {
  assert.equal(decide([['Add', ['x', 'x'], 'y']], [4], { dtypes: { x: 'int64', y: 'int64' } }), undefined);
  assert.equal(decide([['Shape', ['x'], 'y']], [4]), undefined);
});
