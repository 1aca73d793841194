/** What a run is about, as far as its defaults follow it: is the model trained, how many samples are there, how wide is it. */
import { findChannels } from '../../channels/index.js';
import {
  type Augmentation,
  batches,
  type Dataset,
  evenly,
  imagesOf,
  isUnlabelled,
  type Split,
} from '../../data/index.js';
import type { Network } from '../../engine/index.js';
import { summarize } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { openEvaluator } from '../../train/index.js';
import { classifying } from '../objective.js';
import { isPath } from '../recipe.js';
import { checkOutputs, type ModelTask, type Task } from '../task.js';

/** What is known of a model and its data before a run. */
export interface Situation {
  command: 'train' | 'prune';
  /** Whether the weights mean something already, and the clause that says how that is known. */
  trained: boolean;
  evidence: string;
  /** The samples have no labels. */
  unlabelled?: boolean;
  /** Samples to train on; absent without data. */
  samples?: number;
  /** Accuracy on some of them: as they are, and augmented as is usual for the data set. */
  accuracy?: number;
  augmented?: number;
  /** Height of the images, where there are any that are usually augmented. */
  pixels?: number;
  /** Channels of the narrowest group that does a noticeable part of the work. */
  narrowest?: number;
  /** Seconds that the network takes for one sample, forwards. */
  seconds?: number;
}

/** Training samples that the model is tried on, and how many at a time. */
const TRIED = 512;
const BATCH = 128;
/** Those of it that time is taken by, where nothing else is to be learnt from them. */
const TIMED = 16;

/** By so many standard deviations an accuracy must be above what guessing would give. */
const DEVIATIONS = 4;

/** Part of all MACs from which on a group counts as doing a part of the work. */
const NOTICEABLE = 0.01;

type Command = Situation['command'];

/** The situation of a run without data. A file is taken for trained: there is nothing to tell by. */
export function situationOfModel(
  { command, model }: { command: Command; model: string },
  { graph, inputShapes }: ModelTask,
): Situation {
  const file = isPath(model);
  return {
    command,
    trained: file,
    evidence: file ? 'it is a file, and there are no data to try it on' : FRESH,
    narrowest: narrowestOf(graph, inputShapes),
  };
}

const FRESH = 'networks of the zoo have random weights';

interface Trying {
  /** The task's own. */
  network: Network;
  learn?: string;
  signal?: AbortSignal;
}

/** The situation of a run with data: the model is tried on some of the samples to train on, never on those for testing. */
export async function situationOf(command: Command, task: Task, trying: Trying): Promise<Situation> {
  const { dataset } = task;
  const { network, signal } = trying;
  const split = evenly(dataset.train, TRIED);
  if (isUnlabelled(split)) return unlabelled(command, task, trying);
  const objective = classifying(task);
  checkOutputs({ ...task, objective }, network);
  const evaluator = openEvaluator(network, Math.min(BATCH, split.length), objective);
  const how = { normalize: dataset, signal };
  const timed = async (augment: Augmentation) => {
    const start = performance.now();
    const { accuracy } = await evaluator.evaluate(split, { ...how, augment });
    return { accuracy: accuracy!, seconds: (performance.now() - start) / 1000 / split.length };
  };
  try {
    const plain = await timed(dataset.augment.test);
    // A second time even where nothing is augmented: the first is no measure of time.
    const augmented = await timed(isAugmented(dataset) ? dataset.augment.train : dataset.augment.test);
    const { accuracy } = plain;
    return {
      ...{ command, ...factsOf(task), ...judged(accuracy, split) },
      ...{ accuracy, augmented: isAugmented(dataset) ? augmented.accuracy : undefined },
      seconds: Math.min(plain.seconds, augmented.seconds),
    };
  } finally {
    evaluator.close();
  }
}

/** Without labels there is nothing to tell a trained model by: what it answers is what is learnt. */
async function unlabelled(
  command: Command,
  task: Task,
  { network, learn, signal }: Trying,
): Promise<Situation> {
  const { dataset } = task;
  const few = evenly(dataset.train, TIMED);
  const program = network.inference({ batch: few.length, outputs: network.ends });
  try {
    let seconds = 0;
    for await (const { inputs, count } of batches(few, { batch: few.length, normalize: dataset }))
      for (const _ of [1, 2]) {
        signal?.throwIfAborted();
        const start = performance.now();
        await program.run(inputs, count);
        seconds = (performance.now() - start) / 1000 / count;
      }
    const learns = learn === undefined || learn === 'distillation';
    const evidence = learns
      ? 'the samples have no labels, so what it answers is what is learnt'
      : 'it is a file that is to be pruned';
    const trained = learns || command === 'prune';
    return { command, ...factsOf(task), seconds, trained, unlabelled: true, evidence };
  } finally {
    program.close();
  }
}

/** The situation of a network of the zoo. */
export const situationOfFresh = (command: Command, task: Task): Situation => ({
  ...{ command, trained: false, evidence: FRESH },
  ...factsOf(task),
});

function factsOf({ dataset, graph, inputShapes }: Task): Partial<Situation> {
  const { train } = dataset;
  const pixels = isAugmented(dataset) ? imagesOf(train)?.shape[1] : undefined;
  return { samples: train.length, pixels, narrowest: narrowestOf(graph, inputShapes) };
}

const isAugmented = ({ augment }: Dataset): boolean => Object.keys(augment.train).length > 0;

/** Whether an accuracy is more than guessing gives: always the most frequent class, or any by lot. */
export function judged(accuracy: number, { labels, length }: Split): Pick<Situation, 'trained' | 'evidence'> {
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  const chance = Math.max(...counts.values()) / length;
  const deviation = Math.sqrt((chance * (1 - chance)) / length);
  const percent = (x: number) => `${(100 * x).toFixed(1)} %`;
  return {
    trained: accuracy > chance + DEVIATIONS * deviation,
    evidence: `it is right for ${percent(accuracy)} of ${length} training samples, and guessing is for ${percent(chance)}`,
  };
}

/** Channels of the narrowest group among those whose layers do a noticeable part of all MACs; undefined where no group does. */
export function narrowestOf(graph: Graph, inputShapes: Record<string, number[]>): number | undefined {
  const { layers, macs } = summarize(graph, { inputShapes });
  const work = new Map(layers.flatMap(({ weights, macs: own }) => (weights[0] ? [[weights[0], own]] : [])));
  const sizes = findChannels(graph, { inputShapes })
    .groups.filter(({ members }) =>
      members.some(({ tensor, role }) => role === 'out' && (work.get(tensor) ?? 0) >= NOTICEABLE * macs),
    )
    .map(({ size }) => size);
  return sizes.length > 0 ? Math.min(...sizes) : undefined;
}
