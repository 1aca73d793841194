/**
 * Accuracy and loss of a classifier over a split of a data set, in inference form: one input, one output with a number
 * per class, whatever its scale (see logits.ts).
 *
 * A label's rank is the number of classes put before it; equal numbers go to the lower class, and a NaN goes before
 * everything, so that a broken network is never right.
 */
import { fail } from '../base/errors.js';
import type { Augmentation } from '../data/augment.js';
import { batches } from '../data/batches.js';
import type { Normalization, Split } from '../data/dataset.js';
import type { Network } from '../engine/types.js';
import { sizeOf } from '../onnx/tensor.js';
import { type Scale, scaleOf } from './logits.js';
import { overlap } from './overlap.js';

export interface Evaluation {
  /** Mean cross-entropy in nats, without label smoothing. */
  loss: number;
  /** Fraction whose label ranks first. */
  accuracy: number;
  /** Fraction whose label is among the first five; where there are at least ten classes. */
  top5?: number;
  /** Images in the split. */
  count: number;
}

export interface EvaluateOptions {
  normalize: Normalization;
  /** How images are brought to the network's size; nothing random. */
  augment?: Augmentation;
  /** Images in one run; default 256. */
  batch?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, count: number) => void;
}

/** A compiled network ready to be evaluated any number of times. */
export interface Evaluator {
  /** @throws UserError when the images have another shape than the network's input, or a label it has no class for. */
  check(split: Split): void;
  /** @throws UserError as `check` does; the signal's reason when it stops. */
  evaluate(split: Split, options: Omit<EvaluateOptions, 'batch'>): Promise<Evaluation>;
  close(): void;
}

/** Evaluates once. @throws UserError when the network is no classifier or the split does not fit it. */
export async function evaluate(
  network: Network,
  split: Split,
  { batch = 256, ...options }: EvaluateOptions,
): Promise<Evaluation> {
  const evaluator = openEvaluator(network, Math.max(1, Math.min(batch, split.length)));
  try {
    return await evaluator.evaluate(split, options);
  } finally {
    evaluator.close();
  }
}

/** Compiles the network for evaluation. @throws UserError when it has not one input and one output. */
export function openEvaluator(network: Network, batch: number): Evaluator {
  if (network.inputs.size !== 1)
    fail(
      `The model has ${network.inputs.size} inputs (${[...network.inputs.keys()].join(', ')}), but a classifier of images has one.`,
    );
  const scale = scaleOf(network.graph);
  const [[input, shape]] = network.inputs;
  const inference = network.inference({ batch });
  const [[output, outputShape]] = inference.outputs;
  const classes = sizeOf(outputShape);

  const check = (split: Split) => checkSplit(split, shape, classes);

  async function run(split: Split, { signal, onProgress, ...options }: Omit<EvaluateOptions, 'batch'>) {
    check(split);
    const tally = { loss: 0, first: 0, five: 0, done: 0 };
    await overlap(batches(split, { ...options, batch }), async ({ images, labels, count }) => {
      signal?.throwIfAborted();
      const { [output]: numbers } = await inference.run({ [input]: images }, count);
      for (let i = 0; i < count; i++) {
        const row = numbers.subarray(i * classes, (i + 1) * classes);
        const rank = rankOf(row, labels[i]);
        tally.loss += lossOf[scale](row, labels[i]);
        tally.first += rank === 0 ? 1 : 0;
        tally.five += rank < 5 ? 1 : 0;
      }
      tally.done += count;
      onProgress?.(tally.done, split.length);
      return true;
    });
    const count = split.length;
    const top5 = classes < 10 ? {} : { top5: tally.five / count };
    return { loss: tally.loss / count, accuracy: tally.first / count, ...top5, count };
  }

  return { check, evaluate: run, close: () => inference.close() };
}

/** @throws UserError when there are no images, or images of another shape than a network's input. */
export function checkImages(split: Split, shape: readonly number[]): void {
  if (split.length === 0) fail('There are no images in this part of the data set; give it some.');
  if (shape.length !== 3 || shape.some((size, axis) => size !== split.shape[axis]))
    fail(
      `The model wants images of [${shape.join(', ')}] but the data have [${split.shape.join(', ')}]; give the data another size or take another model.`,
    );
}

function checkSplit(split: Split, shape: readonly number[], classes: number): void {
  checkImages(split, shape);
  const highest = split.labels.reduce((most, label) => Math.max(most, label), 0);
  if (highest >= classes)
    fail(
      `The model tells ${classes} classes apart but the data have ${highest + 1}; take a model made for these data.`,
    );
}

function rankOf(row: Float32Array, label: number): number {
  const own = row[label];
  let rank = 0;
  for (let k = 0; k < row.length; k++) {
    const behind = k === label || (k < label ? row[k] < own : row[k] <= own);
    if (!behind) rank++;
  }
  return Number.isNaN(own) ? row.length : rank;
}

const SMALLEST = 2 ** -126;

const lossOf: Record<Scale, (row: Float32Array, label: number) => number> = {
  logits(row, label) {
    const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
    return most - row[label] + Math.log(row.reduce((sum, x) => sum + Math.exp(x - most), 0));
  },
  probabilities: (row, label) => -Math.log(Math.max(row[label], SMALLEST)),
  'log-probabilities': (row, label) => -row[label],
};
