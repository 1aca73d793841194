/** The ways to a model's answers give the same ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMachine } from '../../engine/index.js';
import { graphOf } from '../../graph/graph.test.fixture.js';
import { batchOf } from '../../graph/index.js';
import { type Answers, randomTrial } from '../samples.js';
import { engineAnswerer, referenceAnswerer } from './answers.js';

const graph = graphOf({
  inputs: { x: ['N', 3, 8, 8] },
  weights: { w: [5, 3, 3, 3], head: [5, 4] },
  nodes: [
    ['Conv', ['x', 'w'], 'a'],
    ['Relu', ['a'], 'b'],
    ['GlobalAveragePool', ['b'], 'c'],
    ['Flatten', ['c'], 'd'],
    ['MatMul', ['d', 'head'], 'y'],
  ],
  outputs: { y: ['N', 4] },
});

const near = (found: Answers, expected: Answers, name: string) => {
  const [one, other] = [found, expected].map((answers) => Array.from(answers[name].data, Number));
  assert.equal(one.length, other.length);
  for (const [i, x] of one.entries()) assert.ok(Math.abs(x - other[i]) < 1e-5, `${x} is not ${other[i]}`);
};

test('the engine within its memory, the runtime beyond it, and the reference', async () => {
  const machine = await openMachine({ threads: 1 });
  try {
    const trial = await randomTrial(graph, batchOf(graph), 3);
    const expected = await referenceAnswerer(graph).answer(trial);
    assert.equal(expected.y.data.length, 12);
    near(await engineAnswerer(graph, { machine }).answer(trial), expected, 'y');
    near(await engineAnswerer(graph, { machine, memory: 1 }).answer(trial), expected, 'y');
    const within = { machine, outputs: ['d'] };
    const pooled = await engineAnswerer(graph, within).answer(trial);
    assert.equal(pooled.d.data.length, 15);
    near(await engineAnswerer(graph, { ...within, memory: 1 }).answer(trial), pooled, 'd');
  } finally {
    await machine.close();
  }
});
