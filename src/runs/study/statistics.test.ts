import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statisticsOf, tInterval, tQuantile } from './statistics.js';

const near = (actual: number, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test('points of Student’s distribution as tables have them', () => {
  const table: [freedom: number, confidence: number, t: number][] = [
    [1, 0.95, 12.706205],
    [2, 0.95, 4.302653],
    [3, 0.95, 3.182446],
    [4, 0.95, 2.776445],
    [5, 0.95, 2.570582],
    [9, 0.95, 2.262157],
    [30, 0.95, 2.042272],
    [4, 0.99, 4.604095],
  ];
  for (const [freedom, confidence, t] of table) near(tQuantile(confidence, freedom), t);
});

test('mean, sample deviation and interval', () => {
  const { n, mean, deviation } = statisticsOf([1, 2, 3, 4, 5]);
  assert.equal(n, 5);
  near(mean, 3);
  near(deviation!, Math.sqrt(2.5));
  const [low, high] = tInterval({ n, mean, deviation })!;
  near(high, 3 + (2.776445105 * Math.sqrt(2.5)) / Math.sqrt(5), 1e-6);
  near(low + high, 6);
  assert.deepEqual(statisticsOf([7]), { n: 1, mean: 7 });
  assert.equal(tInterval(statisticsOf([7])), undefined);
});
