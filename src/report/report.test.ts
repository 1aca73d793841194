import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, count, duration, large, percent } from '../base/index.js';
import type { MetricsLine, Summary } from '../runs/index.js';
import { drawBars, drawCurves, drawDistributions, drawOrdered, drawPairs } from './charts.js';
import { renderReport } from './report.js';
import { channels, metrics, recipe, summary } from './report.test.fixture.js';

/** What is said of the drawings to those who cannot see them. */
const titles = (page: string) =>
  [...page.matchAll(/<svg role="img" aria-label="([^"]*)"[^>]*class="plot-\w+"/g)].map(([, title]) => title);

test('a report is one page with figures, reasons and five charts, and loads nothing', () => {
  const page = renderReport(summary, metrics, recipe);
  assert.deepEqual(titles(page), [
    'Loss',
    'Accuracy',
    'Sparsity, asked for and achieved',
    'Weights that are not zero',
    'Density per layer',
  ]);
  for (const text of [
    ...['87.50 %', 'first convolution', 'bias: one number per output', '3 sub-normal weights', '82.50 %'],
    ...[
      'is left: third.',
      '<th scope="row">layers without weights</th><td>–</td><td>1</td>',
      '9 of 20 units are dead',
      '<td>9 of 10</td>',
      'before (110)',
      'after (11)',
    ],
  ])
    assert.ok(page.includes(text), text);
  assert.ok(page.includes('b/&lt;model&gt;.onnx pruned by fggp on digits'));
  assert.doesNotMatch(page, /<model>|<script|<link|src=|https?:\/\/(?!www\.w3\.org)/);
});

test('a run that prunes nothing, of one epoch, has no charts of sparsity and no warnings', (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const dense: Summary = {
    ...summary,
    command: 'train',
    method: undefined,
    sparsity: { before: 0, after: 0 },
  };
  const page = renderReport(dense, metrics.slice(3), recipe);
  assert.deepEqual(titles(page), ['Loss', 'Accuracy', 'Weights that are not zero']);
  assert.doesNotMatch(page, /<h3>Sparsity|NaN|undefined/);
  assert.equal(warn.mock.callCount(), 0);
});

test('a run that removes channels shows its groups, layers and stages, its epochs one after the other', () => {
  const shrunk = {
    ...summary,
    channels,
    sparsity: { before: 0, after: 0 },
    macs: { before: 1000, after: 500 },
  };
  const stages = metrics.slice(2).map((line) => ({ ...line, epoch: 1, stage: '1-sparse' }) as MetricsLine);
  const page = renderReport(shrunk, stages, recipe);
  assert.deepEqual(titles(page), [
    ...['Loss', 'Accuracy', 'Channels kept per group', 'The network before and after', 'Sensitivity'],
    'Weights that are not zero',
  ]);
  for (const text of [
    '10 of 20 channels and 50.00 % of the MACs',
    '1-sparse',
    'at zero, to 2.0e-7',
    'it is an &lt;output&gt;',
    '>10 of 20<',
  ])
    assert.ok(page.includes(text), text);
  assert.doesNotMatch(page, /NaN|undefined|<th scope="row">sparsity/);
  assert.doesNotMatch(renderReport({ ...shrunk, epochs: 0 }, [], recipe), /NaN|undefined|<h3>Loss/);
});

test('learnt masks show their probabilities and thresholds over time', () => {
  const learnt = [12, 24, 36].map(
    (iteration, i): MetricsLine => ({
      ...{ kind: 'masks', iteration, sparsity: 0.3 * i, final: i === 2, expected: 10 },
      probabilities: Array.from({ length: 20 }, (_, bin) => (bin === 19 - i ? 90 : 1)),
      thresholds: [-5 - i, -6],
    }),
  );
  const page = renderReport(summary, [...metrics, ...learnt], recipe);
  assert.ok(titles(page).includes('Probabilities of being kept'));
  assert.ok(titles(page).includes('Thresholds per layer'));
  assert.ok(page.includes('iteration 36: 82.57 % (90)'));
  assert.doesNotMatch(page, /NaN|undefined/);
});

test('a mark for every number', () => {
  const points = [1, 2, 3].flatMap((x) => ['a', 'b'].map((series) => ({ x, y: x, series })));
  const curves = drawCurves({ points, x: 'epoch', y: 'loss' });
  assert.equal(curves.match(/<circle/g)?.length, 6);
  const ordered = drawOrdered({ points, x: 'iteration', y: 'threshold' });
  assert.equal(ordered.match(/<circle/g)?.length, 6);
  const bars = drawBars([{ name: 'w', value: 0.25, group: 'g' }], 'density');
  assert.match(bars, /25\.0 %/);
  const distribution = { name: 'a', low: -1, high: 1, counts: [1, 2, 1] };
  const shares = drawDistributions([distribution, { ...distribution, name: 'b' }], 'weight');
  assert.equal(shares.match(/<rect [^>]*x="/g)?.length, 6);
  const pairs = drawPairs([{ name: 'w', before: 4, after: 3 }], 'channels', String);
  assert.match(pairs, />3 of 4</);
});

test('a short run has a tick for each of its epochs and none between', () => {
  const points = [1, 2, 3, 4].map((x) => ({ x, y: x, series: 'a' }));
  const labels = drawCurves({ points, x: 'epoch', y: 'loss' }).match(/x-axis tick label.*?<\/g>/s)?.[0];
  assert.deepEqual(labels?.match(/>\d+</g), ['>1<', '>2<', '>3<', '>4<']);
});

test('losses that differ by orders of magnitude stand on a logarithmic scale with whole powers of ten', () => {
  const points = [0.2, 700].map((y, x) => ({ x, y, series: 'test' }));
  const ticks = drawCurves({ points, x: 'epoch', y: 'loss' });
  for (const label of ['>0.1<', '>1000<']) assert.ok(ticks.includes(label), label);
});

test('numbers as people read them', () => {
  assert.equal(percent(0.95312), '95.31 %');
  assert.equal(count(269722), '269,722');
  assert.equal(large(40551424), '40.6 M');
  assert.equal(large(999), '999');
  assert.equal(bytes(1081234), '1.08 MB');
  assert.equal(duration(3725), '1 h 2 min');
  assert.equal(duration(59.7), '1 min 0 s');
});
