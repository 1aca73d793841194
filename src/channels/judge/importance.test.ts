import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildNetwork } from '../../nn/index.js';
import { floatTensor, type Graph, type Node, newSource } from '../../onnx/index.js';
import { findChannels } from '../find/groups.js';
import type { Channels, Member, Role } from '../types.js';
import { type ImportanceOptions, importanceOf, importances, judge } from './importance.js';
import { addSaliency } from './saliency.js';

const normalization: Node = {
  name: 'bn',
  op: 'BatchNormalization',
  domain: '',
  inputs: ['y', 'gamma', 'beta', 'mean', 'var'],
  outputs: ['z'],
  attributes: {},
};

const member = (tensor: string, axis: number, role: Role, positions = [[0], [1], [2]]): Member => ({
  tensor,
  axis,
  role,
  positions,
});

/** Three units: rows of `w`, entries of `gamma` and `beta`, pairs of columns of `v`. */
const graph: Graph = {
  name: 'by hand',
  inputs: [],
  outputs: [],
  nodes: [normalization],
  initializers: new Map([
    ['w', floatTensor([3, 2], [3, -4, 0, 1, 3, -3])],
    ['gamma', floatTensor([3], [-2, 0.5, 1])],
    ['beta', floatTensor([3], [100, 100, 100])],
    ['v', floatTensor([2, 6], [1, 0, 2, 2, 0, 0, 0, -1, 0, 1, 0, 3])],
  ]),
  declared: new Map(),
  source: newSource(17),
};
const members = [
  member('w', 0, 'out'),
  member('gamma', 0, 'along'),
  member('beta', 0, 'along'),
  member('v', 1, 'in', [
    [0, 1],
    [2, 3],
    [4, 5],
  ]),
];
const channels: Channels = { groups: [{ name: 'w', size: 3, members }], frozen: [] };

const scores = (options: ImportanceOptions): number[] => [
  ...importanceOf(graph, channels, options).get('w')!,
];
const near = (actual: readonly number[], expected: readonly number[]) => {
  assert.equal(actual.length, expected.length);
  for (const [i, x] of actual.entries())
    assert.ok(Math.abs(x - expected[i]) < 1e-6, `${actual} is not ${expected}`);
};
const plain = { normalize: 'none', reduce: 'sum' } as const;

test('criteria of filters, by hand', () => {
  const of = (criterion: ImportanceOptions['criterion']) =>
    scores({ ...plain, criterion, parts: ['producers'] });
  near(of('l1'), [7, 1, 6]);
  near(of('l2'), [5, 1, Math.sqrt(18)]);
  near(of('energy'), [25, 1, 18]);
  near(of('fpgm'), [Math.sqrt(34) + 1, Math.sqrt(34) + 5, 6]);
  near(of('index'), [0, 1, 2]);
});

test('consumers count all positions of a unit, scales their magnitude, biases nothing', () => {
  near(scores({ ...plain, criterion: 'l1', parts: ['consumers'] }), [2, 5, 3]);
  near(scores({ ...plain, criterion: 'l1', parts: ['scales'] }), [2, 0.5, 1]);
  near(scores({ ...plain, criterion: 'l1' }), [11, 6.5, 10]);
});

test('members are reduced', () => {
  const by = (reduce: ImportanceOptions['reduce']) =>
    scores({ criterion: 'energy', normalize: 'none', reduce });
  // energies: w 25 1 18, gamma 4 .25 1, v 2 9 9
  near(by('sum'), [31, 10.25, 28]);
  near(by('mean'), [31 / 3, 10.25 / 3, 28 / 3]);
  near(by('max'), [25, 9, 18]);
  near(by('product'), [200, 2.25, 162]);
  near(by('first'), [25, 1, 18]);
});

test('groups are normalised', () => {
  const by = (normalize: ImportanceOptions['normalize']) =>
    scores({ criterion: 'l1', parts: ['scales'], reduce: 'sum', normalize });
  near(by('mean'), [12 / 7, 3 / 7, 6 / 7]);
  near(by('max'), [1, 0.25, 0.5]);
  near(by('sum'), [4 / 7, 1 / 7, 2 / 7]);
  near(by('range'), [1, 0, 1 / 3]);
  const deviation = Math.sqrt(((2 - 7 / 6) ** 2 + (0.5 - 7 / 6) ** 2 + (1 - 7 / 6) ** 2) / 3);
  near(by('gaussian'), [(2 - 7 / 6) / deviation, (0.5 - 7 / 6) / deviation, (1 - 7 / 6) / deviation]);
  near(by('lamp'), [1, 0.5 / 3.5, 1 / 3]);
});

test('LAMP of equal units is settled by their order, and of none is 0', () => {
  const of = (values: number[]) => {
    const equal = {
      ...graph,
      initializers: new Map(graph.initializers).set('gamma', floatTensor([3], values)),
    };
    return [...importanceOf(equal, channels, { parts: ['scales'], normalize: 'lamp' }).get('w')!];
  };
  near(of([1, 1, 1]), [1, 1 / 2, 1 / 3]);
  near(of([0, 0, 0]), [0, 0, 0]);
});

test('published methods, by hand', () => {
  near(scores(importances['l1-norm']), [7, 1, 6]);
  near(scores(importances.slimming), [2, 0.5, 1]);
  // the sums 31, 10.25, 28 over three members, divided by their mean
  near(
    scores(importances['group-norm']),
    [31 / 69.25, 10.25 / 69.25, 28 / 69.25].map((x) => 3 * x),
  );
});

test('a scale that blocks share is the mean of their gates', () => {
  const twice = {
    groups: [{ ...channels.groups[0], members: [...members, member('other', 0, 'along')] }],
    frozen: [],
  };
  const shared = {
    ...graph,
    initializers: new Map(graph.initializers).set('other', floatTensor([3], [1, 1, 1])),
    nodes: [
      normalization,
      { ...normalization, name: 'again', inputs: ['z', 'other', 'beta', 'mean', 'var'] },
    ],
  };
  const saliency = new Map([
    ['gamma', [4, 1, 0]],
    ['other', [2, 1, 6]],
  ]);
  const of = importanceOf(shared, twice, { ...importances['taylor-gates'], saliency });
  near([...of.get('w')!], [3, 1, 3]);
});

test('Taylor: squares are summed over mini-batches, not products', () => {
  const weights = new Map([['gamma', Float32Array.of(-2, 0.5, 1)]]);
  const saliency = new Map<string, Float64Array>();
  addSaliency(saliency, weights, new Map([['gamma', Float32Array.of(1, 2, 0)]]));
  addSaliency(saliency, weights, new Map([['gamma', Float32Array.of(-1, 4, 3)]]));
  near([...saliency.get('gamma')!], [8, 5, 9]);
  near(scores({ ...importances['taylor-gates'], saliency }), [8, 5, 9]);
  const filters = new Map([['w', [1, 2, 3, 4, 5, 6]]]);
  near(scores({ ...importances['taylor-weights'], saliency: filters }), [3, 7, 11]);
  assert.throws(() => scores({ ...importances['taylor-weights'], saliency }), /needs the gradient of w:/);
  assert.throws(
    () => addSaliency(saliency, weights, new Map([['gamma', new Float32Array(2)]])),
    /3 weights but 2 gradients/,
  );
});

test('random importance is a function of the seed', () => {
  const of = (seed: number) => scores({ ...importances.random, seed });
  assert.deepEqual(of(1), of(1));
  assert.notDeepEqual(of(1), of(2));
});

test('quantised weights count as the numbers that they stand for', () => {
  const quantized = (inputs: string[], axis: number): Node => ({
    name: 'dequantize',
    op: 'DequantizeLinear',
    domain: '',
    inputs,
    outputs: ['w real'],
    attributes: { axis: { type: 'int', value: axis } },
  });
  const initializers = new Map(graph.initializers)
    .set('w', { dtype: 'uint8', shape: [3, 2], data: Uint8Array.of(131, 124, 128, 129, 131, 125) })
    .set('by row', floatTensor([3], [1, 100, 0.5]))
    .set('step', floatTensor([], [2]))
    .set('zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(128) });
  const of = (...inputs: string[]) => {
    const nodes = [quantized(['w', ...inputs], -2)];
    const judged = importanceOf({ ...graph, nodes, initializers }, channels, importances['l1-norm']);
    return [...judged.get('w')!];
  };
  near(of('by row', 'zero'), [7, 100, 3]);
  near(of('step', 'zero'), [14, 2, 12]);
  near(of('step'), [510, 514, 512]);
});

test('what cannot be judged is said', () => {
  const bare = { ...graph, nodes: [] };
  assert.throws(() => importanceOf(bare, channels, importances.slimming), /No group of channels has scales/);
  const broken = {
    ...graph,
    initializers: new Map(graph.initializers).set('w', floatTensor([3, 2], [1, 1, NaN, 1, 1, 1])),
  };
  assert.throws(() => importanceOf(broken, channels), /unit 1 of 'w' by w is not a number/);
  const other = { ...graph, initializers: new Map() };
  assert.throws(() => importanceOf(other, channels), /found in another model: this one has no weight 'w'/);
});

test('groups without scales are left to others', () => {
  const lenet = buildNetwork('lenet5', { shape: [1, 28, 28], classes: 10, seed: 1 });
  const groups = findChannels(lenet);
  assert.deepEqual(
    [...importanceOf(lenet, groups).keys()],
    groups.groups.map(({ name }) => name),
  );
  assert.throws(() => importanceOf(lenet, groups, importances.slimming), /scales/);
});

test('of a residual network every convolution and scale of a group is heard, depth-wise ones too', () => {
  const mobile = buildNetwork('mobilenetv2', { shape: [3, 32, 32], classes: 10, seed: 1, width: 0.25 });
  const judged = judge(mobile, findChannels(mobile)).get('features.2.conv.0.0.weight')!;
  assert.deepEqual(
    judged.map(({ tensor, part }) => `${tensor} ${part}`),
    [
      'features.2.conv.0.0.weight producers',
      'features.2.conv.0.1.weight scales',
      'features.2.conv.1.0.weight producers',
      'features.2.conv.1.1.weight scales',
      'features.2.conv.2.weight consumers',
    ],
  );
});
