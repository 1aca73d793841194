/** Units of figures: by their names where every run has them, else as the objective's metric says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowMetric } from '../types.js';
import { isLower, metricIn, unitOf } from './units.js';

const metrics = new Map(
  (
    [
      { name: 'rmse', title: 'root mean square error', better: 'lower' },
      { name: 'error a.b', title: 'error of a.b', better: 'lower', percent: true },
      { name: 'mean IoU', title: 'mean IoU', better: 'higher', percent: true },
    ] satisfies RowMetric[]
  ).map((metric): [string, RowMetric] => [metric.name, metric]),
);

test('a figure has the unit of its metric, whatever the metric is called', () => {
  const units = {
    'test.accuracy': 'share',
    'accuracy.before': 'share',
    'bytes.gzip': 'bytes',
    'macs.before': 'large',
    macsKept: 'share',
    loss: 'number',
    'prunable.kept': 'number',
    'test.metrics.rmse': 'number',
    'metrics.error a.b.before': 'share',
    'validation.metrics.mean IoU': 'share',
  };
  for (const [name, unit] of Object.entries(units)) assert.equal(unitOf(name, metrics), unit, name);
});

test('a metric is found with the samples it is of, and with its direction', () => {
  const { metric, split, part } = metricIn('test.metrics.error a.b', metrics)!;
  assert.deepEqual([metric.name, split, part], ['error a.b', 'test', undefined]);
  assert.equal(metricIn('metrics.rmse.before', metrics)!.part, 'before');
  assert.equal(metricIn('test.accuracy', metrics), undefined);
  const lower = ['loss', 'accuracy', 'metrics.rmse', 'metrics.mean IoU'].filter((name) =>
    isLower(name, metrics),
  );
  assert.deepEqual(lower, ['loss', 'metrics.rmse']);
});
