import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random } from '../base/index.js';
import { layer } from './layer.test.fixture.js';
import { countNonZero } from './masks.js';
import { type Criterion, choose, readsGradient, scores } from './score.js';
import type { Prunable } from './types.js';

const weights = [0.9, -0.05, 0.4, 0.02, -0.7, 0.3, 0.01, -0.6];
const gradients = [0.5, 0.9, 0.01, 0.8, 0.02, 0.03, 0.7, 0.04];
const whole = (weight = weights, gradient = gradients): Prunable[] => [
  layer('w', [weight.length], { weight: Float32Array.from(weight), gradient: Float32Array.from(gradient) }),
];

function dropped(layers: Prunable[], criterion: Criterion, drop: number, pool: number): number[] {
  const { marks } = choose(layers, criterion, { drop, pool, seed: 1, iteration: 1 });
  return marks.flatMap((m) => [...m]).flatMap((x, i) => (x ? [i] : []));
}

const fggp: Criterion = { first: 'gradient', score: 'magnitude' };

test('gradient first, magnitude next: the worked example', () => {
  assert.deepEqual(dropped(whole(), fggp, 2, 4), [2, 5]);
  assert.deepEqual(dropped(whole(), fggp, 2, 8), [3, 6]);
  assert.deepEqual(dropped(whole(), fggp, 2, 2), [2, 4]);
});

test('magnitude first, gradient next: the control', () => {
  assert.deepEqual(dropped(whole(), { first: 'magnitude', score: 'gradient' }, 2, 4), [5, 6]);
});

test('one step: magnitude, gradient, their product', () => {
  assert.deepEqual(dropped(whole(), { score: 'magnitude' }, 2, 0), [3, 6]);
  assert.deepEqual(dropped(whole(), { score: 'gradient' }, 2, 0), [2, 4]);
  assert.deepEqual(dropped(whole(), { score: 'magnitude-times-gradient' }, 2, 0), [2, 6]);
});

test('random depends on the seed, the iteration and the layer, and on nothing else', () => {
  const draw = (seed: number, iteration: number) =>
    choose(
      [layer('a', [100]), layer('b', [100])],
      { score: 'random' },
      { drop: 100, pool: 0, seed, iteration },
    ).marks;
  assert.deepEqual(draw(1, 5), draw(1, 5));
  assert.notDeepEqual(draw(1, 5), draw(2, 5));
  assert.notDeepEqual(draw(1, 5), draw(1, 6));
  assert.notDeepEqual(draw(1, 5)[0], draw(1, 5)[1]);
});

test('a score that is not a number blames training only where there was any', () => {
  const layers = whole(weights, [...gradients.slice(1), Number.NaN]);
  const how = { drop: 2, pool: 0, seed: 1 };
  const by = { score: 'gradient' } as const;
  assert.throws(
    () => choose(layers, by, { ...how, iteration: 7 }),
    /: training has diverged; lower the learning rate/,
  );
  assert.throws(
    () => choose(layers, by, { ...how, iteration: 0 }),
    /^UserError: The pruning score of w is not a number \(element 7\): the model's answers or their gradients are not finite/,
  );
});

test('only criteria that look at the gradient ask for it', () => {
  assert.ok(readsGradient(fggp));
  assert.ok(readsGradient({ score: 'magnitude-times-gradient' }));
  assert.ok(!readsGradient({ score: 'magnitude' }) && !readsGradient({ score: 'random' }));
});

test('magnitudes and gradients are ranked where they lie', () => {
  const [w] = whole();
  assert.equal(scores.magnitude.of(w, random(0)), w.weight);
  assert.equal(scores.gradient.of(w, random(0)), w.gradient);
});

const row = fc.tuple(
  fc.constantFrom(0, 0.5, -0.5, 1).chain((w) => fc.oneof(fc.constant(w), fc.float({ noNaN: true }))),
  fc.oneof(fc.constantFrom(0, 0.5, -0.5), fc.float({ noNaN: true })),
  fc.constantFrom(0, 1, 1, 1),
);
const cut = fc.record({
  rows: fc.array(row, { minLength: 1, maxLength: 60 }),
  split: fc.nat(60),
  a: fc.double({ min: 0, max: 1, noNaN: true }),
  b: fc.double({ min: 0, max: 1, noNaN: true }),
});

test('what goes satisfies both conditions, and the two limits are the one-step criteria', () => {
  fc.assert(
    fc.property(cut, ({ rows, split, a, b }) => {
      const part = (name: string, from: readonly (typeof rows)[number][]) =>
        layer(name, [from.length], {
          weight: Float32Array.from(from, ([w]) => w),
          gradient: Float32Array.from(from, ([, g]) => g),
          mask: Uint8Array.from(from, ([, , m]) => m),
        });
      const layers = [part('a', rows.slice(0, split)), part('b', rows.slice(split))];
      const active = rows.flatMap(([, , m], i) => (m ? [i] : []));
      const pool = Math.round(a * active.length);
      const drop = Math.round(b * pool);

      const gone = dropped(layers, fggp, drop, pool);
      assert.equal(gone.length, drop);
      const inPool = new Set(dropped(layers, { score: 'gradient' }, pool, 0));
      const size = (i: number, axis: 0 | 1) => Math.abs(Math.fround(rows[i][axis]));
      for (const i of gone) {
        assert.ok(inPool.has(i) && rows[i][2] === 1);
        for (const j of active) {
          if (!inPool.has(j)) assert.ok(size(i, 1) <= size(j, 1));
          else if (!gone.includes(j)) assert.ok(size(i, 0) <= size(j, 0));
        }
      }
      assert.deepEqual(
        dropped(layers, fggp, drop, active.length),
        dropped(layers, { score: 'magnitude' }, drop, 0),
      );
      assert.deepEqual(dropped(layers, fggp, drop, drop), dropped(layers, { score: 'gradient' }, drop, 0));
    }),
    { numRuns: 400 },
  );
});

const values = (numbers: readonly number[]) => Float32Array.from(numbers);

test('a layer that the ranking would empty keeps the weight that would go last, and the next in the ranking goes', () => {
  const layers = [
    layer('body', [5], { weight: values([5, 1, 4, 2, 3]) }),
    layer('head', [3], { weight: values([0.1, -0.3, 0.3]) }),
  ];
  const how = { drop: 5, pool: 0, seed: 1, iteration: 1 };
  const alone = choose(layers, { score: 'magnitude' }, how);
  assert.deepEqual(
    alone.marks.map((marks) => [...marks]),
    [
      [0, 1, 0, 1, 0],
      [1, 1, 1],
    ],
  );
  assert.deepEqual(alone.held, []);
  const floored = choose(layers, { score: 'magnitude' }, { ...how, floor: true });
  assert.deepEqual(
    floored.marks.map((marks) => [...marks]),
    [
      [0, 1, 0, 1, 1],
      [1, 1, 0],
    ],
  );
  assert.deepEqual(floored.held, ['head']);
});

test('what one layer is given may empty the next, which then keeps a weight too', () => {
  const layers = [
    layer('a', [1], { weight: values([1]) }),
    layer('b', [1], { weight: values([2]) }),
    layer('c', [3], { weight: values([3, 4, 5]) }),
  ];
  const { marks, held } = choose(
    layers,
    { score: 'magnitude' },
    { drop: 2, pool: 0, seed: 1, iteration: 1, floor: true },
  );
  assert.deepEqual(
    marks.map((row) => [...row]),
    [[0], [0], [1, 1, 0]],
  );
  assert.deepEqual(held, ['a', 'b']);
});

test('a pool that holds too few beside what a layer keeps is widened by as many', () => {
  const layers = [
    layer('a', [2], { weight: values([1, 2]), gradient: values([0.1, 0.2]) }),
    layer('b', [3], { weight: values([3, 4, 5]), gradient: values([0.5, 0.4, 0.3]) }),
  ];
  const { marks, held } = choose(layers, fggp, { drop: 2, pool: 2, seed: 1, iteration: 1, floor: true });
  assert.deepEqual(
    marks.map((row) => [...row]),
    [
      [1, 0],
      [0, 0, 1],
    ],
  );
  assert.deepEqual(held, ['a']);
});

test('with a floor as many go, no layer is emptied, and where none would be nothing is different', () => {
  const network = fc.array(fc.array(row, { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 6 });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(network, share, share, fc.boolean(), (rows, a, b, narrowed) => {
      const layers = rows.map((from, l) =>
        layer(`l${l}`, [from.length], {
          weight: Float32Array.from(from, ([w]) => w),
          gradient: Float32Array.from(from, ([, g]) => g),
          mask: Uint8Array.from(from, ([, , m]) => m),
        }),
      );
      const kept = layers.map(({ mask }) => countNonZero(mask));
      const active = kept.reduce((sum, n) => sum + n, 0);
      const drop = Math.floor(a * (active - kept.filter((n) => n > 0).length));
      const pool = drop + Math.floor(b * (active - drop));
      const criterion: Criterion = narrowed ? fggp : { score: 'magnitude' };
      const how = { drop, pool, seed: 1, iteration: 1 };
      const alone = choose(layers, criterion, how);
      const { marks, held } = choose(layers, criterion, { ...how, floor: true });
      const gone = marks.map(countNonZero);
      assert.equal(
        gone.reduce((sum, n) => sum + n, 0),
        drop,
      );
      for (const [l, n] of gone.entries()) assert.ok(kept[l] === 0 || n < kept[l]);
      const emptied = alone.marks.some((row, l) => kept[l] > 0 && countNonZero(row) === kept[l]);
      assert.equal(held.length > 0, emptied);
      if (!emptied) assert.deepEqual(marks, alone.marks);
    }),
    { numRuns: 500 },
  );
});
