import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { inverseOf } from './dense.test.fixture.js';
import { descend, solveSparseRows } from './sparse-rows.js';

const INNER = 24;
const RIDGE = 1e-2;

/** A Gram matrix of columns that are much alike, and what is missing of some rows. */
function equations(rows: number) {
  const draw = random(3, 'rows');
  const common = Array.from({ length: 60 }, () => normal(draw));
  const columns = Array.from({ length: INNER }, () => common.map((x) => x + 0.5 * normal(draw)));
  const gram = Float64Array.from({ length: INNER * INNER }, (_, i) => {
    const [a, b] = [columns[Math.floor(i / INNER)], columns[i % INNER]];
    return a.reduce((sum, x, k) => sum + x * b[k], 0);
  });
  const sides = Float64Array.from({ length: rows * INNER }, () => 10 * normal(draw));
  const free = Uint8Array.from({ length: rows * INNER }, (_, i) => Number((i * 7) % 5 > 1));
  return { gram, sides, free };
}

/** The solution of a row by the inverse of what is free. */
function byInverse(gram: Float64Array, side: Float64Array, free: Uint8Array): number[] {
  const places = [...free.keys()].filter((j) => free[j]);
  const mean = places.reduce((sum, j) => sum + gram[j * INNER + j], 0) / places.length;
  const part = places.map((i) => places.map((j) => gram[i * INNER + j] + (i === j ? RIDGE * mean : 0)));
  const inverse = inverseOf(part);
  const result = new Array<number>(INNER).fill(0);
  for (const [i, at] of places.entries())
    result[at] = places.reduce((sum, j, k) => sum + inverse[i][k] * side[j], 0);
  return result;
}

test('each row is the solution of the equations of its free weights', () => {
  const { gram, sides, free } = equations(3);
  free.fill(0, 2 * INNER);
  const found = sides.slice();
  assert.ok(solveSparseRows(gram, INNER, found, { free, ridge: RIDGE }));
  for (let row = 0; row < 2; row++) {
    const [from, to] = [row * INNER, (row + 1) * INNER];
    const golden = byInverse(gram, sides.subarray(from, to), free.subarray(from, to));
    for (const [j, x] of golden.entries())
      assert.ok(Math.abs(found[from + j] - x) < 1e-9, `${row}, ${j}: ${found[from + j]}, not ${x}`);
  }
  assert.ok(
    found.subarray(2 * INNER).every((x) => x === 0),
    'a row of which nothing is free stays as it is',
  );
});

test('conjugate gradients come to the same', () => {
  const { gram, sides } = equations(1);
  const found = sides.slice();
  assert.ok(descend(gram, found, RIDGE));
  const golden = byInverse(gram, sides, new Uint8Array(INNER).fill(1));
  const largest = Math.max(...golden.map(Math.abs));
  for (const [j, x] of golden.entries())
    assert.ok(Math.abs(found[j] - x) < 1e-4 * largest, `${j}: ${found[j]}, not ${x}`);
});

test('moments that are not finite have no solution', () => {
  const { gram, sides, free } = equations(1);
  gram[0] = Number.NaN;
  assert.equal(solveSparseRows(gram, INNER, sides.slice(), { free: free.fill(1), ridge: RIDGE }), false);
  assert.equal(descend(gram, sides.slice(), RIDGE), false);
});
