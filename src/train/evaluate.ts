/**
 * Accuracy and loss of a classifier over a split of a data set, in inference form: one output with a number per class,
 * whatever its scale (see logits.ts).
 *
 * A label's rank is the number of classes put before it; equal numbers go to the lower class, and a NaN goes before
 * everything, so that a broken network is never right.
 */
import { fail } from '../base/errors.js';
import type { Augmentation } from '../data/augment.js';
import { batches } from '../data/batches.js';
import type { Normalization, Split } from '../data/dataset.js';
import { modelShape } from '../data/layout.js';
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
  /** Samples in the split. */
  count: number;
  /** Of these, where there are any: those of whose answers no finite loss can be computed. */
  notFinite?: number;
  /** Where it was asked for. */
  byClass?: ByClass;
}

/** For every class: how many samples have it as their label, and for how many of them it ranks first. */
export interface ByClass {
  samples: number[];
  right: number[];
}

export interface EvaluateOptions {
  normalize: Normalization;
  /** How images are brought to the network's size; nothing random. */
  augment?: Augmentation;
  /** Count every class by itself as well. */
  byClass?: boolean;
  /** Samples in one run; default 256. */
  batch?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, count: number) => void;
}

/** A compiled network ready to be evaluated any number of times. */
export interface Evaluator {
  /** @throws UserError when the samples are not what the network's inputs take, or have a label it has no class for. */
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

/** Compiles the network for evaluation. @throws UserError when it has not one output. */
export function openEvaluator(network: Network, batch: number): Evaluator {
  const scale = scaleOf(network.graph);
  const inference = network.inference({ batch });
  const [[output, outputShape]] = inference.outputs;
  const classes = sizeOf(outputShape);

  const check = (split: Split) => checkSplit(split, network, classes);

  async function run(
    split: Split,
    { signal, onProgress, byClass, ...options }: Omit<EvaluateOptions, 'batch'>,
  ) {
    check(split);
    const each: ByClass = { samples: Array(classes).fill(0), right: Array(classes).fill(0) };
    const tally = { loss: 0, first: 0, five: 0, done: 0, notFinite: 0 };
    await overlap(batches(split, { ...options, batch }), async ({ inputs, labels, count }) => {
      signal?.throwIfAborted();
      const { [output]: numbers } = await inference.run(inputs, count);
      for (let i = 0; i < count; i++) {
        const row = numbers.subarray(i * classes, (i + 1) * classes);
        const rank = rankOf(row, labels[i]);
        const loss = lossOf[scale](row, labels[i]);
        tally.loss += loss;
        tally.notFinite += Number.isFinite(loss) ? 0 : 1;
        tally.first += rank === 0 ? 1 : 0;
        each.samples[labels[i]] += 1;
        each.right[labels[i]] += rank === 0 ? 1 : 0;
        tally.five += rank < 5 ? 1 : 0;
      }
      tally.done += count;
      onProgress?.(tally.done, split.length);
      return true;
    });
    const count = split.length;
    const top5 = classes < 10 ? {} : { top5: tally.five / count };
    const { loss, first, notFinite } = tally;
    return {
      loss: loss / count,
      accuracy: first / count,
      ...top5,
      count,
      ...(notFinite > 0 && { notFinite }),
      ...(byClass && { byClass: each }),
    };
  }

  return { check, evaluate: run, close: () => inference.close() };
}

/** @throws UserError when there are no samples, or one of a network's inputs has no array of its shape among theirs. */
export function checkInputs({ length, arrays }: Split, { inputs }: Pick<Network, 'inputs'>): void {
  if (length === 0) fail('There are no samples in this part of the data set; give it some.');
  const nameless = inputs.size === 1 && arrays.length === 1 && arrays[0].name === undefined;
  if (!nameless) checkNames(arrays, [...inputs.keys()]);
  for (const [name, shape] of inputs) {
    const array = nameless ? arrays[0] : arrays.find((one) => one.name === name)!;
    const own = modelShape(array);
    if (own.join() === shape.join()) continue;
    const what = array.kind === 'images' ? 'images' : `samples for ${name}`;
    fail(
      `The model wants ${what} of [${shape.join(', ')}] but the data have [${own.join(', ')}]; give the data another size or take another model.`,
    );
  }
}

function checkNames(arrays: Split['arrays'], inputs: readonly string[]): void {
  const names = arrays.map(({ name }) => name ?? 'an array without a name');
  if (names.length !== inputs.length || !inputs.every((input) => names.includes(input)))
    fail(
      `The model has ${inputs.length} inputs (${inputs.join(', ')}) but the samples have ${names.join(', ')}; give an array by the name of each input.`,
    );
}

function checkSplit(split: Split, network: Network, classes: number): void {
  checkInputs(split, network);
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
