import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { integer, normal, permutation, type Random, random, uniform, word } from './random.js';

const draw = (r: Random, n: number, one: (r: Random) => number) => Array.from({ length: n }, () => one(r));
const mean = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

test('the same name gives the same numbers, another gives others', () => {
  const of = (...name: Parameters<typeof random>) => draw(random(...name), 8, uniform).join();
  assert.equal(of(1, 'shuffle', 3), of(1, 'shuffle', 3));
  const names: Parameters<typeof random>[] = [
    [1],
    [2],
    [2 ** 32 + 1],
    [-1],
    [1, 'a'],
    [1, 'b'],
    [1, 1],
    [1, '1'],
    [1, 'a', 'b'],
    [1, 'ab'],
    [1, 'b', 'a'],
  ];
  assert.equal(new Set(names.map((name) => of(...name))).size, names.length);
});

test('number i does not depend on what was drawn before', () =>
  fc.assert(
    fc.property(fc.integer(), fc.nat(1000), (seed, at) => {
      const [a, b] = [random(seed, 'x'), random(seed, 'x')];
      draw(a, at, uniform);
      b.at = at;
      assert.equal(uniform(a), uniform(b));
      assert.equal(word(a, 2 ** 40 + at), word(b, 2 ** 40 + at));
    }),
    { seed: 1 },
  ));

test('the numbers of a stream are the same in every release', () => {
  assert.deepEqual(
    draw(random(42, 'pinned'), 3, (r) => word(r, r.at++)),
    [1875203674, 869651444, 654927388],
  );
});

test('uniform and normal numbers are distributed so', () => {
  const u = draw(random(7), 20_000, uniform);
  assert.ok(u.every((x) => x >= 0 && x < 1 && Math.fround(x) === x));
  assert.ok(Math.abs(mean(u) - 0.5) < 0.01);
  assert.ok(Math.abs(mean(u.map((x) => (x - 0.5) ** 2)) - 1 / 12) < 0.003);
  assert.ok(Math.abs(mean(u.slice(1).map((x, i) => (x - 0.5) * (u[i] - 0.5)))) < 0.003, 'neighbours');
  const z = draw(random(8), 20_000, normal);
  assert.ok(Math.abs(mean(z)) < 0.03 && Math.abs(mean(z.map((x) => x * x)) - 1) < 0.05);
  assert.ok(Math.abs(mean(z.map((x) => x ** 4)) - 3) < 0.3);
});

test('integers fill their range evenly', () => {
  const counts = new Array<number>(7).fill(0);
  for (const k of draw(random(9), 14_000, (r) => integer(r, 7))) counts[k]++;
  assert.ok(
    counts.every((c) => Math.abs(c - 2000) < 250),
    `${counts}`,
  );
});

test('a permutation holds everything once, and every first element comes', () => {
  const firsts = new Set<number>();
  for (let seed = 0; seed < 100; seed++) {
    const order = permutation(random(seed), 5);
    assert.deepEqual([...order].sort(), [0, 1, 2, 3, 4]);
    firsts.add(order[0]);
  }
  assert.equal(firsts.size, 5);
  assert.deepEqual([...permutation(random(1), 0)], []);
});
