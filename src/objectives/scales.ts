/** How a teacher's answers vary from sample to sample: what an error of distillation is measured by. */
import { type Augmentation, batches, type Normalization, type Split, subset } from '../data/index.js';
import { loadNetwork, type Machine } from '../engine/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { trainedHeads } from './distillation.js';
import type { OutputScale, Scales } from './distillation-judge.js';
import { type Head, headsOf } from './heads.js';
import { innerHead } from './inner.js';
import { logSum, sigmoid } from './plain-losses.js';
import { groupsAlong, sampleOf } from './tallies.js';

/** Samples that are looked at, at most. */
const SAMPLES = 256;
/** Parts of the whole below which variation is taken for none. */
const LEAST = 1e-6;
/** Nats by which a teacher's decisions are from their own mean, for one number or position, where they say next to nothing of a sample. */
export const HARDLY_DIFFERENT = 1e-4;

export interface ScaleOptions {
  /** The machine that computes it. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, by input name, batch first. */
  inputShapes?: Record<string, readonly number[]>;
  /** Mean, standard deviation and scale of pixel values. */
  normalize: Normalization;
  /** How images are brought to the network's size. */
  augment?: Augmentation;
  /** Names of inner values that are learnt as well. */
  match?: readonly string[];
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** Lets the teacher answer the first samples. */
export async function measureScales(
  teacher: Graph,
  split: Split,
  { machine, inputShapes, normalize, augment, match = [], signal }: ScaleOptions,
): Promise<Scales> {
  const heads = [...trainedHeads(headsOf(teacher)), ...match.map(innerHead)];
  const some = subset(
    split,
    Uint32Array.from({ length: Math.min(SAMPLES, split.length) }, (_, i) => i),
  );
  const network = loadNetwork(teacher, { machine, inputShapes });
  try {
    const batch = Math.min(16, some.length);
    const program = network.inference({ batch, outputs: [...new Set(heads.map(({ value }) => value))] });
    const sums = heads.map((head) => variationOf(head, program.outputs.get(head.value)!));
    for await (const { inputs, count } of batches(some, { batch, normalize, augment })) {
      signal?.throwIfAborted();
      const answers = await program.run(inputs, count);
      for (const [h, { value }] of heads.entries())
        for (let i = 0; i < count; i++) sums[h].add(sampleOf(answers[value], i, sums[h].size));
    }
    const scales = new Map(heads.map(({ output }, h) => [output, sums[h].scale()]));
    return withSteady(trainedHeads(headsOf(teacher)), scales);
  } finally {
    network.close();
  }
}

/** Whether an output is decisions that hardly differ from sample to sample. */
export const isSteady = ({ kind }: Head, { unit }: OutputScale): boolean =>
  kind !== 'numbers' && unit < HARDLY_DIFFERENT;

/**
 * Decisions that hardly differ, such as that there is nothing to be found, would outweigh all other outputs if the least deviation from
 * them counted as much as the greatest from those.
 */
function withSteady(heads: readonly Head[], scales: Map<string, OutputScale>): Scales {
  const steady = heads.filter((head) => isSteady(head, scales.get(head.output)!));
  if (steady.length === heads.length) return scales;
  for (const { output } of steady)
    scales.set(output, { ...scales.get(output)!, unit: HARDLY_DIFFERENT, steady: true });
  return scales;
}

/** Adds up samples of one value. */
function variationOf({ kind, axes }: Head, shape: readonly number[]) {
  const size = sizeOf(shape);
  const along = axes(shape.length + 1).map((axis) => axis - 1);
  const { starts, steps } = groupsAlong(shape, kind === 'classes' ? along : []);
  const [sums, squares, shares] = [0, 1, 2].map(() => new Float64Array(size));
  let [samples, negentropy] = [0, 0];
  const plogp = (p: number) => (p > 0 ? p * Math.log(p) : 0);
  return {
    size,
    add(values: Float32Array) {
      samples++;
      for (let i = 0; i < size; i++) {
        sums[i] += values[i];
        squares[i] += values[i] ** 2;
        if (kind !== 'truths') continue;
        const p = sigmoid(values[i]);
        shares[i] += p;
        negentropy += plogp(p) + plogp(1 - p);
      }
      if (kind !== 'classes') return;
      for (const start of starts) {
        const log = logSum(values, start, steps);
        for (const step of steps) {
          const p = Math.exp(values[start + step] - log);
          shares[start + step] += p;
          negentropy += plogp(p);
        }
      }
    },
    /** Per element, of classes per position. */
    scale(): OutputScale {
      let [around, whole, ofMean] = [0, 0, 0];
      for (let i = 0; i < size; i++) {
        around += Math.max(0, squares[i] - sums[i] ** 2 / samples);
        whole += squares[i];
        const p = shares[i] / samples;
        ofMean += kind === 'truths' ? plogp(p) + plogp(1 - p) : kind === 'classes' ? plogp(p) : 0;
      }
      const count = samples * size;
      const variance = (around > LEAST * whole ? around : whole) / count || 1;
      const deviation = Math.sqrt(variance);
      if (kind === 'numbers') return { unit: variance, deviation, shape };
      const positions = kind === 'classes' ? starts.length : size;
      const spread = negentropy / samples - ofMean;
      return { unit: Math.max(spread / positions, LEAST), deviation, shape };
    },
  };
}
