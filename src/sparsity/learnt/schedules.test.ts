import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annealingSpan, keepRate, temperature } from './schedules.js';

const near = (a: number, b: number, by: number) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);

test('keep rates of a run of 300 epochs', () => {
  const epochs = [0, 47, 48, 49, 60, 90, 114, 150, 180, 299];
  for (const [density, ...rates] of [
    [0.1, 1, 1, 1, 0.9797, 0.77618, 0.38526, 0.2125, 0.11057, 0.1, 0.1],
    [0.05, 1, 1, 1, 0.97857, 0.76375, 0.35111, 0.16875, 0.06115, 0.05, 0.05],
    [0.02, 1, 1, 1, 0.9779, 0.75629, 0.33062, 0.1425, 0.0315, 0.02, 0.02],
  ])
    epochs.forEach((e, i) => {
      near(keepRate(e, 300, density), rates[i], 6e-6);
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
  assert.deepEqual(annealingSpan(300), [48, 180]);
  for (let epochs = 1; epochs < 50; epochs++) {
    assert.equal(keepRate(epochs - 1, epochs, 0.05), 0.05);
    for (let e = 1; e < epochs; e++)
      assert.ok(keepRate(e, epochs, 0.05) <= keepRate(e - 1, epochs, 0.05), `epoch ${e} of ${epochs}`);
  }
});
