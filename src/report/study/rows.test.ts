import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CellFigures, StudyResult } from '../../runs/index.js';
import { studyTable } from './rows.js';

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
