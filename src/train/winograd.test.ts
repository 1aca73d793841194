/**
 * Convolutions leave Winograd's algorithm, whose sums have other bits, when too few weights are left (engine/lowering/winograd.ts).
 * A run that is pruned across that threshold ends the same, wherever it was stopped.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../data/index.js';
import { loadNetwork, openMachine } from '../engine/index.js';
import { WINOGRAD_DENSITY } from '../engine/lowering/index.js';
import { buildNetwork } from '../nn/index.js';
import type { Hook } from './hooks.js';
import { trainNetwork } from './loop.js';
import type { TrainOptions } from './options.js';
import { weightsOf } from './weights.js';

/** Densities from an iteration on: two above X. */
const plan = new Map([
  [2, WINOGRAD_DENSITY + 0.2],
  [4, WINOGRAD_DENSITY - 0.2],
]);
const ITERATIONS = 6;

/** Prunes by the plan, at equal distances, and notes in which iterations kernels of Winograd ran. */
const pruning = (used: Map<number, boolean>): Hook => ({
  needsPrunedGradients: () => false,
  afterGradients({ network, training }, iteration) {
    const ran = training.steps().some(({ kernel, taken }) => taken && kernel.startsWith('winograd'));
    used.set(iteration, ran);
    const density = plan.get(iteration);
    if (density === undefined) return undefined;
    for (const { name, weight, prunable } of network.parameters.values()) {
      const { mask, state } = training.slots.get(name)!;
      for (let i = 0; prunable && i < weight.length; i++)
        if (Math.floor((i + 1) * density) === Math.floor(i * density))
          for (const values of [mask, weight, ...state]) values[i] = 0;
    }
    return { iteration, sparsity: 1 - density, final: iteration === 4 };
  },
});

/** Trains, stopping after the iterations `stops`, each piece on a machine and a network of its own. */
async function train(stops: readonly number[], path: string) {
  const digits = await openDataset('digits');
  const length = 32 * ITERATIONS;
  const some = { ...digits.train, length, labels: digits.train.labels.subarray(0, length) };
  const used = new Map<number, boolean>();
  for (let piece = 0; ; piece++) {
    const machine = await openMachine();
    const graph = buildNetwork('conv2', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
    const network = loadNetwork(graph, { machine });
    const stop = new AbortController();
    let done = 0;
    const settings: TrainOptions = {
      ...{ network, data: { ...digits, train: some, test: undefined }, epochs: 1, batch: 32, seed: 1 },
      optimizer: { kind: 'sgd' },
      schedule: { kind: 'constant', learningRate: 0.01 },
      hooks: [pruning(used)],
      checkpoint: { path, resume: true },
      signal: stop.signal,
      onStart: (start) => {
        done = start.done;
      },
      onStep: () => {
        if (++done === stops[piece]) stop.abort();
      },
    };
    const { finished } = await trainNetwork(settings);
    const weights = weightsOf(network);
    await machine.close();
    assert.equal(finished, piece === stops.length);
    if (finished) return { weights, used };
  }
}

test('a run pruned out of Winograd and stopped on either side of it ends bit-identical to one that was not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-winograd-'));
  try {
    const whole = await train([], join(folder, 'whole'));
    assert.deepEqual([...whole.used.values()], [true, true, true, true, false, false]);
    const pieces = await train([1, 3, 4, 5], join(folder, 'pieces'));
    assert.deepEqual(pieces, whole);
  } finally {
    await rm(folder, { recursive: true });
  }
});
