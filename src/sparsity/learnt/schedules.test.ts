import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annealingSpan, keepRate, placeOf, temperature } from './schedules.js';
import { fineTuningFor, scoreRateFor } from './short-runs.js';

const near = (a: number, b: number, by: number) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);

test('keep rates of a run of 300 epochs', () => {
  const epochs = [0, 47, 48, 49, 60, 90, 114, 150, 180, 299];
  for (const [density, ...rates] of [
    [0.1, 1, 1, 1, 0.9797, 0.77618, 0.38526, 0.2125, 0.11057, 0.1, 0.1],
    [0.05, 1, 1, 1, 0.97857, 0.76375, 0.35111, 0.16875, 0.06115, 0.05, 0.05],
    [0.02, 1, 1, 1, 0.9779, 0.75629, 0.33062, 0.1425, 0.0315, 0.02, 0.02],
  ])
    epochs.forEach((e, i) => {
      for (const perEpoch of [true, false])
        near(keepRate(e, { epochs: 300, density, perEpoch }), rates[i], 6e-6);
    });
});

test('temperatures of a run of 300 epochs', () => {
  for (const [epoch, T] of [
    [0, 1],
    [48, 1.18],
    [150, 1.94],
    [180, 2.39],
    [240, 4.46],
    [299, 30.1],
  ])
    near(temperature(epoch, 300), T, 0.006 * Math.max(1, T / 4));
});

test('the span in whole epochs, and the target in the last epoch of a run of any length', () => {
  assert.deepEqual(annealingSpan(300, true), [48, 180]);
  const keepRateAt = (epoch: number, epochs: number, density: number) =>
    keepRate(epoch, { epochs, density, perEpoch: true });
  for (let epochs = 1; epochs < 50; epochs++) {
    assert.equal(keepRateAt(epochs - 1, epochs, 0.05), 0.05);
    for (let e = 1; e < epochs; e++)
      assert.ok(keepRateAt(e, epochs, 0.05) <= keepRateAt(e - 1, epochs, 0.05), `epoch ${e} of ${epochs}`);
  }
});

test('by the step a run of five epochs falls smoothly, and its masks end as hard as those of 300', () => {
  const [epochs, steps] = [5, 469];
  const at = (iteration: number, perEpoch: boolean) => {
    const place = placeOf(iteration, { steps, perEpoch });
    return [keepRate(place, { epochs, density: 0.02, perEpoch }), temperature(place, epochs)];
  };
  const jumps = (perEpoch: boolean) =>
    Array.from({ length: epochs * steps - 1 }, (_, t) => at(t, perEpoch)[0] - at(t + 1, perEpoch)[0]);
  assert.deepEqual(
    jumps(true)
      .filter((jump) => jump > 0)
      .map((jump) => Math.round(1000 * jump)),
    [690, 254, 36],
  );
  assert.ok(jumps(false).every((jump) => jump >= 0 && jump < 0.003));
  near(at(0.16 * epochs * steps, false)[0], 1, 0.003);
  near(at(0.38 * epochs * steps, false)[0], 0.02 + 0.98 / 8, 1e-3);
  assert.equal(at(0.6 * epochs * steps + 1, false)[0], 0.02);
  const last = epochs * steps - 1;
  near(at(last, true)[1], 4.464, 1e-3);
  near(at(last, false)[1], 32.88, 1e-2);
});

test('the authors’ settings at their length, faster probabilities and a real training with the mask in short runs', () => {
  assert.equal(scoreRateFor(300 * 196), 0.006);
  assert.equal(scoreRateFor(300 * 391), 0.006);
  near(scoreRateFor(5 * 469), 0.03004, 1e-5);
  near(scoreRateFor(20 * 469), 0.01502, 1e-5);
  assert.deepEqual(fineTuningFor(320, 0.1), {
    fineTune: 20,
    fineTuneRate: 0.001,
    fineTuneSchedule: 'constant',
  });
  const short = { fineTuneRate: 0.1, fineTuneSchedule: 'cosine' };
  for (const [epochs, fineTune] of [
    [1, 0],
    [2, 1],
    [8, 3],
    [32, 12],
    [99, 37],
  ])
    assert.deepEqual(fineTuningFor(epochs, 0.1), { ...short, fineTune });
});
