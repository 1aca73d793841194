/** What a model is tried on: samples of a data set, or random numbers for whatever inputs it has. */
import { fail, normal, random, uniform } from '../base/index.js';
import type { Calibration } from '../calibration/index.js';
import { batches, type Dataset } from '../data/index.js';
import { byName } from '../engine/index.js';
import type { BatchForm } from '../graph/index.js';
import { type DType, type Graph, isFloat, sizeOf } from '../onnx/index.js';
import { tablesOf } from './indices.js';

export interface Feeds {
  /** By input: `count` samples, one after another. */
  inputs: Record<string, Float32Array>;
  count: number;
}

/** Gives at most `count` samples, of the shapes that `batch` says. */
export type Samples = (graph: Graph, batch: BatchForm, count: number) => Promise<Feeds>;

/** The first samples of the test split, as the network gets them. */
export const samplesOf =
  (dataset: Dataset): Samples =>
  async (graph, _, wanted) => {
    const split = dataset.test ?? dataset.train;
    const how = { batch: wanted, normalize: dataset, augment: dataset.augment.test };
    const names = graph.inputs.map(({ name }) => name);
    for await (const { inputs, count } of batches(split, how))
      return { inputs: { ...byName(inputs, names) }, count };
    return fail('There are no samples to check the exported model with; add some to the data.');
  };

/** Normal numbers; for whole numbers and truths 0 and 1 in turn, or 0 alone where they choose from a table of one row. */
export const randomSamples: Samples = async (graph, { shapes }, count) => {
  const stream = random(0, 'samples');
  const tables = tablesOf(graph);
  const drawn = graph.inputs.map(({ name, dtype }) => {
    const rows = Math.min(2, tables.get(name) ?? 2);
    const next = isFloat(dtype) ? () => normal(stream) : (_: unknown, i: number) => i % rows;
    return [name, Float32Array.from({ length: count * sizeOf(shapes[name]) }, next)] as const;
  });
  return { inputs: Object.fromEntries(drawn), count };
};

/** So many random samples, in batches. */
export const randomCalibration = (wanted: number): Calibration =>
  async function* (graph, batch, whole) {
    const { inputs, count } = await randomSamples(graph, whole, wanted);
    for (let from = 0; from < count; from += batch) {
      const some = Math.min(batch, count - from);
      const parts = Object.entries(inputs).map(([name, data]) => {
        const size = data.length / count;
        return [name, data.subarray(from * size, (from + some) * size)] as const;
      });
      yield { inputs: Object.fromEntries(parts), count: some };
    }
  };

/** The inputs of one run of a model, in the shapes in which its file takes them. */
export interface Trial {
  /** How many samples they are; 1 where a run is a whole. */
  count: number;
  inputs: Record<string, TrialInput>;
}

export interface TrialInput {
  dtype: DType;
  shape: readonly number[];
  /** Whole numbers and truths, too, are given as float32. */
  data: Float32Array;
}

/** What a run gives, by the name of the output. */
export type Answers = Record<string, Answer>;

export interface Answer {
  dtype: DType;
  data: ArrayLike<number | bigint | string>;
}

/** A run of `count` of the samples from the one at `from` on, going round where they are too few. */
export function trialOf(
  graph: Graph,
  { shapes }: BatchForm,
  { inputs, from = 0, count }: Feeds & { from?: number },
): Trial {
  const taken = graph.inputs.map(({ name, dtype }): [string, TrialInput] => {
    const single = shapes[name];
    const [size, all] = [sizeOf(single), inputs[name]];
    const data = Float32Array.from({ length: count * size }, (_, i) => all[(from * size + i) % all.length]);
    return [name, { dtype, data, shape: count === 1 ? single : [count, ...single.slice(1)] }];
  });
  return { count, inputs: Object.fromEntries(taken) };
}

/** The first of several samples, by itself; a whole as it is. */
export function firstSample(trial: Trial): Trial {
  const { count, inputs } = trial;
  if (count === 1) return trial;
  const firsts = Object.entries(inputs).map(
    ([
      name,
      {
        dtype,
        shape: [, ...rest],
        data,
      },
    ]) => {
      const first: TrialInput = { dtype, shape: [1, ...rest], data: data.subarray(0, data.length / count) };
      return [name, first] as const;
    },
  );
  return { count: 1, inputs: Object.fromEntries(firsts) };
}

/** The same with every real number moved by about a unit in the last place of a float32, up or down: as rounding would. */
export function nudged({ count, inputs }: Trial): Trial {
  const stream = random(0, 'nudged');
  const move = (x: number) => x * (1 + (uniform(stream) < 0.5 ? -1 : 1) * 2 ** -24 * 1.5);
  const moved = Object.entries(inputs).map(([name, input]) => {
    const data = isFloat(input.dtype) ? input.data.map(move) : input.data;
    return [name, { ...input, data }] as const;
  });
  return { count, inputs: Object.fromEntries(moved) };
}

/** How many samples a run of the file takes where `wanted` would be welcome. */
export const samplesPerRun = ({ samples, together }: BatchForm, wanted: number): number =>
  samples ?? (together ? wanted : 1);

/** A run on random numbers, of `wanted` samples where the file lets one choose. */
export async function randomTrial(graph: Graph, batch: BatchForm, wanted: number): Promise<Trial> {
  const count = samplesPerRun(batch, wanted);
  return trialOf(graph, batch, await randomSamples(graph, batch, count));
}

/** What the engine is given of a trial. */
export const dataOf = ({ inputs }: Trial): Record<string, Float32Array> =>
  Object.fromEntries(Object.entries(inputs).map(([name, { data }]) => [name, data]));

export const shapesOf = ({ inputs }: Trial): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
