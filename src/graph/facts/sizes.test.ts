/** Which dimensions are open, and at which other sizes a model is looked at. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { floatTensor, type Graph, intTensor, type Node, newSource, type Value } from '../../onnx/index.js';
import { openDimensions, otherSizes } from './sizes.js';

function model(inputs: Record<string, Value['shape']>, ...nodes: [op: string, ...inputs: string[]][]): Graph {
  return {
    name: 'open',
    inputs: Object.entries(inputs).map(([name, shape]) => ({ name, dtype: 'float32', shape })),
    outputs: [],
    nodes: nodes.map(([op, ...from], i): Node => {
      return { name: `${op}${i}`, op, domain: '', inputs: from, outputs: [`y${i}`], attributes: {} };
    }),
    initializers: new Map([
      ['rows', floatTensor([7, 4], new Float32Array(28))],
      ['flat', intTensor([2], [1, 196])],
    ]),
    declared: new Map(),
    source: newSource(17),
  };
}

const inWords = (graph: Graph, shapes: Record<string, number[]>): string[] =>
  otherSizes(graph, shapes).map(
    ({ shapes: found, changed }) =>
      `${changed.map(({ name }) => name).join(' and ')}: ${Object.values(found).map((shape) => `[${shape}]`)}`,
  );

test('a symbol is one dimension wherever it stands, an unnamed one is its place, the first axes are the batch', () => {
  const graph = model({ ids: ['N', 'T'], mask: ['batch', 'T', undefined], fixed: [1, 7] });
  const found = openDimensions(graph, { ids: [1, 7], mask: [1, 7, 9] });
  assert.deepEqual(
    found.map(({ name, batch, size, places }) => [name, batch, size, places.length]),
    [
      ['N', true, 1, 2],
      ['T', false, 7, 2],
      ['mask, axis 2', false, 9, 1],
    ],
  );
});

test('each open dimension changes by itself, and all of them together', () => {
  const graph = model({ x: ['N', 'T', 4] }, ['Relu', 'x']);
  assert.deepEqual(inWords(graph, { x: [1, 7, 4] }), [
    'N: [3,7,4]',
    'T: [1,14,4]',
    'T: [1,8,4]',
    'N and T: [3,14,4]',
  ]);
});

test('dimensions that must agree change together, and sizes that do not fit are left out', () => {
  const sum = model({ x: [1, 'A', 4], y: [1, 'B', 4] }, ['Add', 'x', 'y']);
  assert.deepEqual(inWords(sum, { x: [1, 7, 4], y: [1, 7, 4] }), [
    'A and B: [1,14,4],[1,14,4]',
    'A and B: [1,8,4],[1,8,4]',
  ]);
  const table = model({ x: ['N', 'T', 4] }, ['Add', 'x', 'rows']);
  assert.deepEqual(inWords(table, { x: [1, 7, 4] }), ['N: [3,7,4]']);
});

test('the only size that fits leaves nothing to try', () => {
  assert.deepEqual(otherSizes(model({ x: [1, 'T', 28] }, ['Reshape', 'x', 'flat']), { x: [1, 7, 28] }), []);
});
