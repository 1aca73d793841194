import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MetricsLine, Summary } from '../runs/index.js';
import { drawBars, drawCurves, drawDistributions, drawOrdered, drawPairs } from './charts.js';
import { renderReport } from './report.js';
import { bytes, count, duration, large, percent } from './words.js';

const summary: Summary = {
  espalier: '1.0.0',
  command: 'prune',
  model: '/a/b/<model>.onnx',
  data: 'digits',
  method: 'fggp',
  seed: 0,
  epochs: 2,
  engine: 'native',
  prunable: {
    count: 110,
    layers: [
      {
        name: 'first',
        op: 'Conv',
        shape: [1, 10],
        size: 10,
        kept: 10,
        density: 1,
        spared: 'first convolution',
      },
      { name: 'second', op: 'Gemm', shape: [10, 10], size: 100, kept: 1, density: 0.01, units: 10, dead: 9 },
    ],
    emptied: ['third'],
  },
  unpruned: [{ name: 'bias', size: 10, reason: 'bias: one number per output' }],
  sparsity: { before: 0, after: 0.9, target: 0.9 },
  sparsityWithBiases: { before: 0, after: 0.825 },
  effectiveSparsity: { before: 0, after: 0.91 },
  deadUnits: { before: 0, after: 9, of: 20 },
  params: { before: 120, after: 120 },
  nonzero: { before: 120, after: 21 },
  macs: { before: 1000, after: 1000 },
  effectiveMacs: { before: 1000, after: 100 },
  liveMacs: { before: 1000, after: 90 },
  weights: {
    before: { limit: 1, counts: [5, 50, 50, 5] },
    after: { limit: 1, counts: [5, 1, 0, 5] },
  },
  bytes: { raw: { before: 500, after: 500 }, gzip: { before: 450, after: 90 } },
  accuracy: { before: 0.9, after: 0.875 },
  loss: { before: 0.3, after: 0.4 },
  export: { narrow: [], flushed: 3, check: { by: 'onnxruntime 1.0', samples: 8, error: 1e-7 } },
  seconds: 100,
};

const metrics: MetricsLine[] = [
  { kind: 'masks', iteration: 0, sparsity: 0, scheduled: 1, final: false },
  { kind: 'masks', iteration: 3, sparsity: 0.9, scheduled: 0.1, final: true },
  {
    kind: 'epoch',
    epoch: 1,
    loss: 1,
    accuracy: 0.5,
    learningRate: 0.1,
    seconds: 50,
    test: { loss: 1, accuracy: 0.4 },
  },
  {
    kind: 'epoch',
    epoch: 2,
    loss: 0.5,
    accuracy: 0.7,
    learningRate: 0.1,
    seconds: 50,
    test: { loss: 0.4, accuracy: 0.875 },
  },
];

/** What is said of the drawings to those who cannot see them. */
const titles = (page: string) =>
  [...page.matchAll(/<svg role="img" aria-label="([^"]*)"[^>]*class="plot-\w+"/g)].map(([, title]) => title);

test('a report is one page with figures, reasons and five charts, and loads nothing', () => {
  const page = renderReport(summary, metrics, { seed: 0 });
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
      '<th>layers emptied</th><td>–</td><td>1</td>',
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
  const page = renderReport(dense, metrics.slice(3), {});
  assert.deepEqual(titles(page), ['Loss', 'Accuracy', 'Weights that are not zero']);
  assert.doesNotMatch(page, /<h2>Sparsity|NaN|undefined/);
  assert.equal(warn.mock.callCount(), 0);
});

test('a run that removes channels shows its groups, layers and stages, its epochs one after the other', () => {
  const channels: Summary['channels'] = {
    units: { before: 20, after: 10, target: 10 },
    groups: [{ name: 'first', before: 20, after: 10, members: ['first:0'] }],
    frozen: [{ tensor: 'second', axis: 0, role: 'out', reason: 'it is an <output>' }],
    stages: [{ stage: '1-sparse', what: 'trained', accuracy: 0.8, loss: 0.5 }],
    unfolded: false,
    error: 2e-7,
    layers: [{ name: 'first', before: 1000, after: 500 }],
    sensitivity: [
      { group: 'first', density: 1, accuracy: 0.9 },
      { group: 'first', density: 0.5, accuracy: 0.6 },
    ],
  };
  const shrunk = {
    ...summary,
    channels,
    sparsity: { before: 0, after: 0 },
    macs: { before: 1000, after: 500 },
  };
  const stages = metrics.slice(2).map((line) => ({ ...line, epoch: 1, stage: '1-sparse' }) as MetricsLine);
  const page = renderReport(shrunk, stages, {});
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
  assert.doesNotMatch(page, /NaN|undefined|<th>sparsity/);
  assert.doesNotMatch(renderReport({ ...shrunk, epochs: 0 }, [], {}), /NaN|undefined|<h2>Loss/);
});

test('learnt masks show their probabilities and thresholds over time', () => {
  const learnt = [12, 24, 36].map(
    (iteration, i): MetricsLine => ({
      ...{ kind: 'masks', iteration, sparsity: 0.3 * i, final: i === 2, expected: 10 },
      probabilities: Array.from({ length: 20 }, (_, bin) => (bin === 19 - i ? 90 : 1)),
      thresholds: [-5 - i, -6],
    }),
  );
  const page = renderReport(summary, [...metrics, ...learnt], {});
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
