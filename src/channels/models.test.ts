/** Real models, where they lie beside the checkout, and the zoo: what of them can go, what a half saves, and masked ≡ shrunk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serializeModel } from '../onnx/serialize.js';
import { bytesIn, halved, sameComputed } from './equivalence.test.fixture.js';
import { findChannels } from './index.js';
import { manifest } from './manifest.test.fixture.js';
import { factsOf, folders, halfOf, leftOut, modelNames, openModel } from './models.test.fixture.js';

test('every model is in the manifest', () => {
  assert.deepEqual(
    modelNames.filter((name) => !manifest[name]),
    [],
  );
});

for (const [name, expected] of Object.entries(manifest)) {
  test(name, async (t) => {
    if (!modelNames.includes(name) && !folders.includes(name.split('/')[0]))
      return t.skip(`${name}.onnx is not there`);
    if ('refused' in expected) {
      await assert.rejects(openModel(name), ({ message }: Error) => message.includes(expected.refused));
      return;
    }
    const model = await openModel(name);
    const { graph, setting } = model;
    const channels = findChannels(graph, setting);
    assert.deepEqual(leftOut(model, channels), []);

    const half = await sameComputed(graph, channels, halfOf(channels), setting);
    const { bytes, ...facts } = factsOf(model, channels, half);
    const { bytes: size, ...others } = expected;
    assert.deepEqual(facts, others);
    for (const i of [0, 1]) assert.ok(Math.abs(bytes[i] / size[i] - 1) < 0.01, `${bytes[i]} bytes`);
    const weights = bytesIn(graph) - bytesIn(half);
    assert.ok(bytes[0] - bytes[1] >= 0.98 * weights, 'the file shrinks as its weights do');

    const large = name.startsWith('models/light_');
    if (!large) {
      const rounded = await sameComputed(graph, channels, halved(channels, 8, 0.5, 8), setting);
      assert.ok(channels.groups.length === 0 || serializeModel(rounded).length < bytes[0]);
    }
  });
}
