/**
 * A small residual network on the digits, pruned a little on the way: what the tests train on the engine. As a program
 * (`node digits.test.fixture.js CHECKPOINT`) it goes on from the checkpoint, and prints a line after every step.
 */
import { fileURLToPath } from 'node:url';
import { openDataset, splitValidation } from '../data/index.js';
import { loadNetwork, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import type { Hook } from './hooks.js';
import { trainNetwork } from './loop.js';
import type { TrainOptions, TrainResult } from './options.js';
import { weightsOf } from './weights.js';

/** Every tenth iteration up to the 60th, one more in a hundred of every weight's elements goes, from the front. */
export const nibbling: Hook = {
  afterGradients({ network, training }, iteration) {
    if (iteration % 10 !== 0 || iteration > 60) return undefined;
    const sparsity = iteration / 1000;
    for (const { name, weight, prunable } of network.parameters.values()) {
      const { mask, state } = training.slots.get(name)!;
      const count = prunable ? Math.floor(weight.length * sparsity) : 0;
      for (const values of [mask, weight, ...state]) values.fill(0, 0, count);
    }
    return { iteration, sparsity, final: iteration === 60 };
  },
};

export async function trainDigits(
  more: Partial<TrainOptions> = {},
  threads?: number,
): Promise<TrainResult & { weights: Map<string, Float32Array> }> {
  const digits = await openDataset('digits');
  const machine = await openMachine({ threads });
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const network = loadNetwork(graph, { machine });
  const result = await trainNetwork({
    network,
    data: { ...digits, ...splitValidation(digits.train, 0.1, 1) },
    epochs: 2,
    batch: 32,
    seed: 1,
    optimizer: { kind: 'adam' },
    schedule: { kind: 'cosine', learningRate: 0.01 },
    augment: { crop: { padding: 1 } },
    hooks: [nibbling],
    ...more,
  });
  const weights = weightsOf(network);
  await machine.close();
  return { ...result, weights };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const checkpoint = { path: process.argv[2], seconds: 0.01, resume: true };
  await trainDigits({ checkpoint, onStep: ({ step }) => process.stdout.write(`${step}\n`) });
}
