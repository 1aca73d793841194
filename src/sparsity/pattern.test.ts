import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { exchange } from './growth.js';
import { alone, layer, network, train } from './layer.test.fixture.js';
import { applyMasks, countNonZero } from './masks.js';
import { findMethod } from './methods/index.js';
import { patternOf, patternSetting, tilesOf } from './pattern.js';
import type { Prunable } from './types.js';

const tilesIn = (of: Prunable, name: string): number[][] => {
  const pattern = patternOf(name)!;
  const size = pattern.rows * pattern.columns;
  const all = [...tilesOf(of, pattern)];
  return Array.from({ length: all.length / size }, (_, t) => all.slice(t * size, (t + 1) * size));
};

const keptIn = ({ mask }: Prunable, tile: readonly number[]): number =>
  tile.filter((i) => mask[i] !== 0).length;

test('patterns that make sense are read, others refused', () => {
  for (const name of ['unstructured', '2:4', '1:2', '4:8', 'block:1x4', 'block:4x1', 'block:2x2'])
    assert.ok(patternSetting.ok(name), name);
  for (const name of ['4:2', '2:2', '0:4', '2:', 'block:1x1', 'block:0x4', 'block:4', '2:65', 'rows', '', 3])
    assert.ok(!patternSetting.ok(name), `${name}`);
  assert.deepEqual(patternOf('2:4'), { keep: 2, rows: 1, columns: 4 });
  assert.equal(patternOf('unstructured'), undefined);
});

test('tiles share out the weights of a layer, neighbours along the inputs at one position of the kernel', () => {
  const layers = [
    layer('conv', [4, 8, 3, 2]),
    layer('turned', [8, 4], { outputAxis: 1 }),
    layer('transposed', [8, 4, 3], { outputAxis: 1, inputAxis: 0 }),
    layer('recurrent', [1, 4, 8], { outputAxis: 1, inputAxis: 2 }),
  ];
  for (const of of layers)
    for (const name of ['2:4', 'block:1x4', 'block:2x2', 'block:4x8']) {
      const tiles = tilesIn(of, name);
      assert.deepEqual(
        tiles.flat().sort((a, b) => a - b),
        [...of.weight.keys()],
        `${of.name} ${name}`,
      );
    }
  assert.deepEqual(tilesIn(layers[0], '2:4').slice(0, 2), [
    [0, 6, 12, 18],
    [1, 7, 13, 19],
  ]);
  assert.deepEqual(tilesIn(layers[1], '2:4')[0], [0, 4, 8, 12]);
  assert.deepEqual(tilesIn(layers[2], 'block:2x2')[0], [0, 12, 3, 15]);
  assert.deepEqual(tilesIn(layers[3], '2:4')[0], [0, 1, 2, 3]);
});

const trained = ['gmp', 'fggp', 'granet', 'rigl', 'set', 'magnitude', 'random'];

async function run(method: string, options: Record<string, unknown>, layers = network()) {
  const one = findMethod(method);
  const plan = one.plan({ layers, iterations: 40, seed: 5 }, options);
  const begun = await one.start(plan, layers, alone());
  return { plan, layers, one, begun };
}

for (const method of trained)
  test(`${method} ends with exactly 2 of 4, never below, and counts them`, async () => {
    const { plan, layers, one, begun } = await run(method, { pattern: '2:4' });
    const reports = train(one, plan, layers, {
      to: 40,
      each() {
        for (const of of layers.slice(1))
          for (const tile of tilesIn(of, '2:4')) assert.ok(keptIn(of, tile) >= 2);
      },
    });
    const last = reports.at(-1) ?? begun;
    assert.ok(last.final);
    assert.equal(last.kept, 72 + (1152 + 1152 + 160) / 2);
    assert.equal(plan.pruned, (1152 + 1152 + 160) / 2);
    assert.equal(countNonZero(layers[0].mask), 72);
    assert.match(plan.layers[0].spared ?? '', /1 inputs are no multiple of 4|spareFirst/);
    for (const of of layers.slice(1))
      for (const tile of tilesIn(of, '2:4')) assert.equal(keptIn(of, tile), 2);
  });

for (const method of trained)
  test(`${method} takes blocks as wholes, as many as the target asks for`, async () => {
    const { plan, layers, one, begun } = await run(method, { pattern: 'block:2x4', sparsity: 0.7 });
    const blocky = () => {
      for (const of of layers.slice(1))
        for (const tile of tilesIn(of, 'block:2x4')) assert.ok([0, 8].includes(keptIn(of, tile)));
    };
    const reports = train(one, plan, layers, { to: 40, each: blocky });
    blocky();
    const { kept, size } = reports.at(-1) ?? begun;
    const pruned = size - kept;
    assert.equal(pruned, Math.ceil((2536 * 0.7) / 8 - 1e-9) * 8);
    assert.equal(plan.pruned, pruned);
    assert.equal(countNonZero(layers[0].mask), 72);
  });

test('of every tile those of least score go, and of all blocks those of least sum', async () => {
  const of = async (options: Record<string, unknown>) =>
    (await run('magnitude', options, network().slice(1))).layers;
  const before = network().slice(1);
  for (const [l, { mask }] of (await of({ pattern: '1:4' })).entries())
    for (const tile of tilesIn(before[l], '1:4')) {
      const size = (i: number) => Math.abs(before[l].weight[i]);
      const stays = tile.filter((i) => mask[i] !== 0);
      assert.equal(stays.length, 1);
      assert.equal(size(stays[0]), Math.max(...tile.map(size)));
    }
  const sums = { gone: [] as number[], kept: [] as number[] };
  for (const [l, { mask }] of (await of({ pattern: 'block:1x4', sparsity: 0.6 })).entries())
    for (const tile of tilesIn(before[l], 'block:1x4')) {
      const sum = tile.reduce((total, i) => total + Math.abs(before[l].weight[i]), 0);
      sums[mask[tile[0]] === 0 ? 'gone' : 'kept'].push(sum);
    }
  assert.ok(Math.max(...sums.gone) <= Math.min(...sums.kept) + 1e-6);
  assert.equal(sums.gone.length, Math.ceil((2464 * 0.6) / 4));
});

test('zeros of the model stay zeros in any pattern, and no tile has to grow', async () => {
  const weights = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: -3, max: 3 })), {
    minLength: 32,
    maxLength: 32,
  });
  await fc.assert(
    fc.asyncProperty(weights, fc.constantFrom('2:4', '1:4', '3:8'), async (values, pattern) => {
      fc.pre(values.some((w) => w !== 0));
      const of = layer('w', [4, 8], { weight: Float32Array.from(values) });
      const { plan, layers } = await run('magnitude', { pattern }, [of]);
      const keep = Number(pattern[0]);
      for (const tile of tilesIn(of, pattern)) {
        const there = tile.filter((i) => values[i] !== 0).length;
        assert.equal(keptIn(layers[0], tile), Math.min(keep, there));
      }
      assert.equal(countNonZero(layers[0].mask), 32 - plan.pruned);
    }),
  );
});

for (const pattern of ['2:4', 'block:1x4'])
  test(`an exchange in the pattern ${pattern} keeps it and the count`, () => {
    const of = layer('w', [8, 16]);
    for (const [t, tile] of tilesIn(of, pattern).entries())
      for (const [i, at] of tile.entries()) of.mask[at] = pattern === '2:4' ? i % 2 : t % 2;
    applyMasks([of]);
    const before = of.mask.slice();
    const how = { fraction: 0.5, score: 'magnitude', growth: 'gradient', seed: 1, iteration: 1 } as const;
    exchange(of, { ...how, pattern: patternOf(pattern) });
    assert.notDeepEqual(of.mask, before);
    assert.equal(countNonZero(of.mask), 64);
    const wanted = pattern === '2:4' ? [2] : [0, 4];
    for (const tile of tilesIn(of, pattern)) assert.ok(wanted.includes(keptIn(of, tile)));
    // Half of the 64 that are kept go at the most, and as many come.
    assert.ok(of.mask.filter((m, i) => m !== before[i]).length <= 64);
  });

test('what makes no sense is refused', () => {
  const refuses = (options: Record<string, unknown>, message: RegExp, layers = network()) =>
    assert.throws(() => findMethod('gmp').plan({ layers, iterations: 40, seed: 5 }, options), message);
  refuses(
    { pattern: '2:4', sparsity: 0.5 },
    /The pattern 2:4 says how many weights stay: leave sparsity out/,
  );
  refuses({ pattern: 'block:1x4' }, /needs a target sparsity/);
  refuses({ pattern: '4:2', sparsity: 0.5 }, /setting pattern must be unstructured, N:M with N below M/);
  refuses(
    { pattern: '2:4' },
    /nothing to prune in the pattern 2:4: of odd, its 3 inputs are no multiple of 4/,
    [layer('odd', [4, 3, 3, 3])],
  );
});
