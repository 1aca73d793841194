import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultInterval, densityAt, prunedAt, pruningEnd, schedules, updateIterations } from './schedule.js';

const near = (actual: number, expected: number, tolerance = 1e-6) =>
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected}`);

test('cubic: the sparsities of gradual magnitude pruning', () => {
  const sparsity = (t: number) => 1 - densityAt('cubic', { from: 1, to: 0.1 }, t, 50_000);
  near(sparsity(1000), 0.052927);
  near(sparsity(25_000), 0.7875);
  near(sparsity(49_000), 0.899993);
  near(sparsity(50_000), 0.9, 1e-15);
});

test('exponential: equal ratios in equal times', () => {
  const density = (t: number) => densityAt('exponential', { from: 1, to: 0.01 }, t, 100);
  near(density(50), 0.1, 1e-12);
  near(density(25), 0.316228);
  near(density(100), 0.01, 1e-15);
});

test('one-shot jumps at once, constant never', () => {
  assert.equal(schedules['one-shot']({ from: 1, to: 0.1 }, 0), 1);
  assert.equal(schedules['one-shot']({ from: 1, to: 0.1 }, 0.01), 0.1);
  assert.equal(densityAt('constant', { from: 0.3, to: 0.1 }, 1, 2), 0.3);
});

test('after the end the density stays', () => {
  for (const name of ['cubic', 'exponential', 'one-shot'] as const)
    assert.equal(
      densityAt(name, { from: 1, to: 0.05 }, 99, 80),
      densityAt(name, { from: 1, to: 0.05 }, 80, 80),
    );
});

test("FGGP's run: 160 epochs at batch 64 end at 100,096 after 50 updates", () => {
  const end = pruningEnd(125_120, 0.8);
  assert.equal(end, 100_096);
  assert.equal(pruningEnd(62_560, 0.8), 50_048);
  assert.equal(pruningEnd(100, 0.57), 57);
  const updates = updateIterations(end, defaultInterval(end, 50));
  assert.equal(updates.length, 50);
  assert.equal(updateIterations(end, 2000).at(-2), 100_000);
});

test('the last update falls on the end, whether the interval divides it or not', () => {
  assert.deepEqual(updateIterations(10, 4), [4, 8, 10]);
  assert.deepEqual(updateIterations(8, 4), [4, 8]);
  assert.deepEqual(updateIterations(3, 4), [3]);
  assert.equal(defaultInterval(7, 50), 1);
});

test('pruned counts are rounded down, but not by the rounding of 1 − D', () => {
  for (const sparsity of [0.3, 0.7, 0.9, 0.95, 0.98])
    assert.equal(prunedAt(20_024_000, 1 - sparsity), Math.round(20_024_000 * sparsity));
  assert.equal(prunedAt(10, 0.55), 4);
});
