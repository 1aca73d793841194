/** Models that want whole numbers take part like all others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMachine } from '../engine/index.js';
import { floatTensor, type Graph, newSource } from '../onnx/index.js';
import { enter, runtimes } from './bench-contestants.js';

/** Two classes for five tokens, of which there are twenty. */
const tokens: Graph = {
  name: 'tokens',
  inputs: [{ name: 'ids', dtype: 'int64', shape: ['N', 5] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 5, 2] }],
  nodes: [
    { name: 'look', op: 'Gather', domain: '', inputs: ['table', 'ids'], outputs: ['y'], attributes: {} },
  ],
  initializers: new Map([
    [
      'table',
      floatTensor(
        [20, 2],
        Float32Array.from({ length: 40 }, (_, i) => i),
      ),
    ],
  ]),
  declared: new Map(),
  source: newSource(17),
};

test('tokens are given to every runtime as the whole numbers that it wants', async () => {
  const machine = await openMachine({ threads: 1 });
  const entry = { model: 'tokens', graph: tokens, inputShapes: {}, batch: 1, machine };
  const { contestants, absent } = await enter(entry, runtimes);
  assert.equal(contestants.length + absent.size, runtimes.length);
  for (const { runtime, run } of contestants) {
    const { y } = (await run()) as Record<string, Float32Array | { data: Float32Array }>;
    assert.deepEqual([...('data' in y ? y.data : y)], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1], runtime);
  }
  for (const sentence of absent.values()) assert.match(sentence, /not installed/);
  for (const { close } of contestants) await close();
  await machine.close();
});
