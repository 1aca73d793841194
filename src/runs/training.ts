/** A training in a run's folder: with a checkpoint, and metrics.jsonl in step with it. */
import { fail, own, writeAtomically } from '../base/index.js';
import { batchCount, evenly, type Split, splitValidation } from '../data/index.js';
import type { Machine, Network } from '../engine/index.js';
import { partFor } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import {
  type Evaluation,
  evaluate,
  type Hook,
  type RunState,
  readCheckpoint,
  type TrainData,
  type TrainOptions,
  type TrainResult,
  trainNetwork,
} from '../train/index.js';
import { appendLine, type RunFolder } from './folder.js';
import { teacherGraph } from './objective.js';
import { answeringEnds, reachOfTask } from './reach.js';
import { NO_TEACHER, type Recipe, trainerSettings } from './recipe.js';
import type { MetricsLine } from './summary.js';
import { type AimedTask, loadTask } from './task.js';
import type { RunOptions, Work } from './work.js';

/** One training of a run. */
export interface Course {
  hooks: Hook[];
  /** File of the checkpoint. */
  checkpoint: string;
  /** What the trainer is told beside {@link trainOptions}. */
  training?: Partial<TrainOptions>;
  /** In a run of several stages: its name, and all lines that the stages before have written. */
  stage?: { name: string; earlier: readonly MetricsLine[] };
}

/** Trains a network, from its checkpoint where the run is resumed. */
export async function trainInFolder(
  work: Work,
  network: Network,
  { hooks, checkpoint, training: given, stage }: Course,
): Promise<TrainResult> {
  const { recipe, folder, task, resume, options, tracking } = work;
  const saved = resume ? await readCheckpoint<RunState>(checkpoint) : undefined;
  const training = { ...trainOptions(recipe, task), ...given };
  const lines = saved
    ? metricsLines(saved.state, batchCount(training.data.train, training), stage?.name)
    : [];
  const known = [...(stage?.earlier ?? []), ...lines];
  await writeMetrics(folder, known);
  let writing = Promise.resolve();
  const note = (figures: MetricsLine) => {
    const line = { ...figures, stage: stage?.name };
    writing = writing.then(() => appendLine(folder.metrics, line));
    writing.catch(() => {}); // it is awaited at the end
    tracking?.add(line);
  };
  const result = await trainNetwork({
    ...training,
    network,
    hooks,
    checkpoint: { path: checkpoint, resume: saved !== undefined },
    signal: options.signal,
    onStart(start) {
      tracking?.begin(known);
      if (start.microBatch < Math.min(recipe.batch, training.data.train.length))
        options.onNote?.(
          `A batch of ${recipe.batch} does not fit in memory: it is processed in parts of ${start.microBatch}, and their gradients are accumulated.`,
        );
      options.onStart?.(start);
    },
    onStep: options.onStep,
    onMasks(report) {
      note({ kind: 'masks', ...report });
      options.onMasks?.(report);
    },
    onEpoch(metrics) {
      note({ kind: 'epoch', ...metrics });
      options.onEpoch?.(metrics);
    },
  });
  await writing;
  return result;
}

/** Makes metrics.jsonl what it was at a checkpoint: later lines will be written again. */
export const writeMetrics = (folder: RunFolder, lines: readonly MetricsLine[]): Promise<void> =>
  writeAtomically(folder.metrics, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

/** Epochs, of so many steps each, and mask updates in the order in which they happened. */
export function metricsLines(
  { epochs, masks }: Pick<RunState, 'epochs' | 'masks'>,
  steps: number,
  stage?: string,
): MetricsLine[] {
  const placed = [
    ...masks.map((mask) => ({ at: mask.iteration, line: { kind: 'masks', ...mask, stage } as const })),
    ...epochs.map((epoch) => ({
      at: epoch.epoch * steps,
      line: { kind: 'epoch', ...epoch, stage } as const,
    })),
  ];
  return placed.sort((a, b) => a.at - b.at).map(({ line }) => line);
}

/** The samples of a run: some of those for training where its recipe says so, and a validation split where it sets one aside. */
export function dataOf(
  { validation, trainSamples, seed }: Recipe,
  { dataset }: Pick<AimedTask, 'dataset'>,
): TrainData {
  const parts = validation ? splitValidation(dataset.train, validation, seed) : { train: dataset.train };
  return { ...dataset, ...parts, train: trainSamples ? evenly(parts.train, trainSamples) : parts.train };
}

/** A recipe's settings as the trainer knows them. */
export function trainOptions(recipe: Recipe, task: AimedTask): Omit<TrainOptions, 'network'> {
  const { epochs, batch, seed, labelSmoothing } = recipe;
  const data = dataOf(recipe, task);
  return {
    data,
    epochs,
    batch,
    seed,
    ...trainerSettings(recipe),
    labelSmoothing,
    classWeights: classWeightsOf(recipe, task, data),
    objective: task.objective,
    augment: recipe.augment ? undefined : task.dataset.augment.test,
  };
}

/** Weights of the classes, where they are balanced. @throws UserError where there are no classes. */
function classWeightsOf({ classWeights }: Recipe, { objective }: AimedTask, { train }: TrainData) {
  if (classWeights !== 'balanced') return undefined;
  if (!objective.labelled)
    fail(`There are no classes of samples to balance in ${objective.title}: leave --class-weights out.`);
  return balancedWeights(train.labels);
}

/** N / (K · n): of N samples with K classes, where a class has n. Over the samples they are 1 in the mean. */
export function balancedWeights(labels: Int32Array): number[] {
  const counts: number[] = [];
  for (const label of labels) if (label >= 0) counts[label] = (counts[label] ?? 0) + 1;
  const own = Array.from(counts, (count) => count ?? 0);
  const [all, classes] = [
    own.reduce((sum, count) => sum + count, 0),
    own.filter((count) => count > 0).length,
  ];
  return own.map((count) => (count > 0 ? all / (classes * count) : 1));
}

/** Optimiser steps of an epoch. */
export function stepsOf(recipe: Recipe, task: AimedTask): number {
  const training = trainOptions(recipe, task);
  return batchCount(training.data.train, training);
}

/** The model that a run learns from; `self` is the one that it started with. */
export async function teacherOf(
  { teacher, temperature, teacherWeight }: Recipe,
  { graph, objective, inputShapes }: AimedTask,
): Promise<TrainOptions['teacher']> {
  if (teacher === undefined || teacher === NO_TEACHER || !objective.labelled) return undefined;
  const whole = await teacherGraph(teacher, graph);
  return { graph: answering(whole, inputShapes), temperature: temperature!, weight: teacherWeight! };
}

/** What of a teacher answers, where not all of it can be computed; one with other inputs than the model is refused later. */
function answering(teacher: Graph, inputShapes: AimedTask['inputShapes']): Graph {
  if (!teacher.inputs.every(({ name }) => own(inputShapes, name))) return teacher;
  const reach = reachOfTask({ graph: teacher, inputShapes });
  return reach ? partFor(teacher, answeringEnds(reach)) : teacher;
}

type Evaluating = { split?: Split } & Pick<RunOptions, 'signal'>;

/** How good a network is on some images, those for testing unless told otherwise. */
export const evaluateNetwork = (
  { dataset, objective }: AimedTask,
  network: Network,
  { split, signal }: Evaluating,
): Promise<Evaluation> =>
  evaluate(network, split ?? dataset.test ?? dataset.train, {
    ...{ normalize: dataset, augment: dataset.augment.test },
    ...{ byClass: true, objective, signal },
  });

/** The same of a graph, which is loaded for that. */
export async function evaluateGraph(
  task: AimedTask,
  graph: Graph,
  { machine, ...how }: { machine: Machine } & Evaluating,
): Promise<Evaluation> {
  const network = loadTask(task, graph, machine);
  try {
    return await evaluateNetwork(task, network, how);
  } finally {
    network.close();
  }
}

/** Images to choose by, none of them for testing: the validation split, or so many of those that are trained on. */
export const choosingSplit = ({ train, validation }: TrainData, samples = 2048): Split =>
  validation ?? evenly(train, samples);
