import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random, uniform } from '../../base/index.js';
import { loadNetwork, openMachine } from '../../engine/index.js';
import { floatTensor, type Graph } from '../../onnx/index.js';
import { project, projectBy, projectByHalving, shiftFor } from './projection.js';

const sum = (values: Iterable<number>) => [...values].reduce((total, x) => total + x, 0);
const near = (a: number, b: number, by = 2e-7) => assert.ok(Math.abs(a - b) <= by, `${a} is not ${b}`);
const clipped = (z: Float32Array) => z.map((x) => Math.min(1, Math.max(0, x)));

/** z, K, the projection. */
const golden: [number[], number, number[]][] = [
  [[0.2, 0.9, 1.3, -0.5], 1.2, [0, 0.4, 0.8, 0]],
  [[1, 1, 1, 1], 2, [0.5, 0.5, 0.5, 0.5]],
  [[0.1, 0.2, 0.3], 1, [0.1, 0.2, 0.3]],
  [[2, 1.5, 0.4, 0.3, -1], 2, [1, 1, 0, 0, 0]],
  [[1.4, 0.7, 0.7, 0.1], 0.5, [0.5, 0, 0, 0]],
];

test('golden projections, exact and by halving', () => {
  for (const [z, K, p] of golden)
    for (const [by, tolerance] of [[project, 2e-7] as const, [projectByHalving, 1.1e-3] as const]) {
      const s = Float32Array.from(z);
      by([s], K);
      p.forEach((x, i) => {
        near(s[i], x, tolerance);
      });
    }
  near(shiftFor([Float32Array.from(golden[0][0])], 1.2), 0.5);
  assert.equal(shiftFor([Float32Array.from(golden[2][0])], 1), 0);
});

const points = fc.array(fc.float({ min: -1, max: 3, noNaN: true }), { minLength: 1, maxLength: 60 });
const cases = fc.tuple(points, fc.double({ min: 0.01, max: 1.2, noNaN: true }));
const check = (property: (z: Float32Array, K: number) => void) =>
  fc.assert(
    fc.property(cases, ([values, share]) => {
      property(Float32Array.from(values), share * values.length);
    }),
  );

test('within the box and the budget, which is used up where it binds', () =>
  check((z, K) => {
    const s = z.slice();
    project([s], K);
    assert.ok(s.every((x) => x >= 0 && x <= 1));
    assert.ok(sum(s) <= K || sum(s) === sum(clipped(z)));
    if (sum(clipped(z)) > K) near(sum(s), K, 1e-7 * z.length);
    else assert.deepEqual(s, clipped(z));
  }));

test('order-preserving to the last place, and projecting again changes nothing', () =>
  check((z, K) => {
    const s = z.slice();
    project([s], K);
    for (let i = 1; i < z.length; i++) if (z[i] >= z[i - 1]) assert.ok(s[i] >= s[i - 1] - 1.2e-7);
    const again = s.slice();
    assert.equal(project([again], K), 0);
    assert.deepEqual(again, s);
  }));

test('the same however coordinates are divided among tensors', () =>
  check((z, K) => {
    const [whole, parts] = [z.slice(), z.slice()];
    const cut = Math.floor(z.length / 3);
    assert.equal(project([whole], K), project([parts.subarray(0, cut), parts.subarray(cut)], K));
    assert.deepEqual(parts, whole);
  }));

test('no feasible point is closer', () =>
  fc.assert(
    fc.property(cases, points, ([values, share], other) => {
      const z = Float32Array.from(values);
      const K = share * z.length;
      const s = z.slice();
      const rival = z.map((_, i) => other[i % other.length]);
      for (const point of [s, rival]) project([point], K);
      const distance = (p: Float32Array) => Math.sqrt(sum(p.map((x, i) => (x - z[i]) ** 2)));
      assert.ok(distance(s) <= distance(rival) + 1e-5);
    }),
  ));

test('the shift is right to 1e-9 of the budget on many coordinates', () => {
  const draw = random(1, 'projection');
  const z = Float32Array.from({ length: 300_000 }, () => 1.02 * uniform(draw) ** 4 - 0.01);
  for (const density of [0.001, 0.02, 0.1]) {
    const K = density * z.length;
    const v = shiftFor([z], K);
    near(sum(Array.from(z, (x) => Math.min(1, Math.max(0, x - v)))) / K, 1, 1e-9);
    const s = z.slice();
    project([s], K);
    assert.ok(sum(s) <= K);
    near(sum(s) / K, 1, 1e-9);
  }
});

test('a probability that is not a number is refused', () => {
  assert.throws(() => project([Float32Array.of(0.5, Number.NaN)], 0.1), /not a number/);
});

test('by kernels: as exact, never above the budget, the same on any number of threads', async () => {
  const draw = random(9, 'many');
  const sizes = [200_003, 70_001, 9];
  const drawn = sizes.map((n) => Float32Array.from({ length: n }, () => 1.4 * uniform(draw) ** 3 - 0.1));
  const size = drawn.reduce((sum, { length }) => sum + length, 0);
  const sumOf = (parts: readonly Float32Array[]) =>
    parts.reduce((total, part) => part.reduce((sum, x) => sum + x, total), 0);
  const results: Float32Array[][] = [];
  for (const threads of [1, 2]) {
    const machine = await openMachine({ threads });
    const network = loadNetwork(dense(sizes), { machine });
    const parts = sizes.map((_, p) => network.parameters.get(`w${p}`)!.weight);
    const clipping = network.clipping(sizes.map((_, p) => `w${p}`));
    for (const density of [0.02, 0.2, 0.9, 1]) {
      for (const [p, part] of parts.entries()) part.set(drawn[p]);
      network.push();
      const budget = density * size;
      const v = await projectBy(clipping, size, budget);
      await network.pull();
      const wanted = shiftFor(drawn, budget);
      assert.ok(Math.abs(v - wanted) < 1e-9, `${v}, not ${wanted}`);
      if (v > 0) assert.ok(sumOf(parts) <= budget && sumOf(parts) > budget * (1 - 1e-8));
      for (const [p, part] of parts.entries())
        part.forEach((x, i) => {
          assert.ok(Math.abs(x - Math.min(1, Math.max(0, drawn[p][i] - v))) < 1.5e-7);
        });
      results.push(parts.map((part) => part.slice()));
    }
    network.close();
    await machine.close();
  }
  assert.deepEqual(results.slice(4), results.slice(0, 4));
});

/** A model whose weights are vectors of these sizes. */
function dense(sizes: readonly number[]): Graph {
  const value = (name: string) => ({ name, dtype: 'float32' as const, shape: ['N', 1] });
  return {
    name: 'dense',
    inputs: [value('x')],
    outputs: sizes.map((_, p) => value(`y${p}`)),
    nodes: sizes.map((_, p) => ({
      ...{ name: `n${p}`, op: 'MatMul', domain: '', attributes: {} },
      ...{ inputs: ['x', `w${p}`], outputs: [`y${p}`] },
    })),
    initializers: new Map(sizes.map((n, p) => [`w${p}`, floatTensor([1, n], new Float32Array(n))])),
    declared: new Map(),
    source: {
      ...{ irVersion: 8, opsets: { '': 17 }, producerName: '', producerVersion: '', domain: '' },
      ...{ modelVersion: 0, doc: '', metadata: {} },
    },
  };
}
