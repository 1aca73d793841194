/** Random inputs for models of any kind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sketch } from '../channels/sketch.test.fixture.js';
import { batchOf } from '../graph/index.js';
import { randomSamples } from './samples.js';

test('whole numbers are indices that every table has', async () => {
  const s = sketch();
  const [ids, types] = ['ids', 'types'].map((name) => s.input(name, [3], 'int64'));
  const words = s.op('Gather', [s.weight('words', 5, 4), ids]);
  const kinds = s.op('Gather', [s.weight('kinds', 1, 4), types]);
  const graph = s.finish(s.op('Add', [words, kinds]));
  const { inputs } = await randomSamples(graph, batchOf(graph), 2);
  assert.deepEqual(inputs, {
    ids: Float32Array.of(0, 1, 0, 1, 0, 1),
    types: new Float32Array(6),
  });
});
