/** What the stages do that train, or measure on the data before anything goes. */
import { mkdir } from 'node:fs/promises';
import {
  countsOf,
  dropArms,
  findChannels,
  markedHooks,
  measureStatistics,
  type SettledSettings,
  scalesAbove,
  settledFor,
  sparseHooks,
  unfoldBatchNorm,
} from '../../channels/index.js';
import { loadNetwork } from '../../engine/index.js';
import { figuresIn, graphToTrain } from '../../objectives/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Hook, type TrainOptions, weightsOf, withWeights } from '../../train/index.js';
import type { PruneRecipe } from '../recipe.js';
import { structuredMethod } from '../registry.js';
import { rescaleRecipe } from '../rescale.js';
import type { MetricsLine } from '../summary.js';
import type { AimedTask } from '../task.js';
import { dataOf, metricsLines, stepsOf, teacherOf, trainInFolder } from '../training.js';
import { worsening } from '../worsening.js';
import { choose } from './choose.js';
import { distanceTo, mended } from './data-evidence.js';
import { optionsOf, type Progress, type Running } from './progress.js';
import { type Outcome, type Stage, type StageKind, stageFolder } from './stages.js';

type OnData = Running<AimedTask>;
type Performer = (stage: Stage, progress: Progress, work: OnData) => Promise<Outcome>;

export const trainings: Record<Exclude<StageKind, 'mask' | 'prune'>, Performer> = {
  async unfold(_, { graph }, work) {
    const { recipe, task, machine, options } = work;
    const own = optionsOf(work);
    const data = dataOf(recipe, task);
    const { signal } = options;
    const statistics = await measureStatistics(graph, data, { machine, seed: recipe.seed, signal, ...own });
    return { graph: unfoldBatchNorm(graph, statistics, own), facts: { measured: [] } };
  },

  async depth(_, { graph }, work) {
    const { recipe, options } = work;
    const { onNote, signal } = options;
    const count = recipe.dropArms!;
    const { graph: smaller, dropped } = await dropArms(graph, {
      ...optionsOf(work),
      ...{ count, signal, distance: distanceTo(graph, work) },
      onDropped: ({ arm, distance }) =>
        onNote?.(
          `Without the residual branch of ${arm} the outputs differ by ${shownDistance(distance)} from those of the whole model.`,
        ),
    });
    if (dropped.length < count)
      onNote?.(
        `The model has ${dropped.length} residual branches${recipe.ignore || recipe.freeze ? ' without weights that are to stay' : ''}, so no more than that can be removed.`,
      );
    const cut = { graph, smaller, channels: findChannels(graph, optionsOf(work)), selection: new Map() };
    const { graph: left, facts } = await mended(cut, work);
    return { graph: left, facts: { ...facts, arms: dropped } };
  },

  async sparse(stage, progress, work) {
    const { limits } = work;
    const settings = settledIn(stage, work);
    const { base: graph, whole: channels } = progress;
    const counts =
      settings.sparse === 'soft'
        ? countsOf(channels, (await choose(stage, progress, work)).selection)
        : undefined;
    const hooks = sparseHooks({ graph, channels, settings }, { counts, limits });
    if (settings.sparseStrength !== publishedStrength(work.recipe) && !work.recipe.sparseStrength)
      work.options.onNote?.(
        `The training is short, so the penalty on all scales is ${rounded(settings.sparseStrength)}; --sparse-strength sets another.`,
      );
    return trainStage(stage, { graph, hooks, progress, work });
  },

  async marked(stage, progress, work) {
    const { base: graph, whole: channels } = progress;
    const settings = settledIn(stage, work);
    const hooks = markedHooks({ graph, channels, settings }, progress.mask!);
    const outcome = await trainStage(stage, { graph, hooks, progress, work });
    sayStanding(outcome.graph, progress, { ...work, settings });
    return outcome;
  },

  async 'fine-tune'(stage, progress, work) {
    const teacher = await teacherOf(work.recipe, work.task);
    const outcome = await trainStage(stage, { graph: progress.graph, progress, work, training: { teacher } });
    return work.task.objective.teacher ? orAsBefore(outcome, progress, work) : outcome;
  },
};

/** What training made of a network that imitates, or the network as it was where it has become worse on the samples to choose by. */
async function orAsBefore(outcome: Outcome, { graph, done }: Progress, work: OnData): Promise<Outcome> {
  const before = done.flatMap(({ facts }) => facts.measured).at(-1);
  const worse = before && (await worsening({ before: graph, after: outcome.graph }, work));
  if (!worse) return outcome;
  work.options.onNote?.(
    `Training took the error on samples that are not for testing from ${worse.was} to ${worse.is}, so the model before that training is kept: give a lower --lr, more samples, or --epochs 0.`,
  );
  const measured = [...outcome.facts.measured, { ...before, what: 'kept' as const }];
  return { ...outcome, graph, facts: { ...outcome.facts, measured } };
}

/** The settings with what the length of a stage's training decides. */
function settledIn({ epochs, lr: learningRate }: Stage, { settings, recipe, task }: OnData): SettledSettings {
  const { momentum } = recipe;
  const training = { steps: epochs * stepsOf(recipe, task), learningRate, momentum };
  return settledFor(settings, training, publishedStrength(recipe));
}

const publishedStrength = ({ method }: PruneRecipe): number | undefined =>
  structuredMethod(method)?.defaults.sparseStrength;

const rounded = (x: number): number => Number(x.toPrecision(3));

/** Says how many of the scales that were to come to 0 have not, where their channels go all the same. */
function sayStanding(
  graph: Graph,
  { whole: channels, mask }: Progress,
  { settings, costing, recipe, options }: OnData & { settings: SettledSettings },
): void {
  const { threshold = 0.01, marked: kind, markedStrength } = settings;
  if (kind === 'decay' || !(costing || recipe.mask)) return;
  const { marked, above, largest } = scalesAbove({ graph, channels }, mask!, threshold);
  if (above > 0)
    options.onNote?.(
      `Of ${marked} scales whose channels will be removed, ${above} are still above ${threshold}, the largest ${rounded(largest)}, so removing them costs accuracy: train longer with --marked-epochs, or give a --marked-strength above ${rounded(markedStrength)}.`,
    );
}

/** A squared distance in percent of the answers' deviation. */
const shownDistance = (distance: number): string => `${(100 * Math.sqrt(distance)).toFixed(1)} %`;

interface StageTraining {
  /** What is trained. */
  graph: Graph;
  hooks?: Hook[];
  progress: Progress;
  work: OnData;
  /** What the trainer is told beside the recipe's settings. */
  training?: Partial<TrainOptions>;
}

/** One training, in the stage's own folder. */
async function trainStage(
  stage: Stage,
  { graph, hooks = [], progress, work, training = {} }: StageTraining,
): Promise<Outcome> {
  const { task, machine, folder, options } = work;
  const { path, state } = stageFolder(folder, stage);
  await mkdir(path, { recursive: true });
  const rescaled = rescaleRecipe(work.recipe, stage.epochs);
  const recipe = { ...rescaled, epochs: stage.epochs, lr: stage.lr } as PruneRecipe;
  const network = loadNetwork(graphToTrain(graph, task.objective), {
    machine,
    inputShapes: task.inputShapes,
  });
  try {
    const result = await trainInFolder({ ...work, recipe }, network, {
      ...{ hooks, training, checkpoint: state },
      stage: { name: stage.name, earlier: linesOf(work, progress) },
    });
    if (!result.finished) options.signal?.throwIfAborted();
    const { epochs, masks } = result;
    const last = epochs[epochs.length - 1];
    const figures = figuresIn(last.test ?? last.validation ?? last);
    return {
      graph: withWeights(graph, weightsOf(network)),
      facts: { epochs, masks, measured: [{ what: 'trained', ...figures }] },
    };
  } finally {
    network.close();
  }
}

/** All that the stages that are done have to say in metrics.jsonl. */
export function linesOf(work: OnData, { done }: Progress): MetricsLine[] {
  const steps = stepsOf(work.recipe, work.task);
  return done.flatMap(({ stage, facts: { epochs = [], masks = [] } }) =>
    metricsLines({ epochs, masks }, steps, stage.name),
  );
}
