import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CellFigures, StudyResult } from '../../runs/index.js';
import { drawStudy } from './chart.js';

const cell = (at: Record<string, string>, mean: number, deviation?: number): CellFigures => ({
  ...{ at, settings: {}, accuracy: { n: 2, mean, deviation } },
  ...{ sparsity: 0, macs: 10, effectiveMacs: 10, seconds: 60, emptied: 0 },
});
const result = (axes: string[], cells: CellFigures[]): StudyResult => ({
  ...{ title: '', recipe: {}, axes, seeds: [1], planned: 2, finished: 2, cells, failures: [] },
});
/** What text there is, in order. */
const words = (svg: string) => [...svg.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text);

test('a chart against every axis of numbers, one for each value of the others but the first', () => {
  const cells = ['gmp', 'str'].flatMap((method, m) =>
    ['32', '8', '128'].flatMap((epochs) =>
      ['0.98', '0.9'].map((sparsity) => cell({ method, epochs, sparsity }, 0.8 + m / 10, 0.01)),
    ),
  );
  const charts = drawStudy(result(['method', 'epochs', 'sparsity'], cells));
  assert.deepEqual(
    charts.map(({ name, title }) => [name, title]),
    [
      ['accuracy-epochs-sparsity-0.98', 'Accuracy against epochs, sparsity 0.98'],
      ['accuracy-epochs-sparsity-0.9', 'Accuracy against epochs, sparsity 0.9'],
      ['accuracy-sparsity-epochs-32', 'Accuracy against sparsity, epochs 32'],
      ['accuracy-sparsity-epochs-8', 'Accuracy against sparsity, epochs 8'],
      ['accuracy-sparsity-epochs-128', 'Accuracy against sparsity, epochs 128'],
    ],
  );
  const [epochs] = charts;
  const along = words(epochs.drawing).filter((word) => ['8', '32', '128'].includes(word));
  assert.deepEqual(along, ['8', '32', '128'], 'numbers in their order');
  assert.equal(epochs.drawing.match(/<circle/g)?.length, 6);
  assert.deepEqual(words(epochs.drawing).slice(-2), ['gmp', 'str']);
});

test('without numbers the last axis is along x, and one axis alone is a series', () => {
  const [chart, ...more] = drawStudy(
    result(
      ['start', 'rate'],
      [cell({ start: 'a', rate: 'low' }, 0.5), cell({ start: 'a', rate: 'high' }, 0.6)],
    ),
  );
  assert.deepEqual([chart.name, more.length], ['accuracy-rate', 0]);
  const [alone] = drawStudy(result(['rate'], [cell({ rate: '0.1' }, 0.5), cell({ rate: '0.02' }, 0.6)]));
  assert.equal(alone.name, 'accuracy-rate');
  assert.deepEqual(
    words(alone.drawing)
      .filter((word) => /^0\.\d+$/.test(word))
      .slice(-2),
    ['0.02', '0.1'],
  );
});

test('names beside neighbouring ends do not overlap', () => {
  const cells = ['a', 'b', 'c', 'd'].map((method, i) => cell({ method, epochs: '8' }, 0.9 + i * 1e-4));
  const [{ drawing }] = drawStudy(
    result(
      ['method', 'epochs'],
      [
        ...cells,
        cell({ method: 'a', epochs: '16' }, 0.5),
        ...cells.slice(1).map((given) => ({ ...given, at: { ...given.at, epochs: '16' } })),
      ],
    ),
  );
  const heights = [...drawing.matchAll(/<text[^>]*translate\([\d.]+,([\d.]+)\)[^>]*>[bcd]<\/text>/g)].map(
    ([, y]) => Number(y),
  );
  assert.equal(heights.length, 3);
  heights.sort((a, b) => a - b);
  for (let i = 1; i < heights.length; i++) assert.ok(heights[i] - heights[i - 1] >= 11, heights.join());
});

test('cells of another metric have a chart of their own, in its unit', () => {
  const metric = { name: 'rmse', title: 'root mean square error', better: 'lower' as const };
  const cells = [
    cell({ learn: 'classification' }, 0.5),
    { ...cell({ learn: 'regression' }, 1.375), metric },
    { ...cell({ learn: 'huber' }, 1.25), metric },
  ];
  const drawn = drawStudy(result(['learn'], cells));
  assert.deepEqual(
    drawn.map(({ name, title }) => [name, title]),
    [
      ['accuracy-learn', 'Accuracy against learn'],
      ['rmse-learn', 'Root mean square error against learn'],
    ],
  );
  assert.ok(words(drawn[1].drawing).some((word) => word.includes('test root mean square error')));
});
