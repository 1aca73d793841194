import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { inverseOf, productOf } from './dense.test.fixture.js';
import { eliminate, type Reader } from './eliminate.js';

const RIDGE = 0.05;

function reader(name: string, outputs: number, inner: number, units: number[][], worth: number): Reader {
  const draw = random(3, name);
  const samples = Array.from({ length: 40 }, () => Array.from({ length: inner }, () => normal(draw)));
  const mixed = samples.map((u) => u.map((x, j) => x + 0.8 * u[(j + 1) % inner]));
  const gram = Float64Array.from({ length: inner * inner }, (_, i) =>
    mixed.reduce((sum, u) => sum + u[Math.floor(i / inner)] * u[i % inner], 0),
  );
  const matrix = Float64Array.from({ length: outputs * inner }, () => normal(draw));
  return { gram, matrix, outputs, inner, units, worth };
}

/** min ‖(W − W')u‖² + λ‖W − W'‖² over all W' that are 0 at the removed columns, by the normal equations of those that stay. */
function leastError({ gram, matrix, outputs, inner, units, worth }: Reader, gone: readonly number[]): number {
  const mean = Array.from({ length: inner }, (_, i) => gram[i * inner + i]).reduce((a, b) => a + b) / inner;
  const a = Array.from({ length: inner }, (_, i) =>
    Array.from({ length: inner }, (_, j) => gram[i * inner + j] + (i === j ? RIDGE * mean : 0)),
  );
  const removed = new Set(gone.flatMap((unit) => units[unit]));
  const kept = Array.from({ length: inner }, (_, j) => j).filter((j) => !removed.has(j));
  const inverse = inverseOf(kept.map((i) => kept.map((j) => a[i][j])));
  let error = 0;
  for (let o = 0; o < outputs; o++) {
    const row = Array.from(matrix.subarray(o * inner, (o + 1) * inner));
    const lost = row.map((w, j) => (removed.has(j) ? w : 0));
    const right = kept.map((i) => lost.reduce((sum, w, j) => sum + a[i][j] * w, 0));
    const [more] = productOf([right], inverse);
    const difference = [...lost];
    for (const [k, j] of kept.entries()) difference[j] -= more[k];
    const [moved] = productOf([difference], a);
    error += difference.reduce((sum, x, j) => sum + x * moved[j], 0);
  }
  return worth * error;
}

test('units go in the order and with the errors of least squares solved anew for every set', () => {
  const pairs = Array.from({ length: 6 }, (_, unit) => [unit, unit + 6]);
  const readers = [
    reader('first', 3, 13, pairs, 1),
    reader(
      'second',
      2,
      6,
      pairs.map(([unit]) => [unit]),
      0.3,
    ),
  ];
  const found = eliminate(readers, 6, RIDGE)!;
  const gone: number[] = [];
  for (const [i, unit] of found.order.entries()) {
    const candidates = [...pairs.keys()].filter((one) => !gone.includes(one));
    const errors = candidates.map((one) => ({
      one,
      error: readers.reduce((sum, each) => sum + leastError(each, [...gone, one]), 0),
    }));
    const best = errors.reduce((a, b) => (b.error < a.error ? b : a));
    assert.equal(unit, best.one);
    assert.ok(
      Math.abs(found.errors[i] - best.error) < 1e-9 * best.error,
      `${found.errors[i]}, not ${best.error}`,
    );
    gone.push(unit);
  }
  assert.equal(gone.length, 5);
});

test('a unit whose column is the sum of others goes first, for nothing', () => {
  const inner = 4;
  const draw = random(5, 'sum');
  const samples = Array.from({ length: 30 }, () => {
    const [a, b, c] = [normal(draw), normal(draw), normal(draw)];
    return [a, b, a + b, c];
  });
  const gram = Float64Array.from({ length: 16 }, (_, i) =>
    samples.reduce((sum, u) => sum + u[i >> 2] * u[i & 3], 0),
  );
  const matrix = Float64Array.of(1, 2, 5, 1);
  const units = [[0], [1], [2], [3]];
  const { order, errors } = eliminate([{ gram, matrix, outputs: 1, inner, units, worth: 1 }], 4, 1e-9)!;
  assert.ok(order[0] !== 3 && errors[0] < 1e-4 && errors[1] > 1);
});

test('moments that are not finite are refused', () => {
  const broken = { gram: Float64Array.of(Number.NaN), matrix: Float64Array.of(1), outputs: 1, inner: 1 };
  assert.equal(eliminate([{ ...broken, units: [[0]], worth: 1 }], 1, RIDGE), undefined);
});
