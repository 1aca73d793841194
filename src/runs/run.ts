/**
 * A run from its recipe to its folder: train or prune, export, sum up; fresh, or where a killed one stopped.
 *
 * Fresh and resumed runs take the same way; only what the checkpoint holds is not done again. The network that training
 * starts from is kept in the folder, so that a run can be resumed whatever became of the file it was made from.
 */
import { access } from 'node:fs/promises';
import { writeAtomically } from '../base/files.js';
import { batchCount, splitValidation } from '../data/index.js';
import { type Machine, type Network, openMachine } from '../engine/index.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';
import type { Plan } from '../sparsity/index.js';
import {
  type EpochMetrics,
  type Evaluation,
  evaluate,
  type MaskReport,
  type RunState,
  readCheckpoint,
  type TrainData,
  type TrainOptions,
  type TrainProgress,
  type TrainResult,
  type TrainStart,
  trainingGraph,
  trainNetwork,
  weightsOf,
  withWeights,
} from '../train/index.js';
import { bytesOfModel, type Exported, exportModel } from './export.js';
import {
  appendLine,
  createRun,
  emptyRun,
  openRun,
  type RunFolder,
  refuseOccupied,
  sweepRun,
  writeJson,
} from './folder.js';
import { histograms } from './histogram.js';
import { measure } from './measure.js';
import { netronAttachment } from './netron.js';
import { type Pruning, pruningOf } from './pruning.js';
import { isPath, type PruneRecipe, type Recipe, resolveRecipe, trainerSettings } from './recipe.js';
import type { MetricsLine, Summary } from './summary.js';
import { loadTask, openTask, type Task } from './task.js';

export interface RunOptions {
  /** Stops the run after the current step; then it can be resumed. */
  signal?: AbortSignal;
  /** A sentence for whoever watches. */
  onNote?: (sentence: string) => void;
  onStart?: (start: TrainStart) => void;
  onStep?: (progress: TrainProgress) => void;
  onEpoch?: (metrics: EpochMetrics) => void;
  onMasks?: (report: MaskReport) => void;
}

export interface RunResult {
  folder: RunFolder;
  /** Absent when the signal stopped the run. */
  summary?: Summary;
}

/**
 * Carries out a recipe in a new folder.
 * @throws UserError when the folder is not empty, or the recipe cannot be carried out.
 */
export async function startRun(recipe: Recipe, out: string, options: RunOptions = {}): Promise<RunResult> {
  await refuseOccupied(out);
  const task = await openTask(recipe);
  const machine = await openMachine({ threads: recipe.threads });
  let folder: RunFolder | undefined;
  let begun = false;
  const onStart = (start: TrainStart) => {
    begun = true;
    options.onStart?.(start);
  };
  try {
    loadTask(task, task.graph, machine).close();
    folder = await createRun(out, recipe);
    await writeModel(folder.start, task.graph);
    return await perform({ recipe, folder, task, machine, resume: false, options: { ...options, onStart } });
  } catch (error) {
    if (folder && !begun && !options.signal?.aborted) await emptyRun(folder);
    throw error;
  } finally {
    await machine.close();
  }
}

/**
 * Goes on where a run was stopped or killed; gives the summary again where it had ended.
 * @throws UserError when the folder is not that of a run, or the run cannot go on.
 */
export async function resumeRun(
  path: string,
  { threads, ...options }: RunOptions & { threads?: number } = {},
): Promise<RunResult> {
  const { folder, recipe: kept, summary } = await openRun(path);
  await sweepRun(folder);
  if (summary) return { folder, summary };
  const recipe = resolveRecipe(kept.command, kept, kept.version);
  const task = await openTask(recipe, await readStart(folder));
  await writeModel(folder.start, task.graph);
  const machine = await openMachine({ threads: threads ?? recipe.threads });
  try {
    return await perform({ recipe, folder, task, machine, resume: true, options });
  } finally {
    await machine.close();
  }
}

/** The network a run started from; undefined when it was killed before that was written. */
const readStart = (folder: RunFolder): Promise<Graph | undefined> =>
  access(folder.start).then(
    () => readModel(folder.start),
    () => undefined,
  );

interface Work {
  recipe: Recipe;
  folder: RunFolder;
  task: Task;
  machine: Machine;
  resume: boolean;
  options: RunOptions;
}

async function perform(work: Work): Promise<RunResult> {
  const { recipe, folder, task, machine, options } = work;
  if (recipe.command === 'train' && measure(task.graph, task.inputShapes).sparsity > 0.01)
    options.onNote?.('The model has zero weights, which train will fill: prune keeps them.');
  const before = isPath(recipe.model) ? await evaluateGraph(task, machine, options) : undefined;
  let plan: Plan | undefined;
  const pruning = pruningOf(recipe, task, trainerSettings(recipe), (made) => {
    plan = made;
  });
  const network = loadTask(task, trainingGraph(pruning.graph), machine);
  try {
    const result = await trainInFolder(work, network, pruning);
    if (!result.finished) return { folder };
    const graph = pruning.finish(withWeights(pruning.graph, weightsOf(network)));
    network.close();
    if (plan) assertPruned(graph, task, plan);
    options.onNote?.('Exporting and checking the model …');
    const exported = await exportModel(folder.model, graph, { machine, ...task });
    const summary = await sumUp({ ...work, result, before, plan, exported });
    if (recipe.command === 'prune') await writeAttachment(folder, summary);
    await writeJson(folder.summary, summary);
    return { folder, summary };
  } finally {
    network.close();
  }
}

/** Densities for Netron, beside the model. */
async function writeAttachment({ model, netron }: RunFolder, { prunable }: Summary): Promise<void> {
  const density = Object.fromEntries(prunable.layers.map((layer) => [layer.name, layer.density]));
  await writeJson(netron, netronAttachment(await readModel(model), { density }));
}

/** A weight that was pruned and is not zero would be a defect of ours. */
function assertPruned(graph: Graph, { inputShapes }: Task, { pruned }: Plan): void {
  const { prunable, sparsity } = measure(graph, inputShapes);
  const zeros = Math.round(prunable * sparsity);
  if (zeros < pruned) throw new Error(`${pruned} weights were pruned, but only ${zeros} are zero`);
}

async function evaluateGraph(
  task: Task,
  machine: Machine,
  { signal, onNote }: RunOptions,
): Promise<Evaluation> {
  onNote?.('Measuring the model as it is …');
  const network = loadTask(task, task.graph, machine);
  const { dataset } = task;
  try {
    return await evaluate(network, dataset.test ?? dataset.train, {
      normalize: dataset,
      augment: dataset.augment.test,
      signal,
    });
  } finally {
    network.close();
  }
}

/** Trains with the folder's checkpoint, and keeps metrics.jsonl in step with it. */
async function trainInFolder(
  { recipe, folder, task, resume, options }: Work,
  network: Network,
  pruning: Pruning,
): Promise<TrainResult> {
  const saved = resume ? await readCheckpoint<RunState>(folder.checkpoint) : undefined;
  const training = trainOptions(recipe, task);
  await rewriteMetrics(folder, saved?.state, batchCount(training.data.train, training));
  let writing = Promise.resolve();
  const note = (line: MetricsLine) => {
    writing = writing.then(() => appendLine(folder.metrics, line));
    writing.catch(() => {}); // it is awaited at the end
  };
  const result = await trainNetwork({
    ...training,
    ...pruning.training,
    network,
    hooks: pruning.hooks,
    checkpoint: { path: folder.checkpoint, resume: saved !== undefined },
    signal: options.signal,
    onStart(start) {
      if (start.microBatch < Math.min(recipe.batch, training.data.train.length))
        options.onNote?.(
          `A batch of ${recipe.batch} does not fit in memory: it goes through in parts of ${start.microBatch}, whose gradients are added up.`,
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

/** Makes metrics.jsonl what it was at the checkpoint: later lines will be written again. */
async function rewriteMetrics(folder: RunFolder, state: RunState | undefined, steps: number): Promise<void> {
  const lines = state ? metricsLines(state, steps) : [];
  await writeAtomically(folder.metrics, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/** Epochs, of so many steps each, and mask updates in the order in which they happened. */
function metricsLines({ epochs, masks }: RunState, steps: number): MetricsLine[] {
  const placed = [
    ...masks.map((mask) => ({ at: mask.iteration, line: { kind: 'masks', ...mask } as const })),
    ...epochs.map((epoch) => ({ at: epoch.epoch * steps, line: { kind: 'epoch', ...epoch } as const })),
  ];
  return placed.sort((a, b) => a.at - b.at).map(({ line }) => line);
}

/** A recipe's settings as the trainer knows them. */
function trainOptions(recipe: Recipe, { dataset }: Task): Omit<TrainOptions, 'network'> {
  const { epochs, batch, seed, labelSmoothing } = recipe;
  const data: TrainData = recipe.validation
    ? { ...dataset, ...splitValidation(dataset.train, recipe.validation, seed) }
    : dataset;
  return {
    data,
    epochs,
    batch,
    seed,
    ...trainerSettings(recipe),
    labelSmoothing,
    augment: recipe.augment ? undefined : dataset.augment.test,
  };
}

interface Finished extends Work {
  result: TrainResult;
  before?: Evaluation;
  plan?: Plan;
  exported: Exported;
}

async function sumUp({
  recipe,
  folder,
  task,
  machine,
  result,
  before,
  plan,
  exported,
}: Finished): Promise<Summary> {
  const final = await readModel(folder.model);
  const [was, is] = [task.graph, final].map((graph) => measure(graph, task.inputShapes));
  const [weightsBefore, weightsAfter] = histograms(
    [task.graph, final],
    is.layers.map(({ name }) => name),
  );
  const bytesBefore = await bytesOfModel(task.graph);
  const last = result.epochs[result.epochs.length - 1];
  const measured = last.test ?? last.validation ?? last;
  const spared = new Map(plan?.layers.map(({ name, spared }) => [name, spared]));
  const { method, sparsity: target } = recipe as Partial<PruneRecipe>;
  return {
    espalier: recipe.version,
    command: recipe.command,
    model: recipe.model,
    data: recipe.data,
    method,
    seed: recipe.seed,
    epochs: recipe.epochs,
    engine: machine.description,
    prunable: {
      count: is.prunable,
      layers: is.layers.map((layer) => ({ ...layer, spared: spared.get(layer.name) })),
      emptied: is.layers.filter(({ kept }) => kept === 0).map(({ name }) => name),
    },
    unpruned: is.unpruned,
    sparsity: { before: was.sparsity, after: is.sparsity, target },
    sparsityWithBiases: { before: was.sparsityWithBiases, after: is.sparsityWithBiases },
    effectiveSparsity: { before: was.effectiveSparsity, after: is.effectiveSparsity },
    deadUnits: { before: was.deadUnits, after: is.deadUnits, of: is.units },
    params: { before: was.params, after: is.params },
    nonzero: { before: was.nonzero, after: is.nonzero },
    macs: { before: was.macs, after: is.macs },
    effectiveMacs: { before: was.effectiveMacs, after: is.effectiveMacs },
    liveMacs: { before: was.liveMacs, after: is.liveMacs },
    weights: { before: weightsBefore, after: weightsAfter },
    bytes: {
      raw: { before: bytesBefore.raw, after: exported.bytes.raw },
      gzip: { before: bytesBefore.gzip, after: exported.bytes.gzip },
    },
    accuracy: { before: before?.accuracy, after: measured.accuracy },
    loss: { before: before?.loss, after: measured.loss },
    export: { flushed: exported.flushed, check: exported.check },
    best: result.best && { epoch: result.best.epoch, loss: result.best.loss, accuracy: result.best.accuracy },
    seconds: result.epochs.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}
