import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Graph, newSource } from '../onnx/index.js';
import { numbers } from './cases.test.fixture.js';
import { costOfSample } from './cost.js';

test('a sample costs two runs, and of each layer half a Gram matrix for every pixel', () => {
  const layer = (name: string, op: string, inputs: string[]) => ({
    ...{ name, op, domain: '', inputs, outputs: [name], attributes: {} },
  });
  const graph: Graph = {
    name: 'two layers',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 8, 8] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 10] }],
    nodes: [
      layer('a', 'Conv', ['x', 'w']),
      layer('p', 'GlobalAveragePool', ['a']),
      layer('f', 'Flatten', ['p']),
      layer('y', 'MatMul', ['f', 'v']),
    ],
    initializers: new Map([
      ['w', numbers('w', [4, 3, 3, 3])],
      ['v', numbers('v', [4, 10])],
    ]),
    declared: new Map(),
    source: newSource(17),
  };
  const [conv, matmul] = [6 * 6 * 4 * 27, 4 * 10];
  assert.equal(costOfSample(graph), 2 * (conv + matmul) + (6 * 6 * 27 ** 2) / 2 + 4 ** 2 / 2);
});
