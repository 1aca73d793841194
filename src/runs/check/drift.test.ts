/** How far the answers of a changed model are from those of the model as it was. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMachine } from '../../engine/index.js';
import { graphOf } from '../../graph/graph.test.fixture.js';
import type { Graph } from '../../onnx/index.js';
import { randomSamples } from '../samples.js';
import { driftOf } from './drift.js';

const graph = graphOf({
  inputs: { x: ['N', 6] },
  weights: { w: [6, 5] },
  nodes: [['MatMul', ['x', 'w'], 'y']],
  outputs: { y: ['N', 5] },
});

/** The same with every weight changed. */
function changed(by: (w: number, i: number) => number): Graph {
  const w = graph.initializers.get('w')!;
  const data = Float32Array.from(w.data as Float32Array, by);
  return { ...graph, initializers: new Map(graph.initializers).set('w', { ...w, data }) };
}

const machine = await openMachine({ threads: 1 });
after(() => machine.close());
const drift = async (to: Graph) =>
  (await driftOf(graph, to, { machine, inputShapes: {}, samples: randomSamples }))![0];

test('answers that are the same, larger, opposite and gone', async () => {
  assert.deepEqual(await drift(graph), { output: 'y', error: 0, cosine: 1, agreement: 1 });
  const larger = await drift(changed((w) => 2 * w));
  assert.ok(Math.abs(larger.error! - 1) < 1e-6 && Math.abs(larger.cosine! - 1) < 1e-6);
  assert.equal(larger.agreement, 1);
  const opposite = await drift(changed((w) => -w));
  assert.ok(Math.abs(opposite.error! - 2) < 1e-6 && Math.abs(opposite.cosine! + 1) < 1e-6);
  assert.equal(opposite.agreement, 0);
});
