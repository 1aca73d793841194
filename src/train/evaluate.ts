/**
 * Figures of a network over a split of a data set, in inference form: those of its objective, or of a classifier, whose one output has a
 * number per class, whatever its scale (see logits.ts).
 *
 * A label's rank is the number of classes put before it; equal numbers go to the lower class, and a NaN goes before
 * everything, so that a broken network is never right.
 */
import { fail } from '../base/index.js';
import type { Augmentation } from '../data/augment.js';
import { batches } from '../data/batches.js';
import type { Normalization, Split } from '../data/dataset.js';
import { modelShape } from '../data/layout.js';
import { loadNetwork } from '../engine/network.js';
import type { Network } from '../engine/types.js';
import type { Answers, ByClass, Figures, Objective } from '../objectives/index.js';
import { type Scale, scaleOf } from '../objectives/logits.js';
import { sizeOf } from '../onnx/tensor.js';
import { overlap } from './overlap.js';

/** The result of {@link evaluate}. */
export interface Evaluation extends Figures {
  /** Samples in the split. */
  count: number;
  /** Of these, where there are any: those of whose answers no finite loss can be computed. */
  notFinite?: number;
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Mean, standard deviation and scale of pixel values. */
  normalize: Normalization;
  /** How images are brought to the network's size; nothing random. */
  augment?: Augmentation;
  /** Count every class by itself as well. */
  byClass?: boolean;
  /** Samples in one run; default 256. */
  batch?: number;
  /** What figures are made of; default classification. */
  objective?: Objective;
  /** Stops the evaluation; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each batch, with the number of samples done and of all. */
  onProgress?: (done: number, count: number) => void;
}

/** A compiled network ready to be evaluated any number of times. */
export interface Evaluator {
  /** @throws UserError when the samples are not what the network's inputs take, or have a label it has no class for. */
  check(split: Split): void;
  /** @throws UserError as `check` does; the signal's reason when it stops. */
  evaluate(split: Split, options: Omit<EvaluateOptions, 'batch' | 'objective'>): Promise<Evaluation>;
  close(): void;
}

/** Evaluates once. @throws UserError when the network is no classifier or the split does not fit it. */
export async function evaluate(
  network: Network,
  split: Split,
  { batch = 256, objective, ...options }: EvaluateOptions,
): Promise<Evaluation> {
  const evaluator = openEvaluator(network, Math.max(1, Math.min(batch, split.length)), objective);
  try {
    return await evaluator.evaluate(split, options);
  } finally {
    evaluator.close();
  }
}

/** Compiles the network for evaluation. @throws UserError when it does not have the outputs that the objective reads. */
export function openEvaluator(network: Network, batch: number, objective?: Objective): Evaluator {
  return objective ? openJudged(network, batch, objective) : openClassifier(network, batch);
}

/** The network, and its objective's teacher, that answer the same batches. */
function openJudged(network: Network, batch: number, objective: Objective): Evaluator {
  const { graph, machine } = network;
  const { teacher } = objective;
  const inference = network.inference({ batch, outputs: objective.reads(graph) });
  const taught = teacher && loadNetwork(teacher, { machine, inputShapes: network.batch.shapes });
  const teaching = taught?.inference({ batch, outputs: objective.reads(teacher!) });
  const check = (split: Split) => {
    checkInputs(split, network);
    objective.check(split, network);
  };
  return {
    check,
    async evaluate(split, { signal, onProgress, ...options }) {
      check(split);
      const judge = objective.judge(graph, inference.outputs);
      let done = 0;
      await overlap(batches(split, { ...options, batch }), async (item) => {
        signal?.throwIfAborted();
        const answers = await inference.run(item.inputs, item.count);
        const theirs: Answers = (await teaching?.run(item.inputs, item.count)) ?? {};
        judge.add(answers, item, theirs);
        done += item.count;
        onProgress?.(done, split.length);
        return true;
      });
      const { notFinite, ...figures } = judge.figures();
      return { ...figures, count: split.length, ...(notFinite > 0 && { notFinite }) };
    },
    close() {
      inference.close();
      taught?.close();
    },
  };
}

function openClassifier(network: Network, batch: number): Evaluator {
  const scale = scaleOf(network.graph);
  const inference = network.inference({ batch });
  const [[output, outputShape]] = inference.outputs;
  const classes = sizeOf(outputShape);

  const check = (split: Split) => checkSplit(split, network, classes);

  async function run(
    split: Split,
    { signal, onProgress, byClass, ...options }: Omit<EvaluateOptions, 'batch' | 'objective'>,
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
