import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answers } from '../samples.js';
import { allowedFor, differences, largerOf, noiseOf, relative, smallerOf } from './compare.js';

const reals = (...data: number[]): Answers => ({ y: { dtype: 'float32', data: Float32Array.from(data) } });
const wholes = (...data: number[]): Answers => ({
  y: { dtype: 'int64', data: BigInt64Array.from(data, BigInt) },
});

test('real numbers may differ by a share of the largest, and by what a sigmoid is off by near 0', () => {
  const passes = (one: Answers, other: Answers) =>
    differences(one, other).every((each) => each.difference <= allowedFor(each));
  assert.ok(passes(reals(1, 1000.09), reals(1, 1000)));
  assert.ok(!passes(reals(1, 1000.2), reals(1, 1000)));
  assert.ok(passes(reals(1e-7, 4e-7), reals(3e-7, 2e-7)));
  assert.ok(!passes(reals(1e-7, 4e-6), reals(3e-7, 2e-7)));
  assert.ok(passes(reals(Infinity, Number.NaN, 1), reals(Infinity, Number.NaN, 1)));
  assert.ok(!passes(reals(Infinity, 1), reals(-Infinity, 1)));
  assert.ok(!passes(reals(Number.NaN, 1), reals(0, 1)));
  assert.ok(!passes(reals(Number.NaN), reals(Number.NaN)), 'nothing is a number');
  assert.ok(!passes(reals(1, 2), reals(1)), 'not as many');
  assert.ok(!passes(reals(1), {}), 'not there');
});

test('whole numbers, truths and strings must be equal', () => {
  const [{ real, unequal, difference }] = differences(wholes(1, 2, 3), wholes(1, 5, 3));
  assert.deepEqual([real, unequal, difference], [false, [1], Infinity]);
  assert.equal(differences(wholes(7, -7), wholes(7, -7))[0].difference, 0);
  const big = 2 ** 40 + 1;
  const held: Answers = { y: { dtype: 'int64', data: Float32Array.of(big) } };
  assert.equal(differences(held, wholes(big))[0].difference, 0, 'the engine holds them in float32');
  const words = (...data: string[]): Answers => ({ y: { dtype: 'string', data } });
  assert.equal(differences(words('a'), words('a'))[0].difference, 0);
  assert.equal(differences(words('a'), words('b'))[0].difference, Infinity);
});

test('what is allowed follows from noise, up to a limit', () => {
  const [each] = differences(reals(10), reals(10));
  const noise = noiseOf([
    [reals(10, 3), reals(10, 3.0005)],
    [reals(1), reals(1.0001)],
  ]);
  assert.ok(Math.abs(allowedFor(each, noise) - 10 * 0.0005) < 1e-5);
  assert.equal(allowedFor(each, new Map([['y', 1]])), 1);
  assert.equal(allowedFor(each, new Map([['z', 1]])), 10 * 1e-4 + 1e-6);
  assert.deepEqual([...noiseOf([[wholes(1), wholes(2)]])], [], 'whole numbers are no noise');
  assert.deepEqual(
    [
      ...largerOf(
        new Map([['y', 1]]),
        new Map([
          ['y', 2],
          ['z', 3],
        ]),
      ),
    ],
    [
      ['y', 2],
      ['z', 3],
    ],
  );
});

test('of two ways that are away from the truth, the nearer one tells what rounding does', () => {
  const [right, wrong] = [new Map([['y', 1e-6]]), new Map([['y', 0.3]])];
  assert.deepEqual([...smallerOf(right, wrong)], [['y', 1e-6]]);
  assert.deepEqual([...smallerOf(right, new Map())], []);
});

test('as a share of the largest answer, what is allowed without noise is 1e-4 at every scale', () => {
  for (const scale of [0, 1e-8, 1e-3, 1, 1e6])
    assert.ok(Math.abs(relative(1e-4 * scale + 1e-6, scale) / 1e-4 - 1) < 1e-9);
});
