/** What a model is tried on: samples of a data set, or random numbers for whatever inputs it has. */
import { fail } from '../base/errors.js';
import { normal, random } from '../base/random.js';
import { batches, type Dataset } from '../data/index.js';
import { byName, type Network } from '../engine/index.js';
import { sizeOf } from '../onnx/index.js';

export interface Feeds {
  /** By input: `count` samples, one after another. */
  inputs: Record<string, Float32Array>;
  count: number;
}

/** Gives at most `count` samples. */
export type Samples = (network: Network, count: number) => Promise<Feeds>;

/** The first samples of the test split, as the network gets them. */
export const samplesOf =
  (dataset: Dataset): Samples =>
  async ({ graph }, wanted) => {
    const split = dataset.test ?? dataset.train;
    const how = { batch: wanted, normalize: dataset, augment: dataset.augment.test };
    const names = graph.inputs.map(({ name }) => name);
    for await (const { inputs, count } of batches(split, how))
      return { inputs: { ...byName(inputs, names) }, count };
    return fail('There are no samples to check the exported model with; give the data some.');
  };

/** Normal numbers; for whole numbers and truths 0 and 1 in turn, which any table of tokens has. */
export const randomSamples: Samples = async (network, count) => ({
  inputs: randomInputs(network, count),
  count,
});

export function randomInputs({ graph, inputs }: Network, count: number): Record<string, Float32Array> {
  const stream = random(0, 'samples');
  const isReal = (name: string) =>
    graph.inputs.find((input) => input.name === name)?.dtype.startsWith('float');
  return Object.fromEntries(
    [...inputs].map(([name, shape]) => {
      const next = isReal(name) ? () => normal(stream) : (_: unknown, i: number) => i % 2;
      return [name, Float32Array.from({ length: count * sizeOf(shape) }, next)];
    }),
  );
}
