/** Models that want whole numbers take part like all others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMachine } from '../engine/index.js';
import { graphOf, type Sketch } from '../graph/graph.test.fixture.js';
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

test('every runtime is given what the file takes: a fixed number of samples, or a whole', async () => {
  const machine = await openMachine({ threads: 1 });
  const model = (shape: (number | string)[]): Sketch => ({
    inputs: { x: shape },
    weights: { w: [6, 3] },
    nodes: [
      ['MatMul', ['x', 'w'], 'a'],
      ['Tanh', ['a'], 'y'],
    ],
    outputs: { y: [...shape.slice(0, -1), 3] },
  });
  const sizes = async (shape: (number | string)[], batch: number) => {
    const graph = graphOf(model(shape));
    const { contestants } = await enter({ model: 'm', graph, inputShapes: {}, batch, machine }, [
      'onnxruntime-node',
      'espalier',
    ]);
    const lengths: number[] = [];
    for (const { run, close } of contestants) {
      const { y } = (await run()) as Record<string, Float32Array | { data: Float32Array }>;
      lengths.push(('data' in y ? y.data : y).length);
      await close();
    }
    return [contestants[0].batch, ...lengths];
  };
  try {
    assert.deepEqual(await sizes(['N', 6], 5), [5, 15, 15]);
    assert.deepEqual(await sizes([4, 6], 5), [4, 12, 12]);
    assert.deepEqual(await sizes([6], 5), [1, 3, 3]);
  } finally {
    await machine.close();
  }
});
