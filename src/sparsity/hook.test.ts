import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNetwork, openMachine } from '../engine/index.js';
import { floatTensor, type Graph, newSource } from '../onnx/index.js';
import { prunables } from './hook.js';
import { layersOf } from './still.js';
import type { Prunable } from './types.js';

test('the bias that an Add puts to a product counts as its bias', async () => {
  const node = (op: string, inputs: string[], output: string) => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes: {} },
  });
  const filled = (shape: number[]) =>
    floatTensor(
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
    );
  const graph: Graph = {
    name: 'matmul',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 3] }],
    nodes: [
      node('MatMul', ['x', 'a'], 'xa'),
      node('Add', ['b', 'xa'], 'h'),
      node('Relu', ['h'], 'r'),
      node('MatMul', ['r', 'c'], 'z'),
      {
        ...node('Einsum', ['z', 'd', 'e'], 'y'),
        attributes: { equation: { type: 'string' as const, value: 'bi,oi,jo->bj' } },
      },
    ],
    initializers: new Map([
      ['a', filled([4, 5])],
      ['b', filled([5])],
      ['c', filled([5, 3])],
      ['d', filled([2, 3])],
      ['e', filled([3, 2])],
    ]),
    declared: new Map(),
    source: newSource(17),
  };
  const machine = await openMachine({ threads: 1 });
  const network = loadNetwork(graph, { machine });
  const training = network.training({ batch: 2, optimizer: 'sgd' });
  const trained = prunables({ network, training });
  assert.deepEqual(
    trained.map(({ name, biases, outputAxis }) => ({ name, biases, outputAxis })),
    [
      { name: 'a', biases: 5, outputAxis: 1 },
      { name: 'c', biases: 0, outputAxis: 1 },
      { name: 'd', biases: 0, outputAxis: 0 },
      { name: 'e', biases: 0, outputAxis: 0 },
    ],
  );
  const bare = (layer: Prunable) => ({ ...layer, gradient: [], momentum: [], mask: [...layer.mask] });
  const odd = { ...node('Frobnicate', ['y', 'b'], 'odd'), domain: 'vendor' };
  assert.deepEqual(layersOf({ ...graph, nodes: [...graph.nodes, odd] }).map(bare), trained.map(bare));
  await machine.close();
});
