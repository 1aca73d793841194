/** Figures of a network over a split of a data set, in inference form: those of its objective, by default classification. */
import { fail } from '../base/index.js';
import {
  type Augmentation,
  type Batch,
  batches,
  modelShape,
  type Normalization,
  type Split,
} from '../data/index.js';
import { type Inference, loadNetwork, type Network } from '../engine/index.js';
import { type Answers, classification, type Figures, type Objective } from '../objectives/index.js';
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

/** Evaluates once. @throws UserError when the network has not the outputs that the objective reads, or the split does not fit it. */
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

/**
 * Compiles the network, and its objective's teacher, for evaluation: they answer the same batches.
 * @throws UserError when the network does not have the outputs that the objective reads.
 */
export function openEvaluator(
  network: Network,
  batch: number,
  objective: Objective = classification(),
): Evaluator {
  const { graph, machine } = network;
  const { teacher } = objective;
  const inference = network.inference({ batch, outputs: objective.reads(graph) });
  let taught: Network | undefined;
  let teaching: Inference | undefined;
  const teach = async ({ inputs, count }: Batch): Promise<Answers> => {
    if (!teacher) return {};
    taught ??= loadNetwork(teacher, { machine, inputShapes: network.batch.shapes });
    teaching ??= taught.inference({ batch, outputs: objective.reads(teacher) });
    return teaching.run(inputs, count);
  };
  const check = (split: Split) => {
    checkInputs(split, network);
    objective.check(split, network, inference.outputs);
  };
  return {
    check,
    async evaluate(split, { signal, onProgress, byClass: wanted, ...options }) {
      check(split);
      const judge = objective.judge(graph, inference.outputs);
      let done = 0;
      await overlap(batches(split, { ...options, batch }), async (item) => {
        signal?.throwIfAborted();
        const answers = await inference.run(item.inputs, item.count);
        const theirs = objective.answers?.(item) ?? (await teach(item));
        judge.add(answers, item, theirs);
        done += item.count;
        onProgress?.(done, split.length);
        return true;
      });
      const { notFinite, byClass, ...figures } = judge.figures();
      return {
        ...{ ...figures, count: split.length },
        ...(notFinite > 0 && { notFinite }),
        ...(wanted && byClass && { byClass }),
      };
    },
    close() {
      inference.close();
      taught?.close();
    },
  };
}

/** @throws UserError when there are no samples, or one of a network's inputs has no array of its shape among theirs. */
export function checkInputs({ length, arrays }: Split, { inputs }: Pick<Network, 'inputs'>): void {
  if (length === 0) fail('This part of the data set has no samples; add some.');
  const nameless = inputs.size === 1 && arrays.length === 1 && arrays[0].name === undefined;
  if (!nameless) checkNames(arrays, [...inputs.keys()]);
  for (const [name, shape] of inputs) {
    const array = nameless ? arrays[0] : arrays.find((one) => one.name === name)!;
    const own = modelShape(array);
    if (own.join() === shape.join()) continue;
    const what = array.kind === 'images' ? 'images' : `samples for ${name}`;
    fail(
      `The model expects ${what} of [${shape.join(', ')}] but the data have [${own.join(', ')}]; give the data another size or use another model.`,
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
