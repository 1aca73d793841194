/** Real models, where they lie beside the checkout, small ones of our own, and the zoo: what of them can go, what a half saves, and masked ≡ shrunk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize } from '../graph/index.js';
import { ownModels } from '../onnx/own-models.test.fixture.js';
import { sameComputed } from './equivalence.test.fixture.js';
import { findChannels, weightsAsInitializers } from './index.js';
import { manifest } from './manifest.test.fixture.js';
import { halfOf, holds, isLarge, leftOut, modelNames } from './models.test.fixture.js';

test('every model is in the manifest', () => {
  assert.deepEqual(
    modelNames.filter((name) => !manifest[name]),
    [],
  );
});

for (const [name, expected] of Object.entries(manifest))
  if (!isLarge(name)) test(name, (t) => holds(t, name, expected));

for (const { name, read } of ownModels())
  test(`${name}: every weight is accounted for, and a half computes the same masked as shrunk`, async () => {
    const graph = weightsAsInitializers(await read());
    const channels = findChannels(graph);
    assert.deepEqual(leftOut({ graph, setting: {} }, channels), []);
    const half = await sameComputed(graph, channels, halfOf(channels));
    const macs = (g: typeof graph) => summarize(g, {}).macs;
    if (channels.groups.length > 0) assert.ok(macs(half) < macs(graph), `${macs(half)} of ${macs(graph)}`);
  });
