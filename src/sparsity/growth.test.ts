import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exchange } from './growth.js';
import { layer } from './layer.test.fixture.js';
import { countNonZero } from './masks.js';

const weights = [0.9, 0, 0.1, 0, -0.7, 0.3, 0, -0.2];
const gradients = [0.5, 0.1, 0.9, -0.8, 0.02, 0.03, 0.7, 0.04];
const one = () =>
  layer('w', [8], {
    weight: Float32Array.from(weights),
    gradient: Float32Array.from(gradients),
    mask: Uint8Array.from(weights, (w) => (w === 0 ? 0 : 1)),
  });

test('the smallest go and those of largest gradient come, of all that are then pruned', () => {
  const l = one();
  exchange(l, { fraction: 0.4, score: 'magnitude', growth: 'gradient', seed: 1, iteration: 1 });
  // 2 and 7 go; of 1, 2, 3, 6, 7 the largest gradients are at 2, which so never left, and at 3
  assert.deepEqual([...l.mask], [1, 0, 1, 1, 1, 1, 0, 0]);
  assert.equal(l.weight[2], Math.fround(0.1));
});

test('the number is rounded up, and nothing is exchanged at a fraction of 0', () => {
  const l = one();
  exchange(l, { fraction: 0.01, score: 'magnitude', growth: 'random', seed: 1, iteration: 1 });
  assert.equal(countNonZero(l.mask), 5);
  const still = one();
  exchange(still, { fraction: 0, score: 'magnitude', growth: 'gradient', seed: 1, iteration: 1 });
  assert.deepEqual(still.mask, one().mask);
});

test('chance depends on seed, iteration and layer only', () => {
  const draw = (seed: number, iteration: number) => {
    const l = layer('w', [200], { mask: Uint8Array.from({ length: 200 }, (_, i) => i % 2) });
    exchange(l, { fraction: 0.5, score: 'magnitude', growth: 'random', seed, iteration });
    return l.mask;
  };
  assert.deepEqual(draw(1, 5), draw(1, 5));
  assert.notDeepEqual(draw(1, 5), draw(2, 5));
  assert.notDeepEqual(draw(1, 5), draw(1, 6));
});

test('an exchange keeps the count, and what comes has no smaller gradient than what stays away', () => {
  const cells = fc.array(fc.tuple(fc.float({ noNaN: true }), fc.float({ noNaN: true }), fc.nat(1)), {
    minLength: 1,
    maxLength: 60,
  });
  fc.assert(
    fc.property(cells, fc.double({ min: 0, max: 1, noNaN: true }), (rows, fraction) => {
      const l = layer('w', [rows.length], {
        weight: Float32Array.from(rows, ([w]) => w),
        gradient: Float32Array.from(rows, ([, g]) => g),
        mask: Uint8Array.from(rows, ([, , m]) => m),
      });
      const before = l.mask.slice();
      exchange(l, { fraction, score: 'magnitude', growth: 'gradient', seed: 1, iteration: 1 });
      assert.equal(countNonZero(l.mask), countNonZero(before));
      const size = (i: number) => Math.abs(l.gradient[i]);
      for (const [i, m] of l.mask.entries())
        for (const [j, n] of l.mask.entries()) if (m > before[i] && n === 0) assert.ok(size(i) >= size(j));
    }),
  );
});
