/**
 * A run that removes channels, stage by stage. What a stage has made is kept in its folder before the next begins, and read
 * from there, so that a run that is resumed goes on from the same numbers.
 */
import { mkdir } from 'node:fs/promises';
import {
  type ChannelOptions,
  type Channels,
  type Chosen,
  checkGoal,
  chooseUnits,
  composed,
  countsOf,
  findChannels,
  foldBatchNorm,
  hasScales,
  importanceOf,
  importances,
  type Limits,
  type MethodSettings,
  markedHooks,
  measureSaliency,
  measureStatistics,
  needsScales,
  readMasks,
  type Selection,
  selectionFrom,
  selectMarked,
  shrink,
  sparseHooks,
  strengthFor,
  unfoldBatchNorm,
  writeMasks,
} from '../../channels/index.js';
import { batchCount } from '../../data/index.js';
import { loadNetwork } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Hook, recalibrate, trainingGraph, weightsOf, withWeights } from '../../train/index.js';
import type { PruneRecipe } from '../recipe.js';
import { rescaleRecipe } from '../rescale.js';
import type { Change, MetricsLine } from '../summary.js';
import {
  choosingSplit,
  dataOf,
  evaluateGraph,
  metricsLines,
  teacherOf,
  trainInFolder,
  trainOptions,
  writeMetrics,
} from '../training.js';
import type { Work } from '../work.js';
import { changeWith } from './change.js';
import { type Costing, costingOf, goalOf } from './goal.js';
import {
  keepOutcome,
  type Measured,
  type Outcome,
  readOutcome,
  type Stage,
  type StageFacts,
  stageFolder,
  stagesOf,
} from './stages.js';

/** A run between two stages. */
interface Progress {
  /** The given network, its BatchNorm put back where that was needed. */
  readonly base: Graph;
  /** Its groups. */
  readonly whole: Channels;
  graph: Graph;
  /** What of `graph` will go. */
  mask?: Selection;
  /** Which units of `base` are kept. */
  kept: Selection;
  /** What was the network with all units, before they are taken out. */
  readonly done: { stage: Stage; facts: StageFacts }[];
}

/** What is left of a network, and how it came to that. */
export interface Pruned extends Omit<Progress, 'mask'> {
  /** BatchNorm was put back, and `graph` has it folded away again. */
  unfolded: boolean;
  /** Milliseconds, where they were the target. */
  latency?: Change;
}

type Running = Work<PruneRecipe> & { settings: MethodSettings; limits: Limits; costing: Costing | undefined };

/** Carries out all stages. @throws UserError where something cannot be done; the signal's reason when it stops. */
export async function pruneChannels(work: Work<PruneRecipe>): Promise<Pruned> {
  const { recipe, task, machine, folder, options } = work;
  const settings = recipe as unknown as MethodSettings;
  const unfold = wantsUnfolding(work, settings);
  const stages = stagesOf(recipe, unfold);
  const { keepAtLeast, roundTo, maxRatio: maxSparsity } = recipe;
  const costing = costingOf(recipe, {
    machine,
    inputShapes: task.inputShapes,
    folded: unfold,
    signal: options.signal,
  });
  const running: Running = { ...work, settings, limits: { keepAtLeast, roundTo, maxSparsity }, costing };

  let progress = begin(work, task.graph);
  if (!unfold) await precheck(running, progress);
  for (const stage of stages) {
    const found = work.resume ? await readOutcome(folder, stage, progress.graph) : undefined;
    if (!found) options.onNote?.(`Stage ${stage.name}${stage.epochs ? ` of ${stage.epochs} epochs` : ''} …`);
    const outcome =
      found ?? (await keepOutcome(folder, stage, await performers[stage.kind](stage, progress, running)));
    progress = after(work, progress, stage, outcome);
    if (stage.kind === 'unfold') await precheck(running, progress);
    if (stage.kind === 'mask' || stage.kind === 'prune')
      await writeMasks(folder.mask, keptOf(work, progress));
  }
  await writeMetrics(folder, linesOf(running, progress));
  const { mask, ...rest } = progress;
  const graph = unfold ? foldBatchNorm(rest.graph, optionsOf(work)) : rest.graph;
  return { ...rest, graph, unfolded: unfold, latency: await latencyOf(running, rest) };
}

async function latencyOf({ recipe, costing }: Running, { base, graph }: Pick<Progress, 'base' | 'graph'>) {
  if (costing?.target.of !== 'latency') return undefined;
  const before = await costing.cost!(base);
  return changeWith(recipe)('latency', before, await costing.cost!(graph));
}

const optionsOf = ({ recipe, task }: Work<PruneRecipe>): ChannelOptions => {
  const { heads, ignore, freeze } = recipe;
  return { inputShapes: task.inputShapes, heads, ignore, freeze };
};

const begin = (work: Work<PruneRecipe>, base: Graph): Progress => ({
  ...{ base, graph: base, whole: findChannels(base, optionsOf(work)), kept: new Map(), done: [] },
});

/** The run after a stage. */
function after(work: Work<PruneRecipe>, before: Progress, stage: Stage, outcome: Outcome): Progress {
  const { graph, selection, facts } = outcome;
  const start = stage.kind === 'unfold' ? begin(work, graph) : before;
  const next = { ...start, done: [...before.done, { stage, facts }] };
  if (stage.kind === 'mask') return { ...next, mask: selection };
  if (stage.kind !== 'prune') return { ...next, graph };
  const smaller = findChannels(before.graph, optionsOf(work));
  return { ...next, graph, mask: undefined, kept: composed(before.whole, before.kept, smaller, selection!) };
}

/** What is kept of the base, a mask that is not carried out yet included. */
function keptOf(work: Work<PruneRecipe>, { whole, kept, mask, graph }: Progress): Selection {
  return mask ? composed(whole, kept, findChannels(graph, optionsOf(work)), mask) : kept;
}

/** Whether BatchNorm is to be put back: where the recipe says so, or its method can do nothing without. */
function wantsUnfolding(work: Work<PruneRecipe>, settings: MethodSettings): boolean {
  const { recipe, task, options } = work;
  const { graph } = task;
  if (recipe.unfold !== undefined) return recipe.unfold;
  if (!needsScales(settings) || hasScales(graph, findChannels(graph, optionsOf(work)))) return false;
  options.onNote?.(
    `${recipe.method} works on the scales of BatchNorm, which this model does not have: they are put back from training images, without changing what it computes, and folded away again at the end.`,
  );
  return true;
}

/** Refuses before any training what cannot be done after it. */
async function precheck(work: Running, { base: graph, whole: channels }: Progress): Promise<void> {
  const { recipe, settings, limits, costing } = work;
  if (recipe.mask) selectionFrom(graph, channels, await readMasks(recipe.mask));
  if (!costing || work.resume) return;
  const { target, cost } = costing;
  const goal = target.of === 'channels' ? await goalOf(costing, { graph, channels }, 1) : target;
  if (goal.of !== 'latency') await checkGoal({ graph, channels, settings, limits, goal, cost });
}

type Performer = (stage: Stage, progress: Progress, work: Running) => Promise<Outcome>;

const performers: Record<Stage['kind'], Performer> = {
  async unfold(_, { graph }, work) {
    const { recipe, task, machine, options } = work;
    const own = optionsOf(work);
    const data = dataOf(recipe, task);
    const { signal } = options;
    const statistics = await measureStatistics(graph, data, { machine, seed: recipe.seed, signal, ...own });
    return { graph: unfoldBatchNorm(graph, statistics, own), facts: { measured: [] } };
  },

  async sparse(stage, progress, work) {
    const { settings, limits } = work;
    const { base: graph, whole: channels } = progress;
    const counts =
      settings.sparse === 'soft'
        ? countsOf(channels, (await choose(stage, progress, work)).selection)
        : undefined;
    const hooks = sparseHooks({ graph, channels, settings }, { counts, limits });
    return trainStage(stage, graph, hooks, progress, work);
  },

  async mask(stage, progress, work) {
    const { graph } = progress;
    const { mask } = work.recipe;
    if (mask) {
      const selection = selectionFrom(graph, progress.whole, await readMasks(mask));
      return { graph, selection, facts: { measured: [] } };
    }
    const { selection, importance, sensitivity } = await choose(stage, progress, work);
    const numbers = Object.fromEntries([...importance].map(([name, scores]) => [name, [...scores]]));
    return { graph, selection, facts: { measured: [], importance: numbers, sensitivity } };
  },

  marked(stage, progress, work) {
    const { base: graph, whole: channels } = progress;
    const { settings, recipe } = work;
    const strength = strengthFor(stage.epochs * stepsIn(work), stage.lr, recipe.momentum);
    const hooks = markedHooks({ graph, channels, settings }, progress.mask!, strength);
    return trainStage(stage, graph, hooks, progress, work);
  },

  async prune(_, progress, work) {
    const { recipe, task, machine, options } = work;
    const { signal } = options;
    const channels = findChannels(progress.graph, optionsOf(work));
    const selection = fallen(progress, work);
    if (![...selection.values()].flat().includes(false))
      options.onNote?.(
        'No channel goes: nothing is low enough, and there is no target; give one, such as --macs 0.5.',
      );
    const smaller = shrink(progress.graph, channels, selection);
    const measured: Measured[] = [await measure('pruned', smaller, work)];
    if (!recipe.recalibrate) return { graph: smaller, selection, facts: { measured } };
    const { inputShapes } = task;
    const { batch, seed } = recipe;
    const data = dataOf(recipe, task);
    const { graph, layers } = await recalibrate(smaller, data, { machine, inputShapes, batch, seed, signal });
    if (layers > 0) measured.push(await measure('recalibrated', graph, work));
    return { graph, selection, facts: { measured } };
  },

  async 'fine-tune'(stage, progress, work) {
    const teacher = await teacherOf(work.recipe, work.task);
    return trainStage(stage, progress.graph, [], progress, work, { teacher });
  },
};

async function measure(what: Measured['what'], graph: Graph, work: Running): Promise<Measured> {
  const { task, machine, options } = work;
  const { accuracy, loss } = await evaluateGraph(task, graph, { machine, signal: options.signal });
  return { what, accuracy, loss };
}

/** Scores the units of the network as it is, and chooses. */
async function choose({ round }: Stage, progress: Progress, work: Running): Promise<Chosen> {
  const { recipe, task, machine, options, settings, limits, costing } = work;
  const { graph } = progress;
  const { seed, batch, candidates } = recipe;
  const { inputShapes } = task;
  const { signal } = options;
  const data = dataOf(recipe, task);
  const split = choosingSplit(data);
  const channels = findChannels(graph, optionsOf(work));
  const goal =
    costing &&
    (await goalOf(costing, { graph: progress.base, channels: progress.whole }, round / settings.rounds));
  return chooseUnits({
    ...{ graph, channels, settings, limits, goal, cost: costing?.cost, candidates, seed, signal },
    saliency: () => measureSaliency(graph, { machine, inputShapes, data, batch, seed, signal }),
    async evaluate(network, adapt) {
      const how = { machine, inputShapes, batch, seed, signal, samples: split.length };
      const ready = adapt ? (await recalibrate(network, data, how)).graph : network;
      return (await evaluateGraph(task, ready, { machine, split, signal })).accuracy;
    },
    onProgress: (done, all) => {
      if (done % 20 === 0 || done === all) options.onNote?.(`${done} of ${all} networks measured.`);
    },
  });
}

/**
 * What goes of a mask. Where a threshold made it, and a training was to bring it down, only what has come below: the others
 * are still needed.
 */
function fallen({ graph, mask }: Progress, work: Running): Selection {
  const { recipe, settings, limits, costing, options } = work;
  const { rule, threshold = 0.01 } = settings;
  if (costing || recipe.mask || rule !== 'threshold' || !recipe.markedEpochs) return mask!;
  const channels = findChannels(graph, optionsOf(work));
  const importance = importanceOf(graph, channels, importances[settings.importance]);
  const marks = new Map(
    [...mask!].map(([name, kept]) => [
      name,
      kept.map((is, unit) => is || (importance.get(name)?.[unit] ?? Infinity) > threshold),
    ]),
  );
  const selection = selectMarked(channels, importance, marks, limits);
  const [gone, marked] = [selection, mask!].map(
    (some) => [...some.values()].flat().filter((kept) => !kept).length,
  );
  if (gone < marked)
    options.onNote?.(
      `Of ${marked} channels that were to go, ${gone} came below ${threshold}; the others stay.`,
    );
  return selection;
}

/** One training, in the stage's own folder. */
async function trainStage(
  stage: Stage,
  graph: Graph,
  hooks: Hook[],
  progress: Progress,
  work: Running,
  training: Parameters<typeof trainInFolder>[2]['training'] = {},
): Promise<Outcome> {
  const { task, machine, folder, options } = work;
  const { path, state } = stageFolder(folder, stage);
  await mkdir(path, { recursive: true });
  const rescaled = rescaleRecipe(work.recipe, stage.epochs);
  const recipe = { ...rescaled, epochs: stage.epochs, lr: stage.lr } as PruneRecipe;
  const network = loadNetwork(trainingGraph(graph), { machine, inputShapes: task.inputShapes });
  try {
    const result = await trainInFolder({ ...work, recipe }, network, {
      ...{ hooks, training, checkpoint: state },
      stage: { name: stage.name, earlier: linesOf(work, progress) },
    });
    if (!result.finished) options.signal?.throwIfAborted();
    const { epochs, masks } = result;
    const last = epochs[epochs.length - 1];
    const { accuracy, loss } = last.test ?? last.validation ?? last;
    return {
      graph: withWeights(graph, weightsOf(network)),
      facts: { epochs, masks, measured: [{ what: 'trained', accuracy, loss }] },
    };
  } finally {
    network.close();
  }
}

/** All that the stages that are done have to say in metrics.jsonl. */
function linesOf(work: Running, { done }: Progress): MetricsLine[] {
  const steps = stepsIn(work);
  return done.flatMap(({ stage, facts: { epochs = [], masks = [] } }) =>
    metricsLines({ epochs, masks }, steps, stage.name),
  );
}

/** Optimiser steps of an epoch. */
function stepsIn({ recipe, task }: Running): number {
  const training = trainOptions(recipe, task);
  return batchCount(training.data.train, training);
}
