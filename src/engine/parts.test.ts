import assert from 'node:assert/strict';
import { test } from 'node:test';
import { partsOf } from './parts.js';

test('a batch goes in full parts and a rest, which is no single sample', () => {
  assert.deepEqual(partsOf(64, 64), [[0, 64]]);
  assert.deepEqual(partsOf(1, 64), [[0, 1]]);
  assert.deepEqual(partsOf(41, 32), [
    [0, 32],
    [32, 9],
  ]);
  assert.deepEqual(partsOf(33, 32), [
    [0, 17],
    [17, 16],
  ]);
  for (const count of [49, 80, 97])
    for (const part of [16, 32, 48]) {
      const parts = partsOf(count, part);
      assert.equal(parts.length, Math.ceil(count / part));
      for (const [k, [from, n]] of parts.entries()) {
        assert.ok(n > 1 && n <= part);
        assert.equal(from + n, parts[k + 1]?.[0] ?? count);
      }
    }
});
