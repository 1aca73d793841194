import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { random, uniform } from '../../base/index.js';
import { floorsHold } from '../find/floors.js';
import { removedFirst } from '../judge/importance.js';
import { allowedCounts, countsAfter, removalOrder, type Scope, selectionAfter } from './order.js';
import { selectAbove, selectDensities, selectDensity, selectMarked } from './select.js';
import { anyChannels, digits, groupsOf, keptOf, scoresOf } from './selection.test.fixture.js';

const two = groupsOf({ a: 4, b: 2 });
const scores = scoresOf({ a: [3, 1, 4, 1], b: [2, 9] });

test('units go by importance over all groups, among equals the last first', () => {
  const order = removalOrder(two, scores).map(({ group, units }) => `${group}${units}`);
  assert.deepEqual(order, ['a3', 'a1', 'b0', 'a0']);
  assert.deepEqual(digits(selectDensity(two, scores, 0.5)), { a: '1010', b: '01' });
});

test('groups that all matter alike shrink alike', () => {
  const channels = groupsOf({ a: 8, b: 4 });
  const importance = scoresOf({ a: Array(8).fill(1), b: Array(4).fill(1) });
  assert.deepEqual(digits(selectDensity(channels, importance, 0.5)), { a: '11110000', b: '1100' });
});

test('by group, every group has the density', () => {
  assert.deepEqual(digits(selectDensity(two, scores, 0.5, { scope: 'group' })), { a: '1010', b: '01' });
  assert.deepEqual(digits(selectDensities(two, scores, new Map([['a', 0.75]]))), { a: '1110' });
  assert.deepEqual(digits(selectDensities(two, scores, 0.01)), { a: '0010', b: '01' });
  assert.throws(() => selectDensities(two, scores, new Map([['c', 0.75]])), /no group of channels 'c'/);
});

test('groups without importance stay whole', () => {
  const only = scoresOf({ b: [2, 9] });
  assert.deepEqual(digits(selectDensity(two, only, 0.8)), { b: '01' });
});

test('prices turn importance into importance for what is saved', () => {
  const order = removalOrder(two, scores, { prices: new Map([['b', 10]]) });
  assert.equal(order[0].group, 'b');
});

test('rounding keeps multiples, or all; less than a block in quarters of it', () => {
  assert.deepEqual(allowedCounts(20, 8), [20, 16, 8, 6, 4, 2, 0]);
  assert.deepEqual(allowedCounts(7, 16), [7, 4, 0]);
  assert.deepEqual(allowedCounts(3, 16), [3, 2, 1, 0]);
  assert.deepEqual(allowedCounts(3), [3, 2, 1, 0]);
  assert.deepEqual(allowedCounts(20, 8, false), [20, 16, 8, 0], 'not alone on its axis: all may go');
  const channels = groupsOf({ a: 40, b: 3 });
  const importance = scoresOf({ a: Array.from({ length: 40 }, (_, i) => i), b: [5, 6, 7] });
  const kept = (density: number) => {
    const chosen = selectDensities(channels, importance, density, { roundTo: 16 });
    return ['a', 'b'].map((name) => chosen.get(name)?.filter((is) => is).length ?? 'all');
  };
  assert.deepEqual(kept(0.5), [16, 2]);
  assert.deepEqual(kept(0.6), [32, 2], '24 is as near to 16 as to 32');
  assert.deepEqual(kept(0.2), [8, 1]);
  assert.deepEqual(kept(0.95), ['all', 'all']);
});

test('units several channels wide fill a block with fewer', () => {
  const kept = (size: number, width: number, roundTo: number) => {
    const channels = groupsOf({ a: size }, undefined, width);
    const order = removalOrder(channels, scoresOf({ a: Array(size).fill(1) }), { roundTo });
    return order.map((_, steps) => size - order.slice(0, steps + 1).flatMap(({ units }) => units).length);
  };
  assert.deepEqual(kept(12, 64, 16), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1], 'heads: every one is whole blocks');
  assert.deepEqual(kept(8, 8, 16), [6, 4, 2, 1], 'groups of eight channels: two are a block');
  assert.deepEqual(kept(8, 3, 4), [4, 3, 2, 1], 'four times three channels are three blocks of four');
});

test('steps of whole blocks come first, whatever matters', () => {
  const channels = groupsOf({ narrow: 4, wide: 12, part: 4 }, [['narrow'], ['wide'], ['narrow', 'part']]);
  const importance = scoresOf({ narrow: [0, 0, 0, 0], wide: Array(12).fill(1), part: [2, 2, 2, 2] });
  const order = removalOrder(channels, importance, { roundTo: 4 });
  assert.deepEqual(
    order.map(({ group, units }) => `${group} ${units.length}`),
    ['wide 4', 'wide 4', 'part 4', ...Array(3).fill('narrow 1'), ...Array(3).fill('wide 1')],
  );
});

test('limits: floors of axes and of groups, and the most that may go', () => {
  const all = (limits: object) => countsAfter(two, removalOrder(two, scores, limits));
  assert.deepEqual(
    [...all({})],
    [
      ['a', 1],
      ['b', 1],
    ],
  );
  assert.deepEqual(
    [...all({ keepAtLeast: 3 })],
    [
      ['a', 3],
      ['b', 2],
    ],
  );
  assert.deepEqual(
    [...all({ maxSparsity: 0.5 })],
    [
      ['a', 2],
      ['b', 1],
    ],
  );
  assert.deepEqual(
    [...all({ maxSparsity: new Map([['a', 0]]) })],
    [
      ['a', 4],
      ['b', 1],
    ],
  );
  assert.deepEqual(
    [
      ...all({
        keep: new Map([
          ['a', 3],
          ['b', 9],
        ]),
      }),
    ],
    [
      ['a', 3],
      ['b', 2],
    ],
  );
});

test('an axis that several groups make up keeps one unit of them', () => {
  const shared = groupsOf({ a: 4, b: 2 }, [['a', 'b']]);
  assert.deepEqual(digits(selectAbove(shared, scores, 8)), { a: '0000', b: '01' });
  assert.deepEqual(digits(selectAbove(groupsOf({ a: 4, b: 2 }), scores, 8)), { a: '0010', b: '01' });
});

test('a floor of several units holds on every axis of a weight', () => {
  const member = (tensor: string, units: number, from = 0) => ({
    tensor,
    axis: 0,
    role: 'out' as const,
    positions: Array.from({ length: units }, (_, unit) => [from + unit]),
  });
  const channels = {
    groups: [
      { name: 'a', size: 2, members: [member('own', 2), member('shared', 2)] },
      { name: 'b', size: 6, members: [member('shared', 6, 2)] },
    ],
    frozen: [],
    floors: [['a']],
  };
  const importance = scoresOf({ a: [1, 1], b: [1, 1, 1, 1, 1, 1] });
  const left = (keepAtLeast: number) => [
    ...countsAfter(channels, removalOrder(channels, importance, { keepAtLeast })).values(),
  ];
  assert.deepEqual(left(1), [1, 0]);
  assert.deepEqual(left(4), [2, 2]);
});

test('limits that make no sense are refused', () => {
  const refuses = (limits: object, sentence: RegExp) =>
    assert.throws(() => removalOrder(two, scores, limits), sentence);
  refuses({ roundTo: 0 }, /multiples of a whole number from 1 up, not of 0/);
  refuses({ keepAtLeast: 1.5 }, /must be a whole number above 0, not 1.5/);
  refuses({ maxSparsity: 2 }, /between 0 and 1, not be 2/);
  refuses({ maxSparsity: new Map([['c', 0.5]]) }, /no group of channels 'c'/);
  refuses({ keep: new Map([['a', -1]]) }, /'a' must keep a whole number/);
  assert.throws(() => selectDensity(two, scores, 0), /density must be a number above 0/);
});

test('a density that floors forbid is refused with what can be met', () => {
  assert.throws(
    () => selectDensity(two, scores, 0.1),
    /A density of 0.1 is out of reach: of 6 units 5 would have to go, but only 4 can; ask for at least 0.3334/,
  );
  assert.equal(keptOf(two, selectDensity(two, scores, 0.3334)), 3);
});

test('a threshold keeps what is above it, and of a group the greatest, the first of equals', () => {
  assert.deepEqual(digits(selectAbove(two, scores, 1)), { a: '1010' });
  assert.deepEqual(digits(selectAbove(two, scores, 100)), { a: '0010', b: '01' });
  const equal = scoresOf({ a: [0, 0, 0, 0], b: [0, 0] });
  assert.deepEqual(digits(selectAbove(two, equal, 0.01)), { a: '1000', b: '10' });
});

test('marks are kept whatever their importance; rounding adds the most important of the others', () => {
  const channels = groupsOf({ a: 8 });
  const importance = scoresOf({ a: [9, 1, 8, 2, 7, 3, 6, 4] });
  const marks = new Map([['a', [false, true, false, false, false, false, false, false]]]);
  assert.deepEqual(digits(selectMarked(channels, importance, marks)), { a: '01000000' });
  assert.deepEqual(digits(selectMarked(channels, importance, marks, { roundTo: 12 })), { a: '11100000' });
});

const scope = fc.constantFrom<Scope>('global', 'group');
const roundTo = fc.constantFrom(1, 2, 4, 8, 16);

test('every beginning of an order holds floors and roundings, and contains the shorter', () => {
  fc.assert(
    fc.property(anyChannels, scope, roundTo, ({ channels, importance }, scope, roundTo) => {
      const order = removalOrder(channels, importance, { scope, roundTo });
      let before = keptOf(channels, new Map());
      for (let steps = 1; steps <= order.length; steps++) {
        const selection = selectionAfter(channels, order, steps);
        const kept = keptOf(channels, selection);
        assert.equal(kept, before - order[steps - 1].units.length);
        assert.ok(floorsHold(channels, selection));
        for (const { name, size } of channels.groups) {
          const own = countsAfter(channels, order, steps).get(name)!;
          assert.equal(own, selection.get(name)?.filter((is) => is).length ?? size);
          const quarter = Math.max(1, roundTo >> 2);
          assert.ok(own === size || size < quarter || own % (own < roundTo ? quarter : roundTo) === 0);
        }
        before = kept;
      }
    }),
  );
});

test('units that go never matter more than those of their group that stay', () => {
  fc.assert(
    fc.property(anyChannels, scope, roundTo, ({ channels, importance }, scope, roundTo) => {
      const order = removalOrder(channels, importance, { scope, roundTo });
      for (let steps = 0; steps <= order.length; steps += 3)
        for (const [name, kept] of selectionAfter(channels, order, steps)) {
          const of = importance.get(name)!;
          const least = Math.min(...of.filter((_, unit) => kept[unit]));
          assert.ok(kept.every((is, unit) => is || of[unit] <= least));
        }
    }),
  );
});

test('counts are exact, and a smaller density never keeps a unit that a larger one lets go', () => {
  const density = fc.double({ min: 0.05, max: 1, noNaN: true });
  fc.assert(
    fc.property(anyChannels, density, density, ({ channels, importance }, x, y) => {
      const [low, high] = [Math.min(x, y), Math.max(x, y)];
      const units = keptOf(channels, new Map());
      const at = (density: number) => {
        try {
          return selectDensity(channels, importance, density);
        } catch (error) {
          assert.match((error as Error).message, /out of reach/);
          return undefined;
        }
      };
      const [thin, dense] = [at(low), at(high)];
      if (dense) assert.equal(keptOf(channels, dense), units - Math.floor(units * (1 - high) + 1e-6));
      if (thin && dense)
        for (const [name, kept] of dense) assert.ok(thin.get(name)!.every((is, unit) => kept[unit] || !is));
    }),
  );
});

test('what was selected, given as marks, is selected again', () => {
  fc.assert(
    fc.property(anyChannels, scope, roundTo, ({ channels, importance }, scope, roundTo) => {
      const order = removalOrder(channels, importance, { scope, roundTo });
      const selection = selectionAfter(channels, order, order.length >> 1);
      assert.deepEqual(
        new Map(selectMarked(channels, importance, selection, { roundTo })),
        new Map(selection),
      );
    }),
  );
});

test('pruned in rounds, whatever importance becomes, units that are gone stay gone', () => {
  fc.assert(
    fc.property(anyChannels, scope, fc.integer(), ({ channels, importance }, scope, seed) => {
      const first = removalOrder(channels, importance, { scope });
      const before = selectionAfter(channels, first, first.length >> 1);
      const stream = random(seed);
      const later = new Map([...importance].map(([name, of]) => [name, of.map(() => uniform(stream))]));
      const order = removalOrder(channels, removedFirst(later, before), { scope: 'global' });
      const after = selectionAfter(channels, order, first.length >> 1);
      assert.deepEqual(new Map(after), new Map(before));
    }),
  );
});
