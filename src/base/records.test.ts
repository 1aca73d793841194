import assert from 'node:assert/strict';
import { test } from 'node:test';
import { numbersByPath } from './records.js';

test('numbers have the path to them as their name', () => {
  assert.deepEqual(numbersByPath({ a: 1, b: { c: 2, d: { e: 3 } }, f: 'g', h: [4], i: null }), {
    a: 1,
    'b.c': 2,
    'b.d.e': 3,
  });
});
