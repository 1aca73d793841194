/** What is said about operators as a whole: which are refused, what is folded away, what is learnt, what Dropout drops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { float, floatTensor, type Graph, int, intTensor, type Node } from '../../onnx/index.js';
import { differentiate } from '../differentiate.js';
import { expandModel } from '../expand.js';
import { runCore } from '../reference/run.js';
import { type ReferenceValue, toLaned } from '../reference/value.js';
import { type Given, given, modelOf, valuesFor } from './against.test.fixture.js';

const f = (...shape: number[]) => ({ shape });
const scalar = (value: number) => ({ shape: [], values: [value], fixed: true });

const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
  name: output,
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes,
});

function graphOf(nodes: Node[], constants: Graph['initializers'] = new Map()): Graph {
  const graph = modelOf({ op: 'Relu', opset: 13, inputs: [f(1, 3, 4, 4)] });
  const outputs = nodes.at(-1)!.outputs.map((name) => ({ name, dtype: 'float32' as const }));
  return { ...graph, nodes, outputs, initializers: constants };
}

test('an operator that is not known is refused by name, with what to do', () => {
  const refused = (op: string, domain: string, message: RegExp) =>
    assert.throws(() => expandModel(graphOf([{ ...node(op, ['in0'], 'y'), domain }])), {
      name: 'UserError',
      message,
    });
  refused(
    'WordConvEmbedding',
    'com.microsoft',
    /com\.microsoft\.WordConvEmbedding 'y'; .*as it was exported/,
  );
  refused('Frobnicate', '', /Frobnicate 'y'; cut the model off/);
  refused('Frobnicate', 'own', /own\.Frobnicate 'y'; inline it where it is a function/);
});

test('shape arithmetic leaves nothing to compute', () => {
  const nodes = [
    node('Shape', ['in0'], 'shape'),
    node('Gather', ['shape', 'zero'], 'batch', { axis: int(0) }),
    node('Unsqueeze', ['batch', 'axes'], 'row'),
    node('Concat', ['row', 'rest'], 'target', { axis: int(0) }),
    node('Reshape', ['in0', 'target'], 'y'),
  ];
  const constants: Graph['initializers'] = new Map([
    ['zero', intTensor([], [0])],
    ['axes', intTensor([1], [0])],
    ['rest', intTensor([1], [-1])],
  ]);
  const { tape, values } = expandModel(graphOf(nodes, constants));
  assert.deepEqual(
    tape.nodes.map(({ op }) => op),
    ['reshape'],
  );
  assert.deepEqual(tape.type(values.get('y')!).shape, [1, 48]);
});

test('64-bit integers keep their largest value through folding', () => {
  const constants: Graph['initializers'] = new Map([
    ['start', intTensor([1], [1])],
    ['axis', intTensor([1], [1])],
    ['end', { dtype: 'int64', shape: [], data: BigInt64Array.of(2n ** 63n - 1n) }],
    ['axes', intTensor([1], [0])],
  ]);
  const nodes = [
    node('Unsqueeze', ['end', 'axes'], 'ends'),
    node('Slice', ['in0', 'start', 'ends', 'axis'], 'y'),
  ];
  const { tape, values } = expandModel(graphOf(nodes, constants));
  assert.deepEqual(tape.type(values.get('y')!).shape, [1, 2, 4, 4]);
});

test('vectors in sums and products are learnt, single numbers and grids are settings', () => {
  const of = (shape: number[]) =>
    new Map([['w', floatTensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)))]]);
  const learnt = (shape: number[]) =>
    expandModel(graphOf([node('Add', ['in0', 'w'], 'y')], of(shape))).learnt.has('w');
  assert.equal(learnt([3, 1, 1]), true);
  assert.equal(learnt([]), false);
  assert.equal(learnt([3, 4, 4]), false);
});

test('what depends on data that only a run knows is refused', () => {
  const graph = graphOf([node('Reshape', ['in0', 'shape'], 'y')]);
  graph.inputs.push({ name: 'shape', dtype: 'int64', shape: [2] });
  assert.throws(() => expandModel(graph), {
    name: 'UserError',
    message: /Reshape 'y' computes its shape from data/,
  });
});

test('constants that no memory could hold are refused before they are made', () => {
  const size = (...dims: number[]) => ({
    shape: [dims.length],
    values: dims,
    dtype: 'int64' as const,
    fixed: true,
  });
  const vast = (op: string, inputs: Given[]) =>
    assert.throws(() => expandModel(modelOf({ op, opset: 13, inputs })), {
      name: 'UserError',
      message: /1000000,1000000|2,-3|steps of 0|shape \[1000000000000\]/,
    });
  vast('ConstantOfShape', [size(1e6, 1e6)]);
  vast('ConstantOfShape', [size(2, -3)]);
  vast('Expand', [scalar(1), size(1e6, 1e6)]);
  const number = (value: number) => ({ ...scalar(value), dtype: 'int64' as const });
  vast('Range', [number(0), number(1e12), number(1)]);
  vast('Range', [number(0), number(1), number(0)]);
});

test('Dropout drops its share while training, keeps the mean, and draws anew for every sample', () => {
  const graph = modelOf({ op: 'Dropout', opset: 7, inputs: [f(1, 4000)], attributes: { ratio: float(0.3) } });
  const expanded = expandModel(graph, { training: true });
  const ones = floatTensor([1, 4000], new Float32Array(4000).fill(1));
  const start = valuesFor(graph, expanded, { in0: [ones, ones] });
  const { samples } = runCore(expanded.tape.nodes, start, { seed: 5 }).get(expanded.values.get('out0')!)!;
  const dropped = samples[0].filter((v) => v === 0).length / 4000;
  assert.ok(Math.abs(dropped - 0.3) < 0.03, `${dropped} were dropped`);
  assert.ok(samples[0].every((v) => v === 0 || Math.abs(v - 1 / 0.7) < 1e-12));
  assert.notDeepEqual(samples[0], samples[1]);
});

test('gradients pass straight through quantisation, where nothing is clamped', () => {
  const zero = { shape: [], dtype: 'uint8' as const, values: [10], fixed: true };
  const graph = modelOf({ op: 'QuantizeLinear', opset: 13, inputs: [f(4), scalar(0.5), zero] });
  const expanded = expandModel(graph);
  const { tape, values } = expanded;
  const y = values.get('out0')!;
  tape.declare('dy', { dtype: 'float32', shape: [4], laned: true });
  const gradients = differentiate(tape, new Map([[y, 'dy']]), ['in0']);
  const x = floatTensor([4], [0.1, -20, 3, 400]);
  const start = valuesFor(graph, expanded, { in0: [x] });
  const dy: ReferenceValue = toLaned([given({ shape: [4], values: [1, 1, 2, 1] })]);
  const results = runCore(tape.nodes, new Map([...start, ['dy', dy]]));
  assert.deepEqual([...results.get(gradients.get('in0')!)!.samples[0]], [2, 0, 4, 0]);
});

test('running statistics move towards the unbiased ones of the batch', () => {
  const running = [1, 0, 10, 4].map((value) => ({ shape: [1], values: [value], fixed: true }));
  const graph = modelOf({
    op: 'BatchNormalization',
    opset: 9,
    inputs: [f(1, 1), ...running],
    attributes: { momentum: float(0.9) },
  });
  const expanded = expandModel(graph, { training: true });
  const samples = [1, 2, 6].map((value) => floatTensor([1, 1], [value]));
  const results = runCore(expanded.tape.nodes, valuesFor(graph, expanded, { in0: samples }));
  const [mean, variance] = ['in3', 'in4'].map(
    (name) => results.get(expanded.values.get(name)!)!.samples[0][0],
  );
  assert.ok(Math.abs(mean - 9.3) < 1e-12);
  assert.ok(Math.abs(variance - (0.9 * 4 + 0.1 * 7)) < 1e-12);
});
