/** What runs say of themselves, made up, for tests of pages. */
import { type MetricsLine, type Recipe, resolveRecipe, type Summary } from '../runs/index.js';

export const summary: Summary = {
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

export const metrics: MetricsLine[] = [
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

/** What the summary has besides where channels were removed. */
export const channels: Summary['channels'] = {
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

export const recipe: Recipe = resolveRecipe(
  'prune',
  { model: '/a/b/<model>.onnx', data: 'digits', method: 'fggp', sparsity: 0.9, epochs: 2, augment: false },
  '1.0.0',
);
