import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layer } from './layer.test.fixture.js';
import { applyMasks, census, clear, resetMask, unreachedUnits } from './masks.js';

test('pruned weights and all their momenta become +0, kept ones stay', () => {
  const l = layer('w', [4], {
    weight: Float32Array.of(1, -2, Number.NaN, 4),
    momentum: [Float32Array.of(1, -1, 1, 1), Float32Array.of(5, 6, 7, 8)],
    mask: Uint8Array.of(1, 0, 0, 1),
  });
  applyMasks([l]);
  assert.deepEqual([...l.weight], [1, 0, 0, 4]);
  assert.deepEqual([...l.momentum[0]], [1, 0, 0, 1]);
  assert.deepEqual([...l.momentum[1]], [5, 0, 0, 8]);
  assert.ok(Object.is(l.weight[1], 0));
});

test('a mask is read off the zeros, of either sign, or set to ones', () => {
  const l = layer('w', [4], { weight: Float32Array.of(0, -0, 1e-40, 3) });
  resetMask(l, true);
  assert.deepEqual([...l.mask], [0, 0, 1, 1]);
  resetMask(l, false);
  assert.deepEqual([...l.mask], [1, 1, 1, 1]);
});

test('clearing counts what was still kept', () => {
  const l = layer('w', [3], { mask: Float32Array.of(1, 0, 1) });
  assert.equal(clear(l, Uint8Array.of(1, 1, 0)), 1);
  assert.deepEqual([...l.mask], [0, 0, 1]);
});

test('sparsity with and without the biases in the denominator', () => {
  const layers = [
    layer('a', [2, 2], { mask: Uint8Array.of(1, 0, 0, 0) }),
    layer('b', [4], { biases: 8, mask: Uint8Array.of(1, 1, 1, 0) }),
  ];
  const { size, kept, sparsity, sparsityWithBiases, layers: rows } = census(layers);
  assert.deepEqual({ size, kept, sparsity }, { size: 8, kept: 4, sparsity: 0.5 });
  assert.equal(sparsityWithBiases, 4 / 18);
  assert.deepEqual(
    rows.map(({ density }) => density),
    [0.25, 0.75],
  );
});

test('dead units, along the first axis and the second', () => {
  const mask = Uint8Array.of(0, 0, 1, 0, 0, 0);
  assert.deepEqual(unreachedUnits(layer('w', [3, 2], { mask })), [0, 2]);
  assert.deepEqual(unreachedUnits(layer('w', [3, 2], { mask, outputAxis: 1 })), [1]);
});
