import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { learningRateAt, resolveSchedule, type ScheduleSettings } from './schedule.js';

const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) <= 1e-12, `${actual} is not ${expected}`);

/** Ten epochs of ten iterations. */
function rates(settings: ScheduleSettings): (iteration: number) => number {
  const schedule = resolveSchedule(settings, 10);
  return (iteration) => learningRateAt(schedule, { iteration, iterations: 100, iterationsPerEpoch: 10 });
}

test('constant', () => {
  const rate = rates({ kind: 'constant', learningRate: 0.3 });
  for (const t of [0, 50, 99]) assert.equal(rate(t), 0.3);
});

test('step', () => {
  const rate = rates({ kind: 'step', learningRate: 0.1, every: 3, factor: 0.5 });
  for (const [t, expected] of [
    [0, 0.1],
    [29, 0.1],
    [30, 0.05],
    [59, 0.05],
    [60, 0.025],
    [99, 0.0125],
  ])
    near(rate(t), expected);
});

test('multi-step divides by ten at every milestone unless told otherwise', () => {
  const rate = rates({ kind: 'multi-step', learningRate: 0.1, milestones: [5, 7.5] });
  for (const [t, expected] of [
    [0, 0.1],
    [49, 0.1],
    [50, 0.01],
    [74, 0.01],
    [75, 0.001],
    [99, 0.001],
  ])
    near(rate(t), expected);
});

test('cosine by iteration', () => {
  const rate = rates({ kind: 'cosine', learningRate: 0.1 });
  near(rate(0), 0.1);
  near(rate(25), 0.05 * (1 + Math.SQRT1_2));
  near(rate(50), 0.05);
  near(rate(75), 0.05 * (1 - Math.SQRT1_2));
  near(rate(99), 0.05 * (1 + Math.cos(0.99 * Math.PI)));
});

test('cosine by epoch', () => {
  const rate = rates({ kind: 'cosine', learningRate: 0.1, perEpoch: true });
  for (const t of [0, 9]) near(rate(t), 0.1);
  for (const t of [50, 59]) near(rate(t), 0.05);
  near(rate(99), 0.05 * (1 + Math.cos(0.9 * Math.PI)));
});

test('a warm-up rises in equal steps to the full rate, and the cosine follows it', () => {
  const rate = rates({ kind: 'cosine', learningRate: 0.1, warmup: 2 });
  near(rate(0), 0.005);
  near(rate(9), 0.05);
  near(rate(19), 0.1);
  near(rate(20), 0.1);
  near(rate(60), 0.05);
  const stepped = rates({ kind: 'step', learningRate: 0.1, every: 3, warmup: 0.5 });
  near(stepped(0), 0.02);
  near(stepped(4), 0.1);
  near(stepped(30), 0.01);
});

test('no schedule ever leaves (0, learning rate]', () => {
  const settings: fc.Arbitrary<ScheduleSettings> = fc.oneof(
    fc.record({ kind: fc.constant('constant' as const), learningRate: fc.constant(0.1) }),
    fc.record({
      kind: fc.constant('cosine' as const),
      learningRate: fc.constant(0.1),
      warmup: fc.integer({ min: 0, max: 40 }).map((x) => x / 4),
      perEpoch: fc.boolean(),
    }),
    fc.record({
      kind: fc.constant('step' as const),
      learningRate: fc.constant(0.1),
      every: fc.integer({ min: 1, max: 10 }),
      warmup: fc.integer({ min: 0, max: 10 }),
    }),
  );
  fc.assert(
    fc.property(settings, fc.integer({ min: 0, max: 99 }), (given, t) => {
      const rate = rates(given)(t);
      assert.ok(rate > 0 && rate <= 0.1, `${rate}`);
    }),
  );
});

test('settings that make no sense are refused by name', () => {
  const refused = (settings: object, words: RegExp) =>
    assert.throws(() => resolveSchedule(settings as ScheduleSettings, 10), {
      name: 'UserError',
      message: words,
    });
  refused({ kind: 'linear', learningRate: 1 }, /no learning-rate schedule "linear".*cosine/);
  refused({ kind: 'cosine' }, /cosine needs learningRate/);
  refused({ kind: 'cosine', learningRate: -1 }, /learningRate .* above 0, not -1/);
  refused({ kind: 'cosine', learningRate: 0.1, every: 2 }, /no setting every/);
  refused({ kind: 'step', learningRate: 0.1 }, /needs every/);
  refused({ kind: 'multi-step', learningRate: 0.1, milestones: [5, 3] }, /milestones .* ascending/);
  refused({ kind: 'constant', learningRate: 0.1, warmup: 11 }, /warm-up of 11 epochs/);
});

test('fine-tuning by a cosine of its own begins at its rate and falls to 0', () => {
  const settings = {
    kind: 'cosine',
    learningRate: 1,
    fineTune: 2,
    fineTuneRate: 0.3,
    fineTuneSchedule: 'cosine',
  };
  const rate = rates(settings as ScheduleSettings);
  near(rate(79), (1 + Math.cos((79 / 80) * Math.PI)) / 2);
  near(rate(80), 0.3);
  near(rate(90), 0.15);
  near(rate(99), 0.15 * (1 + Math.cos(0.95 * Math.PI)));
});

test('fine-tuning goes at a rate of its own, and the schedule is about the epochs before', () => {
  const fine = resolveSchedule({ kind: 'cosine', learningRate: 1, fineTune: 2, fineTuneRate: 0.3 }, 10);
  const plain = resolveSchedule({ kind: 'cosine', learningRate: 1 }, 8);
  for (let t = 0; t < 100; t++) {
    const rate = learningRateAt(fine, { iteration: t, iterations: 100, iterationsPerEpoch: 10 });
    const before = learningRateAt(plain, { iteration: t, iterations: 80, iterationsPerEpoch: 10 });
    assert.equal(rate, t < 80 ? before : 0.3);
  }
});
