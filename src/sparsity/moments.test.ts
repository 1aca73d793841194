import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planMoments, trainingClock } from './moments.js';
import { gradualDefaults } from './options.js';

const plan = (options: object, total: number) =>
  planMoments({ ...gradualDefaults, sparsity: 0.9, method: 'it', ...options }, total);

test('rounds before training, evenly on the schedule', () => {
  const { moments } = plan({ rounds: 4 }, 100);
  assert.deepEqual(
    moments.map(({ iteration, progress }) => [iteration, progress]),
    [
      [0, 0.25],
      [0, 0.5],
      [0, 0.75],
      [0, 1],
    ],
  );
});

test("RigL's rate: (α/2)(1 + cos(πt/T_end)) every 100 iterations until 75 % of the run", () => {
  const growth = { growth: 'gradient', growthRatio: 0.3, growthDecay: 'cosine', growthFloor: 0 };
  const { moments } = plan({ ...growth, pruningSchedule: 'constant', growthEnd: 0.75, interval: 100 }, 1000);
  assert.deepEqual(
    moments.map(({ iteration }) => iteration),
    [100, 200, 300, 400, 500, 600, 700],
  );
  for (const { iteration, exchange } of moments)
    assert.ok(Math.abs(exchange! - 0.15 * (1 + Math.cos((Math.PI * iteration) / 750))) < 1e-12);
});

test('exchanges at the usual interval, or ten in a run too short for that', () => {
  const growth = {
    growth: 'random',
    growthRatio: 0.1,
    pruningSchedule: 'constant',
    growthEnd: 1,
    usualInterval: 100,
  };
  for (const [total, first, count] of [
    [2000, 100, 20],
    [200, 20, 10],
    [7, 1, 7],
  ]) {
    const { moments } = plan(growth, total);
    assert.deepEqual([moments[0].iteration, moments.length], [first, count]);
  }
  assert.throws(() => plan({ ...growth, interval: 300 }, 200), /would never prune/);
});

test("GraNet's rate: from 0.5 to 0.005 over the run, and exchanges go on when pruning has ended", () => {
  const growth = { growth: 'gradient', growthRatio: 0.5, growthDecay: 'cosine', growthFloor: 0.005 };
  const { moments } = plan({ ...growth, growthEnd: 1, interval: 30 }, 120);
  assert.deepEqual(
    moments.map(({ iteration, progress }) => [iteration, progress]),
    [
      [30, 30 / 96],
      [60, 60 / 96],
      [90, 90 / 96],
      [96, 1],
      [120, 1],
    ],
  );
  assert.ok(Math.abs(moments[1].exchange! - 0.2525) < 1e-12);
  assert.ok(Math.abs(moments[4].exchange! - 0.005) < 1e-12);
});

test('rewinding: trainings of equal end, each with its own clock', () => {
  const { moments, rewinding } = plan({ rewind: 0.2, updates: 2 }, 54);
  assert.deepEqual(rewinding, { to: 4, length: 20 });
  const updates = moments.map(({ iteration }) => iteration);
  assert.deepEqual(updates, [21, 38]);
  const clock = Array.from({ length: 54 }, (_, i) => trainingClock(rewinding!, i, updates).iteration);
  const from = (first: number) => Array.from({ length: 20 - first }, (_, i) => first + i);
  assert.deepEqual(clock, [...from(0), 4, ...from(4), 4, ...from(4)]);
  assert.throws(() => plan({ rewind: 0, updates: 9 }, 15), {
    message: 'it has no room for 10 trainings in 15 iterations: train for longer, or with fewer updates.',
  });
});
