import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fggp, gmp } from './index.js';
import { alone, network, train } from './layer.test.fixture.js';
import { countNonZero } from './masks.js';
import { granet } from './methods/granet.js';
import { set } from './methods/set.js';
import { densityAt } from './schedule.js';
import type { Method, Prunable } from './types.js';

const iterations = 100;

async function begin(method: Method, options: object, layers = network()) {
  const plan = method.plan({ layers, iterations, seed: 1 }, { ...options });
  return { plan, layers, start: await method.start(plan, layers, alone()) };
}

const pruned = (layers: readonly Prunable[]) =>
  layers.reduce((sum, { mask }) => sum + mask.length - countNonZero(mask), 0);

const masks = (layers: readonly Prunable[]) => layers.map(({ mask }) => [...mask]);

const settings: [Method, object][] = [
  [gmp, { sparsity: 0.95 }],
  [gmp, { sparsity: 0.9, scope: 'layer' }],
  [gmp, { sparsity: 0.9, scope: 'layer', allocation: 'erk', interval: 7 }],
  [gmp, { sparsity: 0.9, score: 'random' }],
  [fggp, { sparsity: 0.9, interval: 7 }],
  [fggp, { sparsity: 0.9, pruningSchedule: 'exponential' }],
  [fggp, { sparsity: 0.9, first: 'magnitude', score: 'gradient' }],
  [fggp, { sparsity: 0.9, startDensity: 0.5 }],
  [fggp, { sparsity: 0.85, scope: 'layer', countBiases: true, startDensity: 0.5 }],
];

for (const [method, options] of settings)
  test(`${method.name} ${JSON.stringify(options)}: on schedule, monotone, exact, and still afterwards`, async () => {
    const { plan, layers } = await begin(method, options);
    const { sparsity, startDensity, pruningSchedule, countBiases, spareFirst } = {
      ...method.defaults,
      ...options,
    } as {
      sparsity: number;
      startDensity: number;
      pruningSchedule: 'cubic';
      countBiases: boolean;
      spareFirst: boolean;
    };
    const counted = 2536 + (countBiases ? 42 : 0);
    let before = masks(layers);
    const reports = train(method, plan, layers, {
      to: iterations,
      each(t) {
        const after = masks(layers);
        if (!plan.updates.includes(t)) assert.deepEqual(after, before);
        else {
          const wanted =
            counted * (1 - densityAt(pruningSchedule, { from: startDensity, to: 1 - sparsity }, t, 80));
          assert.ok(
            Math.abs(pruned(layers) - wanted) <= 1,
            `${pruned(layers)} pruned at ${t}, not ${wanted}`,
          );
        }
        after.forEach((mask, l) => {
          for (const [i, kept] of mask.entries()) {
            assert.ok(kept <= before[l][i]);
            if (kept === 0) assert.ok(layers[l].weight[i] === 0 && layers[l].momentum[0][i] === 0);
          }
        });
        before = after;
      },
    });
    assert.equal(pruned(layers), Math.floor(counted * sparsity + 1e-6));
    assert.equal(pruned(layers), plan.pruned);
    assert.deepEqual(
      reports.map(({ iteration }) => iteration),
      plan.updates,
    );
    assert.equal(plan.updates.at(-1), 80);
    assert.deepEqual(
      reports.map(({ final }) => final),
      reports.map((_, r) => r === reports.length - 1),
    );
    if (spareFirst) assert.equal(countNonZero(layers[0].mask), 72);
  });

test('at a select ratio of 1 FGGP is GMP, through the whole run', async () => {
  const a = await begin(fggp, { sparsity: 0.85, selectRatio: 1 });
  const b = await begin(gmp, { sparsity: 0.85, spareFirst: true });
  const c = await begin(fggp, { sparsity: 0.85, selectRatio: 0.5 });
  train(fggp, a.plan, a.layers, { to: iterations });
  train(gmp, b.plan, b.layers, { to: iterations });
  train(fggp, c.plan, c.layers, { to: iterations });
  assert.deepEqual(
    a.layers.map(({ weight }) => weight),
    b.layers.map(({ weight }) => weight),
  );
  assert.notDeepEqual(masks(a.layers), masks(c.layers));
});

test('the gradient is asked for at the updates that read it only', async () => {
  const { plan } = await begin(fggp, { sparsity: 0.5, interval: 30 });
  const asked = Array.from({ length: 101 }, (_, t) => t).filter((t) => fggp.needsGradient(plan, t));
  assert.deepEqual(asked, [30, 60, 80]);
  const { plan: magnitude } = await begin(gmp, { sparsity: 0.5, interval: 30 });
  assert.ok(!gmp.needsGradient(magnitude, 30));
});

test('the gradient of pruned weights is asked for where weights come back', async () => {
  const asked = async (method: Method, options: object) => {
    const { plan } = await begin(method, { sparsity: 0.5, interval: 30, ...options });
    const times = Array.from({ length: 101 }, (_, t) => t);
    return { plan, at: times.filter((t) => method.needsPrunedGradient!(plan, t)) };
  };
  assert.deepEqual((await asked(fggp, { averageGradient: 0.5 })).at, []);
  for (const method of [granet, set]) {
    const { plan, at } = await asked(method, {});
    assert.deepEqual(
      at,
      plan.updates.filter((t) => t > 0),
    );
  }
});

test("a sparse start has exactly the count asked for, the ERK densities, and the seed's own masks", async () => {
  const { layers, start } = await begin(fggp, { sparsity: 0.9, startDensity: 0.5 });
  assert.equal(pruned(layers), 1268);
  assert.equal(start.dropped, 1268);
  const densities = start.layers.map(({ density }) => density);
  assert.deepEqual([densities[0], densities[1]], [1, densities[2]]);
  assert.ok(densities[3] > densities[1]);
  for (const { weight, mask } of layers)
    weight.forEach((w, i) => {
      assert.equal(w === 0, mask[i] === 0);
    });
  assert.deepEqual(masks((await begin(fggp, { sparsity: 0.9, startDensity: 0.5 })).layers), masks(layers));
});

test('zeros that were there stay pruned and count; the schedule begins where they are', async () => {
  const layers = network();
  for (const { weight } of layers) for (let i = 0; i < weight.length; i += 2) weight[i] = 0;
  const { plan, start } = await begin(gmp, { sparsity: 0.9, interval: 40 }, layers);
  assert.equal(start.sparsity, 0.5);
  const reports = train(gmp, plan, layers, { to: iterations });
  assert.ok(Math.abs(reports[0].kept - 2536 * (0.1 + 0.4 / 8)) <= 1);
  assert.equal(reports[1].kept, 2536 - 2282);
  for (const { weight } of layers) for (let i = 0; i < weight.length; i += 2) assert.equal(weight[i], 0);
});

test('a run resumed from weights, momenta, masks and the saved plan goes on as it was', async () => {
  const whole = await begin(fggp, { sparsity: 0.9, score: 'random' });
  const killed = await begin(fggp, { sparsity: 0.9, score: 'random' });
  train(fggp, whole.plan, whole.layers, { to: iterations });
  train(fggp, killed.plan, killed.layers, { to: 37 });
  const plan = JSON.parse(JSON.stringify(killed.plan));
  const layers = structuredClone(killed.layers);
  train(fggp, plan, layers, { from: 38, to: iterations });
  assert.deepEqual(layers, whole.layers);
});

test('an update that would empty a layer leaves it one weight and says so; unless it is allowed', async () => {
  const small = () => {
    const layers = network();
    layers[3].weight.fill(1e-6);
    return layers;
  };
  const { plan, layers } = await begin(gmp, { sparsity: 0.9, pruningSchedule: 'one-shot' }, small());
  layers[3].weight[77] = -2e-6;
  const report = gmp.update(plan, layers, 1, alone())!;
  assert.deepEqual(report.held, ['fc']);
  assert.equal(report.kept, 2536 - 2282);
  assert.deepEqual(
    [...layers[3].mask.keys()].filter((i) => layers[3].mask[i] !== 0),
    [77],
  );
  const allowed = await begin(gmp, { sparsity: 0.9, pruningSchedule: 'one-shot', allowEmpty: true }, small());
  const emptied = gmp.update(allowed.plan, allowed.layers, 1, alone())!;
  assert.equal(emptied.layers[3].kept, 0);
  assert.equal(emptied.held, undefined);
});
