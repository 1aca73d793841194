/** A small network trained on the digits with learnt masks, as a run does it: what the tests of this room look at. */
import { batchCount, openDataset, splitValidation } from '../../data/index.js';
import { loadNetwork, type Network, openMachine } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import type { Graph } from '../../onnx/index.js';
import {
  type Hook,
  type TrainOptions,
  type TrainResult,
  trainNetwork,
  weightsOf,
  withWeights,
} from '../../train/index.js';
import { bakeMasks } from './rewrite.js';
import type { LearntMethod } from './types.js';

export interface Learnt extends TrainResult {
  /** Before masks. */
  model: Graph;
  /** With masks, before training. */
  start: Graph;
  /** With masks, after training. */
  trained: Graph;
  /** Without. */
  baked: Graph;
}

export async function learnDigits(
  method: LearntMethod,
  options: Record<string, unknown>,
  { epochs = 1, watch, ...more }: Partial<TrainOptions> & { watch?: (network: Network) => Hook } = {},
): Promise<Learnt> {
  const digits = await openDataset('digits');
  const machine = await openMachine({ threads: 1 });
  const model = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const optimizer = { kind: 'sgd' } as const;
  const schedule = { kind: 'cosine', learningRate: 0.05 } as const;
  const data = { ...digits, ...splitValidation(digits.train, 0.1, 1) };
  const steps = batchCount(data.train, { batch: 128 });
  const context = { epochs, steps, seed: 1, optimizer, schedule, inputShapes: {} };
  const { graph, training, hook } = method.prepare(model, options, context);
  const network = loadNetwork(graph, { machine });
  try {
    const result = await trainNetwork({
      ...{ network, epochs, batch: 128, seed: 1, optimizer },
      data,
      ...training,
      hooks: [hook, ...(watch ? [watch(network)] : [])],
      ...more,
    });
    const trained = withWeights(graph, weightsOf(network));
    return { ...result, model, start: graph, trained, baked: bakeMasks(trained) };
  } finally {
    await machine.close();
  }
}
