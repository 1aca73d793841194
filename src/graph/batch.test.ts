/** What is said of a model's inputs: whether their first axis counts samples, how many, and whether they stay apart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { int, intList } from '../onnx/index.js';
import { batchOf } from './batch.js';
import { graphOf, type Sketch, wholes } from './graph.test.fixture.js';

const kindOf = (sketch: Sketch) => {
  const { kind, samples, together } = batchOf(graphOf(sketch));
  return { kind, samples, together };
};

const open = { kind: 'open', samples: undefined, together: true };
const none = { kind: 'none', samples: 1, together: false };
const mixed = { kind: 'mixed', samples: 1, together: false };

const image = (batch: number | string): Sketch => ({
  inputs: { x: [batch, 3, 8, 8] },
  weights: { w: [5, 3, 3, 3], head: [5, 4] },
  nodes: [
    ['Conv', ['x', 'w'], 'a'],
    ['Relu', ['a'], 'b'],
    ['GlobalAveragePool', ['b'], 'c'],
    ['Flatten', ['c'], 'd'],
    ['MatMul', ['d', 'head'], 'y'],
  ],
  outputs: { y: [batch, 4] },
});

test('an open first axis counts samples, a fixed one as many as it says', () => {
  assert.deepEqual(kindOf(image('N')), open);
  assert.deepEqual(kindOf(image(1)), { kind: 'fixed', samples: 1, together: true });
  assert.deepEqual(kindOf(image(4)), { kind: 'fixed', samples: 4, together: true });
  assert.deepEqual(batchOf(graphOf(image(4))).shapes, { x: [1, 3, 8, 8] });
  assert.deepEqual(
    batchOf(graphOf(image('N')), { x: [6, 3, 8, 8] }).samples,
    6,
    'where the user says how many',
  );
});

test('a file made for four samples that no single one fits through is a whole', () => {
  const sketch = image(4);
  sketch.constants = { shape: wholes(4, 5) };
  sketch.nodes[3] = ['Reshape', ['c', 'shape'], 'd'];
  assert.deepEqual(kindOf(sketch), none);
  assert.deepEqual(batchOf(graphOf(sketch)).shapes, { x: [4, 3, 8, 8] });
});

test('an open file whose shapes are for one sample takes single ones only', () => {
  const sketch = image('N');
  sketch.constants = { shape: wholes(1, 5) };
  sketch.nodes[3] = ['Reshape', ['c', 'shape'], 'd'];
  assert.deepEqual(kindOf(sketch), { ...open, together: false });
});

test('without an axis for samples a run is a whole', () => {
  const state: Sketch = {
    inputs: { state: [49] },
    weights: { w: [49, 6] },
    nodes: [['MatMul', ['state', 'w'], 'y']],
    outputs: { y: [6] },
  };
  assert.deepEqual(kindOf(state), none);
  const two: Sketch = {
    inputs: { x: [1, 4], h: [2, 1, 4] },
    nodes: [['Add', ['x', 'h'], 'y']],
    outputs: { y: [2, 1, 4] },
  };
  assert.deepEqual(kindOf(two), none);
  const scalar: Sketch = {
    inputs: { x: ['N', 4], t: [] },
    nodes: [['Mul', ['x', 't'], 'y']],
    outputs: { y: ['N', 4] },
  };
  assert.deepEqual(kindOf(scalar), none);
  assert.deepEqual(batchOf(graphOf(scalar)).shapes, { x: [1, 4], t: [] });
});

const rows = (nodes: Sketch['nodes'], more: Partial<Sketch> = {}): Sketch => ({
  ...{ inputs: { x: ['N', 12] }, nodes, outputs: { y: undefined } },
  ...more,
});

const meeting: Record<string, Sketch> = {
  'products of samples': rows([
    ['Transpose', ['x'], 't', { perm: intList([1, 0]) }],
    ['MatMul', ['x', 't'], 'y'],
  ]),
  'the same by way of a Gemm': rows(
    [
      ['Gemm', ['x', 'w'], 'a'],
      ['Gemm', ['a', 'a'], 'y', { transB: int(1) }],
    ],
    { weights: { w: [12, 7] } },
  ),
  'a softmax over samples': rows([['Softmax', ['x'], 'y', { axis: int(0) }]]),
  'a mean of samples that is taken away': rows([
    ['ReduceMean', ['x'], 'm', { axes: intList([0]), keepdims: int(1) }],
    ['Sub', ['x', 'm'], 'y'],
  ]),
  'the first sample': rows(
    [
      ['Slice', ['x', 'zero', 'one', 'zero'], 'first'],
      ['Add', ['x', 'first'], 'y'],
    ],
    { constants: { zero: wholes(0), one: wholes(1) } },
  ),
  'a convolution over them': rows(
    [
      ['Reshape', ['x', 'wide'], 'image'],
      ['Conv', ['image', 'w'], 'y'],
    ],
    { constants: { wide: wholes(1, 1, -1, 12) }, weights: { w: [2, 1, 3, 3] } },
  ),
};

for (const [what, sketch] of Object.entries(meeting))
  test(`samples meet: ${what}`, () => assert.deepEqual(kindOf(sketch), mixed));

const sequence = (nodes: Sketch['nodes'], more: Partial<Sketch> = {}): Sketch => ({
  ...{ inputs: { x: ['N', 6, 8] }, nodes, outputs: { y: undefined } },
  ...more,
});

const apart: Record<string, Sketch> = {
  'attention within each': sequence(
    [
      ['Reshape', ['x', 'heads'], 'h'],
      ['Transpose', ['h'], 'q', { perm: intList([0, 2, 1, 3]) }],
      ['Transpose', ['h'], 'k', { perm: intList([0, 2, 3, 1]) }],
      ['MatMul', ['q', 'k'], 's'],
      ['Softmax', ['s'], 'p', { axis: int(-1) }],
      ['MatMul', ['p', 'q'], 'o'],
      ['Transpose', ['o'], 'b', { perm: intList([0, 2, 1, 3]) }],
      ['Reshape', ['b', 'back'], 'y'],
    ],
    { constants: { heads: wholes(0, 6, 2, 4), back: wholes(-1, 6, 8) } },
  ),
  'merged with the heads, and apart again': sequence(
    [
      ['Reshape', ['x', 'merged'], 'm'],
      ['Transpose', ['m'], 't', { perm: intList([0, 2, 1]) }],
      ['MatMul', ['m', 't'], 's'],
      ['Reshape', ['s', 'back'], 'y'],
    ],
    { constants: { merged: wholes(-1, 3, 8), back: wholes(-1, 2, 3, 3) } },
  ),
  'words looked up, with positions': {
    inputs: { ids: ['N', 6] },
    weights: { table: [20, 8], places: [1, 6, 8] },
    nodes: [
      ['Gather', ['table', 'ids'], 'words'],
      ['Add', ['words', 'places'], 'y'],
    ],
    outputs: { y: ['N', 6, 8] },
    dtypes: { ids: 'int64' },
  },
  'a second axis for a while': sequence([
    ['Transpose', ['x'], 't', { perm: intList([1, 0, 2]) }],
    ['ReduceMean', ['t'], 'm', { axes: intList([0]), keepdims: int(1) }],
    ['Sub', ['t', 'm'], 'd'],
    ['Transpose', ['d'], 'y', { perm: intList([1, 0, 2]) }],
  ]),
};

for (const [what, sketch] of Object.entries(apart))
  test(`samples stay apart: ${what}`, () => assert.deepEqual(kindOf(sketch), open));

test('samples that come out along another axis are taken one by one by other runtimes', () => {
  const sketch = sequence([['Transpose', ['x'], 'y', { perm: intList([1, 0, 2]) }]]);
  assert.deepEqual(kindOf(sketch), { ...open, together: false });
});

test('rows that are told apart by their place are no samples', () => {
  const fixed = (node: [string, string[], string], weights = {}, constants = {}): Sketch => ({
    ...{ inputs: { x: [3, 5] }, weights, constants },
    ...{ nodes: [node], outputs: { y: [3, 5] } },
  });
  assert.equal(kindOf(fixed(['Trilu', ['x'], 'y'])).kind, 'none');
  const first = { dtype: 'int64' as const, shape: [1, 1], data: BigInt64Array.of(0n) };
  const scattered = fixed(['ScatterElements', ['x', 'at', 'w'], 'y'], { w: [1, 1] }, { at: first });
  assert.equal(kindOf(scattered).kind, 'none');
  assert.equal(kindOf(fixed(['Relu', ['x'], 'y'])).kind, 'fixed');
});

test('numbers that are repeated for every sample do not tell them apart', () => {
  const expanded = (from: number[]): Sketch => ({
    inputs: { x: ['N', 3, 5] },
    weights: { w: from },
    nodes: [
      ['Shape', ['x'], 'shape'],
      ['Expand', ['w', 'shape'], 'all'],
      ['Relu', ['all'], 'positive'],
      ['Add', ['x', 'positive'], 'y'],
    ],
    outputs: { y: ['N', 3, 5] },
  });
  assert.equal(kindOf(expanded([3, 5])).kind, 'open');
  assert.equal(kindOf(expanded([1, 3, 1])).kind, 'open');
  assert.notEqual(kindOf(expanded([3, 3, 5])).kind, 'open', 'a row for each sample of a batch of 3');
});
