/** Which samples a calibration looks at: labels are never read. */
import { fail, permutation, random } from '../base/index.js';
import { batches, subset } from '../data/index.js';
import { byName } from '../engine/index.js';
import type { BatchForm } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import type { TrainData } from '../train/index.js';

/** Some samples, dense and sample first, by the name of the input. */
export interface Samples {
  inputs: Readonly<Record<string, Float32Array>>;
  count: number;
}

/** Samples in batches of at most so many, of the shapes that `whole` says; always the same ones, in the same order. */
export type Calibration = (graph: Graph, batch: number, whole: BatchForm) => AsyncIterable<Samples>;

export interface DrawOptions {
  /** Default 512, at most all there are. */
  samples?: number;
  /** Which ones, and in which order; default 0. */
  seed?: number;
}

/**
 * Samples of the training split as evaluation sees them, nothing random.
 * @throws UserError where there are none.
 */
export function calibrationSamples(
  { train, augment, mean, std, scale }: Pick<TrainData, 'train' | 'augment' | 'mean' | 'std' | 'scale'>,
  { samples = 512, seed = 0 }: DrawOptions = {},
): Calibration {
  const order = permutation(random(seed, 'calibrate'), train.length).slice(0, samples);
  if (order.length === 0) fail('There are no samples to calibrate on; give at least one.');
  const chosen = subset(train, order);
  return async function* (graph, batch) {
    const names = graph.inputs.map(({ name }) => name);
    const how = { batch, normalize: { mean, std, scale }, augment: augment?.test };
    for await (const { inputs, count } of batches(chosen, how))
      yield { inputs: byName(inputs, names), count };
  };
}
