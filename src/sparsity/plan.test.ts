import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fggp, findMethod, gmp } from './index.js';
import { layer, network } from './layer.test.fixture.js';
import { magnitude } from './methods/magnitude.js';
import { type GradualPlan, passedAt, poolSize } from './plan.js';
import type { Method, Prunable } from './types.js';

const plan = (method: Method, options: object, layers: Prunable[] = network(), iterations = 100) =>
  method.plan({ layers, iterations, seed: 1 }, { ...options });

const refuses = (message: string | RegExp, ...args: Parameters<typeof plan>) =>
  assert.throws(() => plan(...args), { name: 'UserError', message });

test('a plan survives JSON and says what it counts, what it spares and why', () => {
  const made = plan(fggp, { sparsity: 0.9, startDensity: 0.5, spare: ['fc'] });
  assert.deepEqual(JSON.parse(JSON.stringify(made)), made);
  assert.equal(made.counted, 2536);
  assert.equal(made.pruned, 2282);
  assert.deepEqual(
    made.layers.map(({ spared }) => spared),
    ['first convolution (spareFirst)', undefined, undefined, 'named in spare'],
  );
});

test('updates: at multiples of the interval and at the end, 40 by default here', () => {
  assert.deepEqual(plan(gmp, { sparsity: 0.9, interval: 30 }).updates, [30, 60, 80]);
  assert.equal(plan(gmp, { sparsity: 0.9 }).updates.length, 40);
  assert.deepEqual(plan(gmp, { sparsity: 0.9, pruningSchedule: 'one-shot' }).updates, [1]);
});

test('biases count in the denominator if asked', () => {
  const made = plan(fggp, { sparsity: 0.9, countBiases: true });
  assert.equal(made.counted, 2536 + 42);
  assert.equal(made.pruned, 2320);
});

test('a select ratio that cannot hold a cut is refused, with the smallest that can; and that one works', () => {
  const tight = { sparsity: 0.9, interval: 20, selectRatio: 0.2 };
  refuses(
    'fggp must prune 1319 weights at iteration 20 (update 1 of 4), but a selectRatio of 0.2 offers it only 507 of 2536: use a selectRatio of at least 0.5572, or a shorter interval.',
    fggp,
    tight,
  );
  plan(fggp, { ...tight, selectRatio: 0.5572 });
  refuses(/0\.5572, or/, fggp, { ...tight, selectRatio: 0.5571 });
  refuses(/must prune \d+ weights of conv2 at iteration 20 /, fggp, { ...tight, scope: 'layer' });
});

test('an annealed pool is what must go and p of the rest, p from γ to γ/100 over the whole run', () => {
  const pool = (passed: number, options: object = {}) =>
    poolSize({ selectRatio: 0.5, selectAnneal: true, ...options }, { passed, drop: 100 }, 900, 100);
  assert.deepEqual(
    [0, 0.4, 0.8, 1].map((passed) => pool(passed)),
    [550, 396, 147, 104],
  );
  assert.equal(pool(0.8, { selectAnneal: false }), 500);
  assert.equal(pool(0, { selectRatio: 1 }), 900, 'never more than can go');
});

test('an annealed run to 98 % leaves the second criterion a choice at every update', () => {
  const layers = [layer('w', [1000, 1000])];
  const options = { sparsity: 0.98, selectAnneal: true };
  const made = plan(fggp, options, layers, 3752) as GradualPlan;
  assert.ok(made.steps.length >= 50);
  let active = 1_000_000;
  for (const step of made.steps) {
    const drop = active - step.kept[0];
    const passed = passedAt(made, step);
    assert.ok(Math.abs(passed - 0.8 * step.progress) < 1e-3);
    assert.ok(poolSize(made.options, { passed, drop }, active, 0) > drop + 0.05 * step.kept[0]);
    active = step.kept[0];
  }
});

test('half of VGG-19 by ERK is the same with the first convolution spared or not: it is dense either way', () => {
  const outs = [64, 64, 128, 128, ...new Array(4).fill(256), ...new Array(8).fill(512)];
  const convs = outs.map((out, i) => [out, outs[i - 1] ?? 3, 3, 3]);
  const layers = [...convs, [10, 512]].map((shape, i) => ({
    ...layer(`layer${i}`, [1]),
    shape,
    weight: new Float32Array(shape.reduce((a, b) => a * b)),
    first: i === 0,
  }));
  const start = (spareFirst: boolean) => {
    const options = { sparsity: 0.9, startDensity: 0.5, spareFirst, keepZeros: false };
    return (plan(fggp, options, layers, 1000) as GradualPlan).start!;
  };
  const [first, ...rest] = start(false);
  assert.equal(first, 3 * 64 * 9);
  assert.deepEqual(start(true), rest);
});

test('the largest share of the remaining weights that an update prunes, in the settings of the paper', () => {
  const layers = [layer('w', [500, 1000])];
  const largestShare = (iterations: number, interval: number, sparsity: number, startDensity: number) => {
    try {
      plan(fggp, { sparsity, interval, startDensity, selectRatio: 1e-6 }, layers, iterations);
    } catch (error) {
      return Number(/at least (0\.\d+)/.exec((error as Error).message)?.[1]);
    }
  };
  const shares = [
    [125_120, 2000, 0.9, 1, 0.064],
    [125_120, 2000, 0.98, 1, 0.109],
    [125_120, 2000, 0.98, 0.5, 0.087],
    [62_560, 2000, 0.9, 1, 0.124],
    [62_560, 2000, 0.98, 1, 0.207],
    [62_560, 2000, 0.98, 0.5, 0.167],
  ];
  for (const [iterations, interval, sparsity, start, share] of shares)
    assert.ok(Math.abs(largestShare(iterations, interval, sparsity, start)! - share) < 1e-3);
});

test('a target out of reach says what can be reached', () => {
  const spareAll = { spare: ['conv2', 'conv3'] };
  refuses(
    'A sparsity of 0.95 is out of reach: of 2536 weights that count only 159 can be pruned; ask for at most 0.062697, or spare less.',
    fggp,
    { sparsity: 0.95, ...spareAll },
  );
  plan(fggp, { sparsity: 0.062697, ...spareAll });
  refuses('The model has no weights that could be pruned; use another model.', gmp, { sparsity: 0.5 }, []);
  refuses(/every layer is spared/, gmp, { sparsity: 0.5, spare: ['conv1', 'conv2', 'conv3', 'fc'] });
  refuses(
    'A sparsity of 0.9999 is out of reach: of 2536 weights that count only 2532 can be pruned; ask for at most 0.998422, or spare less.',
    gmp,
    { sparsity: 0.9999 },
  );
});

test('a layer whose share would be nothing is given a weight, which the others do without', () => {
  const options = { sparsity: 0.998, scope: 'layer', interval: 80 };
  const { steps } = plan(gmp, options) as GradualPlan;
  assert.deepEqual(steps[0].kept, [1, 2, 2, 1]);
  assert.deepEqual(steps[0].held, ['conv1', 'fc']);
  const empty = plan(gmp, { ...options, allowEmpty: true }) as GradualPlan;
  assert.deepEqual(empty.steps[0].kept, [0, 3, 3, 0]);
  assert.equal(empty.steps[0].held, undefined);
});

test('no update before the end', () => {
  refuses(
    "gmp would never prune: its interval of 500 iterations is longer than the 80 (0.8 of the run's 100) it may prune in; use a shorter interval.",
    gmp,
    { sparsity: 0.9, interval: 500 },
  );
  refuses(
    /no iteration to prune at.*train for more epochs, or with a smaller batch/,
    gmp,
    { sparsity: 0.9 },
    network(),
    1,
  );
});

test('options that make no sense, one sentence each', () => {
  refuses('gmp needs a target sparsity, such as 0.95.', gmp, {});
  refuses(/The setting sparsity must be a number above 0 and below 1.* is 95\./, gmp, { sparsity: 95 });
  for (const sparsity of [0, 1, Number.NaN, '0.9', null]) refuses(/setting sparsity/, gmp, { sparsity });
  refuses(/gmp has no setting "selectRatio".*; there are sparsity, pattern, score,/, gmp, {
    sparsity: 0.9,
    selectRatio: 0.5,
  });
  refuses(/setting selectRatio .* above 0 and at most 1, but it is 0/, fggp, {
    sparsity: 0.9,
    selectRatio: 0,
  });
  refuses(/setting pruningSchedule .* cubic, exponential, one-shot, constant, but it is "linear"/, gmp, {
    sparsity: 0.9,
    pruningSchedule: 'linear',
  });
  refuses(/setting interval .* whole number/, gmp, { sparsity: 0.9, interval: 1.5 });
  refuses(/no prunable layer conv9 to spare .did you mean conv1.*; there are conv1,/, gmp, {
    sparsity: 0.9,
    spare: ['conv9'],
  });
  refuses(/start at density 0.05 is already sparser/, gmp, { sparsity: 0.9, startDensity: 0.05 });
  assert.throws(() => findMethod('magic'), {
    name: 'UserError',
    message: /^There is no pruning method magic; there are fggp, gmp, /,
  });
});

test('a model that is already sparse', () => {
  const half = () => {
    const layers = network();
    for (const { weight } of layers) for (let i = 0; i < weight.length; i += 2) weight[i] = 0;
    return layers;
  };
  refuses(/already at sparsity 0\.5, above the target of 0\.4/, gmp, { sparsity: 0.4 }, half());
  assert.ok(plan(gmp, { sparsity: 0.4, keepZeros: false }, half()));
  assert.ok(plan(gmp, { sparsity: 0.5 }, half()));
  const zero = [...network(), layer('zero', [4], { weight: new Float32Array(4) })];
  refuses(/Every weight of zero is zero/, gmp, { sparsity: 0.5 }, zero);
  assert.ok(plan(gmp, { sparsity: 0.5, keepZeros: false }, zero));
  const untrained = plan(magnitude, { sparsity: 0.5 }, zero, 0) as GradualPlan;
  assert.equal(untrained.pruned, 1270);
  assert.deepEqual(untrained.steps[0].kept, [1270]);
});
