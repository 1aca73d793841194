import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random } from '../base/index.js';
import * as init from './initialize.js';

const shape = [64, 32, 3, 3];
const draw = (initialize: init.Initialize, of = shape) => initialize(of, random(1, 'test'));
const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: Float32Array) => Math.sqrt(mean(values.map((value) => value * value)));
const near = (actual: number, expected: number, relative = 0.02) =>
  assert.ok(Math.abs(actual - expected) < relative * expected, `${actual} is not about ${expected}`);

test('fans are PyTorch’s', () => {
  assert.deepEqual(init.fans(shape), { in: 288, out: 576 });
  assert.deepEqual(init.fans([10, 64]), { in: 64, out: 10 });
  assert.deepEqual(init.fans([32, 1, 3, 3]), { in: 9, out: 288 });
});

test('the deviation of every scheme is the one its paper asks for', () => {
  const expected: [init.Initialize, number][] = [
    [init.kaimingNormal(), Math.sqrt(2 / 288)],
    [init.kaimingNormal({ fan: 'out' }), Math.sqrt(2 / 576)],
    [init.kaimingUniform({ a: 1 }), Math.sqrt(1 / 288)],
    [init.xavierNormal(), Math.sqrt(2 / 864)],
    [init.xavierUniform(), Math.sqrt(2 / 864)],
    [init.signedConstant(), Math.sqrt(2 / 288)],
    [init.normalOf(0.01), 0.01],
    [init.pytorch.conv, Math.sqrt(1 / 3 / 288)],
  ];
  for (const [initialize, sigma] of expected) {
    const values = draw(initialize);
    near(deviation(values), sigma);
    assert.ok(Math.abs(mean(values)) < sigma / 30);
  }
});

test('uniform values fill their interval, PyTorch’s default ±1/√fan_in for weights and biases alike', () => {
  const bound = 1 / Math.sqrt(288);
  for (const values of [draw(init.pytorch.conv), draw(init.pytorch.bias(shape), [20000])]) {
    const largest = values.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
    assert.ok(largest <= bound * (1 + 1e-6));
    assert.ok(largest > bound * 0.99);
  }
});

test('a signed constant has one magnitude and both signs', () => {
  const values = draw(init.signedConstant());
  const sigma = Math.fround(Math.sqrt(2 / 288));
  assert.ok(values.every((value) => Math.abs(value) === sigma));
  near(values.filter((value) => value > 0).length, values.length / 2, 0.05);
});

test('constants', () => {
  assert.deepEqual(draw(init.zeros, [3]), Float32Array.of(0, 0, 0));
  assert.deepEqual(draw(init.ones, [2]), Float32Array.of(1, 1));
});

test('a parameter depends on seed and name, and on nothing else', () => {
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.string(), fc.string(), (seed, name, other) => {
      const values = (of: string, from = seed) => init.initialized(of, [4, 4], from, init.he.conv).data;
      assert.deepEqual(values(name), values(name));
      if (name !== other) assert.notDeepEqual(values(name), values(other));
      assert.notDeepEqual(values(name), values(name, seed === 0 ? 1 : 0));
    }),
  );
});
