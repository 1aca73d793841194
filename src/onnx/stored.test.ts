import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Attribute, Graph, Tensor } from './model.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';
import { newSource } from './source.js';
import { asStored } from './stored.js';

const tensor = (dtype: Tensor['dtype'], values: number[]): Tensor => ({
  dtype,
  shape: [values.length],
  data: Float32Array.from(values),
});

/** A model of numbers that files round. */
function model(): Graph {
  const attributes: Record<string, Attribute> = {
    alpha: { type: 'float', value: 1e-5 },
    scales: { type: 'floats', value: [0.1, 0.2] },
    table: { type: 'tensor', value: tensor('float16', [0.1, 1 / 3]) },
    times: { type: 'int', value: 3 },
    name: { type: 'string', value: 'some' },
  };
  return {
    name: 'rounded',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
    nodes: [{ name: 'n', op: 'Own', domain: 'mine', inputs: ['x', 'w', 'b'], outputs: ['y'], attributes }],
    initializers: new Map([
      ['w', tensor('float16', [0.1, -0.2])],
      ['b', tensor('bfloat16', [0.1, 0.3])],
    ]),
    declared: new Map(),
    source: { ...newSource(17), opsets: { '': 17, mine: 1 } },
  };
}

test('a stored graph is what reading its file gives', async () => {
  const graph = model();
  const stored = asStored(graph);
  assert.deepEqual(await parseModel(serializeModel(graph)), stored);
  assert.notDeepEqual(stored, graph, 'something is rounded');
  assert.deepEqual(asStored(stored), stored);
});
