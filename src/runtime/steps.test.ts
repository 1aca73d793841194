/** Which node of the model each step of a program works for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMachine } from '../engine/index.js';
import { graphOf } from '../graph/graph.test.fixture.js';
import { intList } from '../onnx/index.js';
import { programmed } from './model.js';

test('every multiplication is put down to its layer, products of attention too', async () => {
  const graph = graphOf({
    inputs: { x: [1, 6, 8] },
    weights: { q: [8, 8], k: [8, 8], v: [8, 8], out: [8, 4] },
    nodes: [
      ['MatMul', ['x', 'q'], 'queries'],
      ['MatMul', ['x', 'k'], 'keys'],
      ['MatMul', ['x', 'v'], 'values'],
      ['Transpose', ['keys'], 'turned', { perm: intList([0, 2, 1]) }],
      ['MatMul', ['queries', 'turned'], 'scores'],
      ['Softmax', ['scores'], 'shares'],
      ['MatMul', ['shares', 'values'], 'mixed'],
      ['MatMul', ['mixed', 'out'], 'y'],
    ],
    outputs: { y: [1, 6, 4] },
  });
  const machine = await openMachine({ threads: 1 });
  const { model, steps } = programmed(graph, { machine });
  const multiplying = steps.filter(({ op }) => op === 'conv' || op === 'matmul');
  const wanted = graph.nodes.flatMap(({ op, name }) => (op === 'MatMul' ? [name] : []));
  assert.deepEqual([...new Set(multiplying.map(({ layer }) => layer))].sort(), wanted.sort());
  await model.close();
  await machine.close();
});
