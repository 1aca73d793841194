/** Taylor saliency of a graph's parameters, over some mini-batches of the training samples. */

import { permutation, random } from '../../base/index.js';
import { batches, subset } from '../../data/index.js';
import { loadNetwork, type Machine } from '../../engine/index.js';
import { classification, graphToTrain, type Objective } from '../../objectives/index.js';
import type { Graph } from '../../onnx/index.js';
import type { TrainData } from '../../train/index.js';
import { addSaliency } from './saliency.js';

export interface SaliencyOptions {
  /** The machine that computes it. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, by input name, batch first. */
  inputShapes?: Record<string, readonly number[]>;
  /** Labelled samples and how to normalise them. */
  data: TrainData;
  /** What the loss is of; default classification. */
  objective?: Objective;
  /** Samples of a mini-batch, as in training. */
  batch: number;
  /** How many of them; default 10, at most all there are. */
  count?: number;
  /** Seed that chooses the samples. */
  seed: number;
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Σ (w·∂L/∂w)² over mini-batches, by name of parameter. The graph stays as it is. */
export async function measureSaliency(
  graph: Graph,
  {
    machine,
    inputShapes,
    data,
    objective = classification(),
    batch,
    count = 10,
    seed,
    signal,
  }: SaliencyOptions,
): Promise<Map<string, Float64Array>> {
  const network = loadNetwork(graphToTrain(graph, objective), { machine, inputShapes });
  try {
    const training = network.training({
      batch,
      optimizer: 'sgd',
      seed,
      ...objective.loss(graph, 'scoring'),
    });
    const weights = new Map([...network.parameters].map(([name, { weight }]) => [name, weight]));
    const gradients = new Map([...training.slots].map(([name, { gradient }]) => [name, gradient]));
    const order = permutation(random(seed, 'saliency'), data.train.length).slice(0, batch * count);
    const saliency = new Map<string, Float64Array>();
    let step = 0;
    for await (const item of batches(subset(data.train, order), {
      ...{ batch, normalize: data, augment: data.augment?.test },
    })) {
      signal?.throwIfAborted();
      const { inputs, count: filled } = item;
      await training.gradients(inputs, objective.targets(item), filled, ++step);
      await training.pull(['gradient']);
      addSaliency(saliency, weights, gradients);
    }
    return saliency;
  } finally {
    network.close();
  }
}
