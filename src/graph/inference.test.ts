import assert from 'node:assert/strict';
import { test } from 'node:test';
import { float, type Graph, int, type Node, newSource } from '../onnx/index.js';
import { inferenceForm } from './inference.js';

const node = (
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Node['attributes'] = {},
): Node => ({
  ...{ name: op, op, domain: '', inputs, outputs, attributes },
});

const graphOf = (...nodes: Node[]): Graph => ({
  ...{ name: '', inputs: [], nodes, initializers: new Map(), declared: new Map() },
  outputs: [{ name: 'y', dtype: 'float32' }],
  source: newSource(15),
});

const norm = { training_mode: int(1), epsilon: float(1e-3) };

test('training mode leaves BatchNormalization and Dropout, all else stays', () => {
  const { nodes } = inferenceForm(
    graphOf(
      node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['n', 'mean', 'var'], norm),
      node('Dropout', ['n', 'ratio', 'true'], ['y', 'mask']),
      node('Relu', ['y'], ['z']),
    ),
  );
  assert.deepEqual(nodes[0].attributes, { epsilon: float(1e-3) });
  assert.deepEqual(nodes[0].outputs, ['n']);
  assert.deepEqual(nodes[1].inputs, ['n', 'ratio']);
  assert.equal(nodes[2].op, 'Relu');
});

test('before opset 14 the further outputs alone say training mode', () => {
  const trained = node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y', 'm1', 'v1', 'm2', 'v2']);
  assert.deepEqual(inferenceForm(graphOf(trained)).nodes[0].outputs, ['y']);
});

test('a node whose further outputs are used stays as it is', () => {
  const kept = node('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['n', 'mean', 'var'], norm);
  const { nodes } = inferenceForm(graphOf(kept, node('Add', ['n', 'mean'], ['y'])));
  assert.equal(nodes[0], kept);
});
