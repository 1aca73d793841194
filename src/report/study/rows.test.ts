import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CellFigures, StudyResult } from '../../runs/index.js';
import { studyNotes, studyTable } from './rows.js';

test('accuracies along the way have columns where some cell has them', () => {
  const cell = (method: string, stages?: CellFigures['stages']): CellFigures => ({
    ...{ at: { method }, settings: {}, accuracy: { n: 1, mean: 0.91 }, stages },
    ...{ sparsity: 0, macs: 10, effectiveMacs: 10, seconds: 60, emptied: 0 },
  });
  const result = (cells: CellFigures[]): StudyResult => ({
    ...{ title: '', recipe: {}, axes: ['method'], seeds: [1], planned: 2, finished: 2, cells, failures: [] },
  });
  const at = (mean: number) => ({ n: 1, mean });
  const slimmed = cell('slimming', [
    { when: 'sparse', accuracy: at(0.9) },
    { when: 'pruned', accuracy: at(0.3) },
  ]);
  const { titles, rows } = studyTable(result([slimmed, cell('l1', [{ when: 'pruned', accuracy: at(0.2) }])]));
  assert.deepEqual(titles.slice(0, 4), [
    'method',
    'after sparse training, %',
    'right after the cut, %',
    'test accuracy, %',
  ]);
  assert.deepEqual(
    rows.map((row) => row.slice(0, 4)),
    [
      ['slimming', '90.00', '30.00', '91.00'],
      ['l1', '–', '20.00', '91.00'],
    ],
  );
  assert.equal(studyTable(result([cell('gmp')])).titles[1], 'test accuracy, %');
});

test('the metric of the objective stands in the table with its own unit and direction', () => {
  const cell = (learn: string, mean: number, metric?: CellFigures['metric']): CellFigures => ({
    ...{ at: { learn }, settings: {}, accuracy: { n: 2, mean, deviation: 0.0125 }, metric },
    ...{ difference: { n: 2, mean: -0.25, interval: [-0.5, 0.125] } },
    ...{ sparsity: 0, macs: 10, effectiveMacs: 10, seconds: 60, emptied: 0 },
  });
  const result = (cells: CellFigures[]): StudyResult => ({
    ...{ title: '', recipe: {}, axes: ['learn'], seeds: [1], baseline: 'x', planned: 2, finished: 2 },
    ...{ cells, failures: [] },
  });
  const rmse = { name: 'rmse', title: 'root mean square error', better: 'lower' as const };
  const one = studyTable(result([cell('regression', 1.375, rmse)]));
  assert.deepEqual(one.titles.slice(1, 3), ['test root mean square error', 'to x [95 %]']);
  assert.deepEqual(one.rows[0].slice(1, 3), ['1.375 ± 0.0125', '−0.25 [−0.5, +0.125]']);
  assert.match(
    studyNotes(result([cell('regression', 1.375, rmse)]))[0],
    /Root mean square error \(less is better\) is that at the end/,
  );
  const two = studyTable(result([cell('regression', 1.375, rmse), cell('classification', 0.5)]));
  assert.deepEqual(
    two.rows.map((row) => row.slice(1, 3)),
    [
      ['root mean square error', '1.375 ± 0.0125'],
      ['accuracy, %', '50.00 ± 1.25'],
    ],
  );
});
