/** What the header of index.ts promises. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import * as espalier from './index.js';

test('a network of the zoo is trained, pruned, written and measured in a few lines', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-library-'));
  const path = join(folder, 'pruned.onnx');
  const data = await espalier.openDataset('digits');
  const machine = await espalier.openMachine();
  const model = espalier.buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const network = espalier.loadNetwork(model, { machine });
  const { epochs, masks } = await espalier.trainNetwork({
    ...{ network, data, epochs: 5, batch: 32, seed: 1 },
    optimizer: { kind: 'sgd' },
    schedule: { kind: 'cosine', learningRate: 0.1 },
    hooks: [espalier.pruningHook(espalier.fggp, { sparsity: 0.8 })],
  });
  await espalier.writeModel(path, network.snapshot());

  const written = espalier.loadNetwork(await espalier.readModel(path), { machine });
  const { accuracy } = await espalier.evaluate(written, data.test!, { normalize: data });
  assert.equal(accuracy, epochs[4].test!.accuracy);
  assert.ok(accuracy! > 0.8, `${accuracy}`);
  const weights = [...written.parameters.values()].filter(({ prunable }) => prunable);
  const size = weights.reduce((sum, { weight }) => sum + weight.length, 0);
  const zeros = weights.reduce((sum, { weight }) => sum + weight.filter((w) => w === 0).length, 0);
  assert.equal(zeros, Math.floor(size * 0.8 + 1e-6));
  assert.ok(masks.at(-1)!.final && masks.at(-1)!.sparsity === zeros / size);
  await machine.close();
  await rm(folder, { recursive: true });
});
