/** Files that pass their check against a graph, and files that hold something else. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from '../../engine/index.js';
import { graphOf, type Sketch } from '../../graph/graph.test.fixture.js';
import { buildNetwork } from '../../nn/index.js';
import {
  type DType,
  floats,
  floatTensor,
  type Graph,
  int,
  intList,
  isFloat,
  rounded,
  sizeOf,
  type Tensor,
  writeModel,
} from '../../onnx/index.js';
import { randomSamples } from '../samples.js';
import { checkFile } from './check.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-check-'));
let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(async () => {
  await machine.close();
  rmSync(root, { recursive: true, force: true });
});

/** Checks a file that holds `written` against `graph`. */
async function check(graph: Graph, written = graph) {
  const path = join(root, 'model.onnx');
  await writeModel(path, written);
  return checkFile(path, graph, { machine, inputShapes: {}, samples: randomSamples });
}

/** The graph with a weight changed. */
function changed(graph: Graph, name: string, change: (x: number, i: number) => number): Graph {
  const tensor = graph.initializers.get(name)!;
  const data = floats(tensor).map(change);
  return { ...graph, initializers: new Map(graph.initializers).set(name, { ...tensor, data }) };
}

test('a file that holds something else is refused', async () => {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 0, width: 0.25 });
  const { error, samples, refused } = await check(graph);
  assert.equal(refused, undefined);
  assert.ok(error! < 1e-5 && samples === 8, `${error}`);
  for (const [name, change] of [
    ['conv1.weight', (x: number) => x * 1.01],
    ['linear.weight', (x: number, i: number) => (i < 8 ? x * 1.01 : x)],
  ] as const) {
    const wrong = await check(graph, changed(graph, name, change));
    assert.match(wrong.refused!, /the answers of 'logits' differ by .* where the largest is .* is allowed/);
    assert.ok(wrong.allowed! < 2e-4, 'nothing is allowed for a weight that is wrong');
  }
});

/** The difference of two products that are almost equal: rounding is all that is left of three digits. */
const cancelling = graphOf({
  inputs: { x: ['N', 512] },
  weights: { one: [512, 8] },
  constants: { other: floatTensor([512, 8], new Float32Array(512 * 8)) },
  nodes: [
    ['MatMul', ['x', 'one'], 'a'],
    ['MatMul', ['x', 'other'], 'b'],
    ['Sub', ['a', 'b'], 'y'],
  ],
  outputs: { y: ['N', 8] },
});
const one = floats(cancelling.initializers.get('one')!);
const amplifying = changed(cancelling, 'other', (_, i) => one[i] * (1 + 3e-4 * Math.sin(i)));

test('what rounding does to a model that amplifies it is measured and allowed', async () => {
  const { error, allowed, note, refused } = await check(amplifying);
  assert.equal(refused, undefined);
  assert.ok(error! > 1e-4 && error! < allowed! && allowed! <= 0.1, `${error} of ${allowed}`);
  assert.match(note!, /amplifies rounding/);
  const wrong = await check(
    amplifying,
    changed(amplifying, 'other', (x) => x * 1.01),
  );
  assert.match(wrong.refused!, /differ by/);
});

test('integer kernels of onnxruntime, which change its own answers, are not held against a quantised model', async () => {
  const quantised = graphOf(quantisedSketch());
  const { refused, note, error } = await check(quantised);
  assert.equal(refused, undefined);
  assert.ok(error! < 1e-4);
  assert.match(note!, /agrees without its optimisations/);
});

/** Weights of 8 bits, one scale for each column. */
function quantisedSketch(): Sketch {
  const bytes = (shape: number[], step: number): Tensor => ({
    dtype: 'int8',
    shape,
    data: Int8Array.from({ length: sizeOf(shape) }, (_, i) => ((i * step) % 251) - 125),
  });
  const scales = (count: number) =>
    floatTensor(
      [count],
      Float32Array.from({ length: count }, (_, i) => 2e-3 * (1 + (i % 5))),
    );
  const zeros = (count: number): Tensor => ({ dtype: 'int8', shape: [count], data: new Int8Array(count) });
  return {
    inputs: { x: ['N', 32] },
    constants: {
      ...{ w1: bytes([32, 24], 89), s1: scales(24), z1: zeros(24) },
      ...{ w2: bytes([24, 10], 37), s2: scales(10), z2: zeros(10) },
    },
    nodes: [
      ['DequantizeLinear', ['w1', 's1', 'z1'], 'd1', { axis: int(1) }],
      ['MatMul', ['x', 'd1'], 'm'],
      ['Relu', ['m'], 'r'],
      ['DequantizeLinear', ['w2', 's2', 'z2'], 'd2', { axis: int(1) }],
      ['MatMul', ['r', 'd2'], 'y'],
    ],
    outputs: { y: ['N', 10] },
    opset: 13,
  };
}

test('outputs below the precision of a sigmoid pass', async () => {
  const graph = graphOf({
    inputs: { x: [1, 3, 8, 8] },
    weights: { w: [1, 3, 3, 3] },
    constants: { low: floatTensor([1], [-17]) },
    nodes: [
      ['Conv', ['x', 'w', 'low'], 'a'],
      ['Sigmoid', ['a'], 'map'],
    ],
    outputs: { map: [1, 1, 6, 6] },
  });
  const { refused, samples } = await check(graph);
  assert.deepEqual([refused, samples], [undefined, 1]);
});

test('whole numbers are compared exactly, but for ties', async () => {
  const classifier = (more: Partial<Sketch> = {}): Sketch => ({
    inputs: { x: ['N', 8] },
    weights: { w: [8, 4] },
    nodes: [
      ['MatMul', ['x', 'w'], 'logits'],
      ['ArgMax', ['logits'], 'class', { axis: int(1), keepdims: int(0) }],
    ],
    outputs: { class: ['N'] },
    dtypes: { class: 'int64' },
    ...more,
  });
  const graph = graphOf(classifier());
  assert.equal((await check(graph)).refused, undefined);
  const turned = changed(graph, 'w', (_, i) => floats(graph.initializers.get('w')!)[(i + 1) % 32]);
  assert.match((await check(graph, turned)).refused!, /of 8 whole numbers of 'class' differ/);

  const twice = changed(graph, 'w', (_, i) => floats(graph.initializers.get('w')!)[i - (i % 4)]);
  const other = changed(twice, 'w', (x, i) => (i % 4 === 2 ? x * (1 + 1e-6) : x));
  const { refused, note } = await check(twice, other);
  assert.equal(refused, undefined);
  assert.match(note!, /numbers of 'class' differ where ArgMax chose between values that are equal/);
});

test('every shape that a file may fix is run as it is', async () => {
  const convolved = (batch: number): Sketch => ({
    inputs: { x: [batch, 3, 8, 8] },
    weights: { w: [5, 3, 3, 3] },
    nodes: [
      ['Conv', ['x', 'w'], 'a'],
      ['GlobalAveragePool', ['a'], 'b'],
      ['Flatten', ['b'], 'y'],
    ],
    outputs: { y: [batch, 5] },
  });
  const passed = async (graph: Graph) => {
    const { refused, samples } = await check(graph);
    assert.equal(refused, undefined);
    return samples;
  };
  assert.equal(await passed(graphOf(convolved(4))), 4);
  assert.equal(await passed(graphOf(convolved(37))), 37);
  const state = graphOf({
    inputs: { state: [49] },
    weights: { w: [49, 6] },
    nodes: [
      ['MatMul', ['state', 'w'], 'a'],
      ['Tanh', ['a'], 'action'],
    ],
    outputs: { action: [6] },
  });
  assert.equal(await passed(state), 1);
  const recurrent = graphOf({
    inputs: { x: ['N', 4], h: [2, 1, 4] },
    nodes: [['Add', ['x', 'h'], 'y']],
    outputs: { y: undefined },
  });
  assert.equal(await passed(recurrent), 1);
  const similarity = graphOf({
    inputs: { x: ['N', 12] },
    weights: { w: [12, 7] },
    nodes: [
      ['MatMul', ['x', 'w'], 'a'],
      ['Transpose', ['a'], 't', { perm: intList([1, 0]) }],
      ['MatMul', ['a', 't'], 'sim'],
    ],
    outputs: { sim: ['N', 'N'] },
  });
  assert.equal(await passed(similarity), 8, 'one by one');
});

/** The graph with all its real numbers in another element type. */
function ofType(graph: Graph, dtype: DType): Graph {
  const turned = <T extends { dtype: DType }>(each: T): T =>
    isFloat(each.dtype) ? { ...each, dtype } : each;
  const initializers = new Map(
    [...graph.initializers].map(([name, tensor]) => [name, rounded(turned(tensor))] as const),
  );
  return { ...graph, inputs: graph.inputs.map(turned), outputs: graph.outputs.map(turned), initializers };
}

test('files of 16-bit floats are checked as float32, and run as they are where onnxruntime can', async () => {
  const network = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 0, width: 0.25 });
  const half = ofType(network, 'float16');
  const { refused, error } = await check(half);
  assert.equal(refused, undefined);
  assert.ok(error! < 1e-5, 'no rounding is in it');
  const wrong = changed(half, 'conv1.weight', (x) => x * 1.01);
  assert.match((await check(half, wrong)).refused!, /differ by/);
  const brain = await check(ofType(network, 'bfloat16'));
  assert.equal(brain.refused, undefined);
  assert.match(brain.note!, /Only its float32 form was checked: onnxruntime refuses/);
});
