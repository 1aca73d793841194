/**
 * A copy of the network, rewritten at will, that gives gradients by the prunable weights and leaves the network that is
 * trained as it is: its weights, its running statistics, its optimiser.
 */
import type { Batch } from '../data/index.js';
import { loadNetwork, type TrainingOptions } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import type { Prunable, Surroundings } from './types.js';

/** What a score differentiates before training: opened once, asked once a round. */
export type Objective = (
  layers: readonly Prunable[],
  around: Surroundings,
  options: ObjectiveOptions,
) => Promise<OpenObjective>;

export interface ObjectiveOptions {
  /** Look at so many samples of every class; 0: at the run's first batch. */
  perClass?: number;
}

export interface OpenObjective {
  /** The gradient by each layer's weights, as the layers are now. */
  gradients(): Promise<Float32Array[]>;
  close(): void;
}

export type Examples = Pick<Batch, 'inputs' | 'labels' | 'count'> & Partial<Batch>;

export interface Probe {
  /**
   * The gradient of the graph's loss by each layer's weights, were they these, summed over the batches; of a probe for
   * curvature, how it changes along directions.
   */
  gradients(weights: readonly Float32Array[], directions?: readonly Float32Array[]): Promise<Float32Array[]>;
  close(): void;
}

/** Loads a graph that has the layers' weights under their names. */
export function openProbe(
  graph: Graph,
  layers: readonly Prunable[],
  { network: { machine, batch }, seed, objective }: Surroundings,
  batches: readonly Examples[],
  options: Pick<TrainingOptions, 'loss' | 'curvature'> = {},
): Probe {
  const names = new Set(layers.map(({ name }) => name));
  const network = loadNetwork(graph, { machine, inputShapes: batch.shapes });
  const training = network.training({
    ...{ batch: Math.max(...batches.map(({ count }) => count)), optimizer: 'sgd', seed, ...options },
    ...(options.loss === 'sum' ? {} : objective.loss(graph, 'scoring')),
    trained: ({ name }) => names.has(name),
  });
  return {
    async gradients(weights, directions) {
      layers.forEach(({ name }, l) => {
        network.parameters.get(name)!.weight.set(weights[l]);
        if (directions) training.directions!.get(name)!.set(directions[l]);
      });
      network.push(names);
      if (directions) training.push(['direction'], names);
      const sums = weights.map((values) => new Float32Array(values.length));
      for (const batch of batches) {
        const { inputs: values, labels, count } = batch;
        const answers = options.loss === 'sum' ? labels : objective.targets(batch as Batch);
        await training.gradients(values, answers, count, 0);
        await training.pull(['gradient'], names);
        layers.forEach(({ name }, l) => {
          const { gradient } = training.slots.get(name)!;
          for (let i = 0; i < gradient.length; i++) sums[l][i] += gradient[i];
        });
      }
      return sums;
    },
    close: network.close,
  };
}

/** The samples that an objective looks at. */
export const samplesOf = ({ firstBatch, examples }: Surroundings, { perClass }: ObjectiveOptions) =>
  perClass ? examples(perClass) : firstBatch();
