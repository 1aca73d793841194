import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../base/index.js';
import { floatTensor, type Graph, intList } from '../../onnx/index.js';
import { type Case, modelOf } from '../ops/against.test.fixture.js';
import { summarize } from './summary.js';

const weights = (...shape: number[]) => ({ shape, fixed: true });
const conv: Case = {
  op: 'Conv',
  opset: 13,
  inputs: [{ shape: [1, 3, 8, 8] }, weights(4, 3, 3, 3), weights(4)],
  attributes: { pads: intList([1, 1, 1, 1]) },
};

/** Conv → Flatten, its batch left open. */
function network(): Graph {
  const graph = modelOf(conv);
  const flatten = {
    name: 'flat',
    op: 'Flatten',
    domain: '',
    inputs: ['out0'],
    outputs: ['y'],
    attributes: {},
  };
  return {
    ...graph,
    inputs: [{ name: 'in0', dtype: 'float32', shape: ['batch', 3, 8, 8] }],
    nodes: [...graph.nodes, flatten],
    outputs: [{ name: 'y', dtype: 'float32' }],
  };
}

test('shapes carry the batch, parameters and MACs are those of one sample', () => {
  const { layers, params, macs, unknown } = summarize(network());
  assert.deepEqual(layers[0], {
    name: 'node',
    op: 'Conv',
    inputs: [['N', 3, 8, 8]],
    outputs: [['N', 4, 8, 8]],
    params: 4 * 27 + 4,
    macs: 4 * 64 * 27,
    weights: ['in1', 'in2'],
    prunable: ['in1'],
  });
  assert.deepEqual(layers[1].outputs, [['N', 256]]);
  assert.equal(params, 112);
  assert.equal(macs, 6912);
  assert.deepEqual(unknown, []);
});

test('a dimension that the batch is folded into is a multiple of it', () => {
  const graph = network();
  const [node, flatten] = graph.nodes;
  const folded = { ...flatten, attributes: { axis: { type: 'int', value: 2 } as const } };
  assert.deepEqual(summarize({ ...graph, nodes: [node, folded] }).layers[1].outputs, [['4·N', 64]]);
});

test('weights used twice, and forms of them, are counted once', () => {
  const graph = network();
  const again = { ...graph.nodes[0], name: 'again', outputs: ['z'] };
  const negated = { name: 'neg', op: 'Neg', domain: '', inputs: ['in1'], outputs: ['w'], attributes: {} };
  const third = { ...again, name: 'third', inputs: ['in0', 'w'], outputs: ['v'] };
  const { params, layers } = summarize({ ...graph, nodes: [...graph.nodes, again, negated, third] });
  assert.equal(params, 112);
  assert.deepEqual(layers.at(-1)?.weights, ['in1']);
});

test('operators that are not known are listed, and what follows from them has no shape unless the file declares one', () => {
  const graph = network();
  const odd = {
    name: 'odd',
    op: 'WordConvEmbedding',
    domain: 'com.microsoft',
    inputs: ['y'],
    outputs: ['o'],
    attributes: {},
  };
  const relu = { name: 'relu', op: 'Relu', domain: '', inputs: ['o'], outputs: ['r'], attributes: {} };
  const { unknown, layers, macs } = summarize({ ...graph, nodes: [...graph.nodes, odd, relu] });
  assert.deepEqual(unknown, [{ op: 'com.microsoft.WordConvEmbedding', count: 1 }]);
  assert.deepEqual(layers[3].outputs, [undefined]);
  assert.equal(macs, 6912);

  const head = { name: 'head', op: 'MatMul', domain: '', inputs: ['r', 'm'], outputs: ['h'], attributes: {} };
  const declaring = (shape: (number | string)[]): Graph => ({
    ...graph,
    nodes: [...graph.nodes, odd, relu, head],
    initializers: new Map(graph.initializers).set('m', floatTensor([8, 3], new Float32Array(24))),
    declared: new Map([['o', { name: 'o', dtype: 'float32', shape }]]),
  });
  const told = summarize(declaring(['batch', 8]));
  assert.deepEqual([told.layers[3].outputs, told.macs, told.uncounted], [[['N', 8]], 6912 + 24, []]);
  const some = summarize(declaring(['found', 8]));
  assert.deepEqual(
    [some.layers[3].outputs, some.macs, some.uncounted],
    [[undefined], 6912, ["MatMul 'head'"]],
  );
  const wrong = summarize(declaring(['batch', 9]));
  assert.deepEqual(
    [wrong.layers[4].outputs, wrong.macs, wrong.uncounted],
    [[undefined], 6912, ["MatMul 'head'"]],
  );
});

test('nodes that espalier has no form for leave the rest counted', () => {
  const graph = network();
  const node = (op: string, inputs: string[], output: string) => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes: {} },
  });
  const nodes = [...graph.nodes, node('Expand', ['y', 'sizes'], 'repeated'), node('Relu', ['repeated'], 'r')];
  const sizes = { name: 'sizes', dtype: 'int64' as const, shape: [2] };
  const { macs, layers } = summarize({ ...graph, inputs: [...graph.inputs, sizes], nodes });
  assert.deepEqual([layers[3].outputs, macs], [[undefined], 6912]);
});

test('open dimensions and misfits are named', () => {
  const graph = network();
  const open: Graph = { ...graph, inputs: [{ name: 'in0', dtype: 'float32', shape: ['batch', 3, 'h', 8] }] };
  assert.throws(() => summarize(open), { name: 'UserError', message: /'in0'.*--input-shape in0=/ });
  assert.deepEqual(summarize(open, { inputShapes: { in0: [1, 3, 4, 8] } }).layers[0].outputs, [
    ['N', 4, 4, 8],
  ]);
  assert.throws(() => summarize(open, { inputShapes: { image: [1] } }), UserError);
  const wrong = new Map(graph.initializers).set('in1', floatTensor([4, 5, 3, 3], new Float32Array(180)));
  assert.throws(() => summarize({ ...graph, initializers: wrong }), {
    name: 'UserError',
    message: /Conv 'node'.*\[4,5,3,3\]/,
  });
});

test('weights computed from data cost what their shape says', () => {
  const graph = network();
  const scaled = {
    name: 'scale',
    op: 'Mul',
    domain: '',
    inputs: ['in1', 'style'],
    outputs: ['w'],
    attributes: {},
  };
  const first = { ...graph.nodes[0], inputs: ['in0', 'w', 'in2'] };
  const style = { name: 'style', dtype: 'float32' as const, shape: [4, 1, 1, 1] };
  const inputs = [...graph.inputs, style];
  const { macs, layers, uncounted } = summarize({ ...graph, inputs, nodes: [scaled, first, graph.nodes[1]] });
  assert.equal(macs, 6912);
  assert.deepEqual(layers[1].outputs, [['N', 4, 8, 8]]);
  assert.deepEqual(layers[1].prunable, []);
  assert.deepEqual(uncounted, []);
});

test('layers of shapes that only a run knows are named, the others counted', () => {
  const graph = network();
  const node = (op: string, inputs: string[], output: string) => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes: {} },
  });
  const nodes = [
    ...graph.nodes,
    node('Reshape', ['y', 'shape'], 'rows'),
    node('MatMul', ['rows', 'matrix'], 'product'),
    node('Relu', ['product'], 'last'),
  ];
  const inputs = [...graph.inputs, { name: 'shape', dtype: 'int64' as const, shape: [2] }];
  const initializers = new Map(graph.initializers).set('matrix', floatTensor([8, 3], new Float32Array(24)));
  const { macs, layers, uncounted } = summarize({ ...graph, inputs, nodes, initializers });
  assert.equal(macs, 6912);
  assert.deepEqual(layers[3].outputs, [undefined]);
  assert.deepEqual(uncounted, ["MatMul 'product'"]);
});
