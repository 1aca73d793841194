import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Judgement } from '../judge/importance.js';
import { selectAbove } from './select.js';
import { digits, groupsOf, scoresOf } from './selection.test.fixture.js';
import { keepEnergy } from './threshold.js';
import { selectByVote, thresholdsByVote, vote } from './vote.js';

const ballots = (...rows: string[]) => rows.map((row) => [...row].map((digit) => digit === '1'));
const elected = (...rows: string[]) => vote(ballots(...rows)).flatMap((gone, unit) => (gone ? [unit] : []));

test('the vote of residual groups, goldens', () => {
  assert.deepEqual(elected('110010', '101010', '110001'), [0, 1, 4]);
  assert.deepEqual(elected('110000', '001100'), [0, 1, 2, 3]);
  assert.deepEqual(elected('1110', '1100', '0100'), [1]);
  assert.deepEqual(elected('0000', '1111'), []);
  assert.deepEqual(elected('0101'), [1, 3]);
});

test('a vote removes at least what the most careful layer would, and nothing that nobody would', () => {
  const rows = fc.integer({ min: 1, max: 12 }).chain((units) =>
    fc.array(fc.array(fc.boolean(), { minLength: units, maxLength: units }), {
      minLength: 1,
      maxLength: 5,
    }),
  );
  fc.assert(
    fc.property(rows, (rows) => {
      const gone = vote(rows);
      const need = Math.min(...rows.map((row) => row.filter((is) => is).length));
      assert.ok(gone.filter((is) => is).length >= need);
      assert.ok(gone.every((is, unit) => !is || rows.some((row) => row[unit])));
      assert.ok(gone.every((is, unit) => is || !rows.every((row) => row[unit])));
    }),
  );
});

const judged = (...rows: number[][]): Map<string, Judgement[]> =>
  new Map([
    ['g', rows.map((row, i) => ({ tensor: `bn${i}`, part: 'scales', values: Float64Array.from(row) }))],
  ]);
const above = (threshold: number) => (values: Float64Array) => Array.from(values, (x) => x > threshold);

test('a unit goes by vote for the first time at its threshold, and never below it', () => {
  assert.deepEqual(
    [
      ...thresholdsByVote([
        [0, 0, 5, 5],
        [5, 0, 0, 5],
      ]),
    ],
    [0, 0, 0, 5],
  );
  assert.deepEqual([...thresholdsByVote([[3, 1, 2]])], [3, 1, 2]);
  const careful = [
    [0.1, 0.2, 0.3, 0.4],
    [0.2, 0.1, 0.9, 0.4],
    [0.5, 0.6, 0.7, 0.8],
  ];
  assert.deepEqual([...thresholdsByVote(careful)], [0.5, 0.6, 0.7, 0.7]);
  const value = fc.integer({ min: 0, max: 9 });
  const rows = fc
    .integer({ min: 1, max: 9 })
    .chain((units) =>
      fc.array(fc.array(value, { minLength: units, maxLength: units }), { minLength: 1, maxLength: 5 }),
    );
  fc.assert(
    fc.property(rows, (rows) => {
      const thresholds = thresholdsByVote(rows);
      for (let threshold = 0; threshold <= 9; threshold++) {
        const gone = vote(rows.map((row) => row.map((x) => x <= threshold)));
        thresholds.forEach((own, unit) => {
          if (gone[unit]) assert.ok(own <= threshold);
          if (own === threshold) assert.ok(gone[unit]);
        });
      }
    }),
  );
});

test('a group whose scales vote, and one decided as a whole', () => {
  const channels = groupsOf({ g: 4 });
  const scales = judged([0, 0, 5, 5], [5, 0, 0, 5]);
  assert.deepEqual(digits(selectByVote(channels, scales, above(1))), { g: '0001' });
  const largest = scoresOf({ g: [5, 0, 5, 5] });
  assert.deepEqual(digits(selectAbove(channels, largest, 1)), { g: '1011' });
});

test('where all would go the greatest by sum stays', () => {
  const scales = judged([0.1, 0.2, 0.1], [0.1, 0.1, 0.3]);
  assert.deepEqual(digits(selectByVote(groupsOf({ g: 3 }), scales, above(1))), { g: '001' });
});

test('energy: what holds no more than a fraction of it goes', () => {
  const bits = (scores: number[], options = {}) => keepEnergy(scores, options).map(Number).join('');
  // energies 1 4 9 16 of 30
  assert.equal(bits([1, 2, 3, 4], { delta: 1 / 30 }), '0111');
  assert.equal(bits([1, 2, 3, 4], { delta: 4.9 / 30 }), '0111');
  assert.equal(bits([1, 2, 3, 4], { delta: 5 / 30 }), '0011');
  assert.equal(bits([-4, 0.01, 1]), '101');
  assert.equal(bits([1e-4, 9e-4]), '00');
  assert.equal(bits([1e-4, 1e-3]), '11');
});
