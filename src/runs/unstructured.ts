/**
 * A run of one training: dense, or with single weights pruned while it goes on. Where nothing is trained, weights are set to zero
 * one-shot.
 */
import { fail } from '../base/index.js';
import { type Calibration, calibrationSamples } from '../calibration/index.js';
import type { Network } from '../engine/index.js';
import { openQuantized } from '../graph/index.js';
import { figuresIn, graphToTrain } from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import { layersOf, type Method, type Plan, type Surroundings } from '../sparsity/index.js';
import { weightsOf, withWeights } from '../train/index.js';
import { measure } from './measure.js';
import { methodOptions, pruningOf } from './pruning.js';
import { isPrune, type PruneRecipe, type Recipe, trainerSettings } from './recipe.js';
import { maskingMethod, titleOfMethod, unknownMethod } from './registry.js';
import { randomCalibration } from './samples.js';
import { presparsified } from './sparsify.js';
import { loadTask, type ModelTask } from './task.js';
import { dataOf, evaluateGraph, stepsOf, teacherOf, trainInFolder, writeMetrics } from './training.js';
import { type Made, type RunOptions, type Work, worksOnData } from './work.js';

type AnyWork = Work<Recipe, ModelTask>;

/** Carries out all of it. Undefined when the signal stopped it. */
export async function trainOnce(given: AnyWork): Promise<Made | undefined> {
  const { recipe } = given;
  if (isPrune(recipe) && !worksOnData(given)) refuseWithoutData(recipe);
  const work = await calibrated(given);
  if (isPrune(recipe) && recipe.epochs === 0) return zeroOnce({ ...work, recipe });
  if (!worksOnData(work)) throw new Error('a run without data has a training');
  const { folder, task } = work;
  let plan: Plan | undefined;
  const training = { ...trainerSettings(recipe), steps: stepsOf(recipe, task) };
  const pruning = pruningOf(recipe, task, training, (made) => {
    plan = made;
  });
  // The teacher is the model as it was given.
  const teacher = await teacherOf(recipe, { ...task, graph: given.task.graph });
  return onNetwork(graphToTrain(pruning.graph, task.objective), { work, given }, async (network) => {
    const result = await trainInFolder(work, network, {
      hooks: pruning.hooks,
      checkpoint: folder.checkpoint,
      training: { teacher, ...pruning.training },
    });
    if (!result.finished) return undefined;
    const graph = pruning.finish(withWeights(pruning.graph, weightsOf(network)));
    if (plan) checkPruned(graph, task, plan, work.options);
    const { epochs, masks, best } = result;
    const last = epochs[epochs.length - 1];
    return {
      ...{ graph, epochs, plan, masks, measured: figuresIn(last.test ?? last.validation ?? last) },
      best: best && { epoch: best.epoch, ...figuresIn(best) },
    };
  });
}

/** Trains the network of a graph: the one that is loaded already, where that is the graph's. */
async function onNetwork<T>(
  graph: Graph,
  { work, given }: { work: Work; given: AnyWork },
  train: (network: Network) => Promise<T>,
): Promise<T> {
  const { loaded } = work;
  const isLoaded = loaded !== undefined && graph === given.task.graph;
  if (!isLoaded) await loaded?.unload();
  const network = isLoaded ? await loaded.network() : loadTask(work.task, graph, work.machine);
  try {
    return await train(network);
  } finally {
    if (isLoaded) await loaded.unload();
    else network.close();
  }
}

/** The run with what samples make of its model beforehand, where its method looks at some. */
async function calibrated(work: AnyWork): Promise<AnyWork> {
  const { recipe, task, machine, options } = work;
  const method = isPrune(recipe) ? maskingMethod(recipe.method) : undefined;
  if (!isPrune(recipe) || !method?.calibrated) return work;
  const { inputShapes, graph } = task;
  const { onNote, signal } = options;
  const how = { recipe, method, machine, inputShapes, graph, ...lookingAt(recipe, work), onNote, signal };
  return { ...work, task: { ...task, graph: await presparsified(how) } };
}

/** The samples that a method looks at, and the steps that follow. */
function lookingAt(recipe: PruneRecipe, work: AnyWork): { samples: Calibration; iterations: number } {
  const { calibrate, seed, epochs } = recipe;
  if (!worksOnData(work)) {
    work.options.onNote?.(
      'There are no data, so the choice of weights is based on random inputs. Real inputs give a better choice: give --data.',
    );
    return { samples: randomCalibration(calibrate!), iterations: 0 };
  }
  const samples = calibrationSamples(dataOf(recipe, work.task), { samples: calibrate, seed });
  return { samples, iterations: epochs * stepsOf(recipe, work.task) };
}

/** @throws UserError where a method needs data to train on, or samples to look at. */
function refuseWithoutData({ method: called, calibrate }: PruneRecipe): void {
  const name = titleOfMethod(called);
  const method: Method | undefined = maskingMethod(called);
  if (!method?.defaults.rounds)
    fail(`${name} prunes during training: give --data, or use a one-shot method, such as magnitude.`);
  if (method.calibrated && calibrate === undefined)
    fail(`${name} needs samples: give --data, or --calibrate 512 to use random inputs.`);
}

/** A run that trains nothing. */
async function zeroOnce(work: Work<PruneRecipe, ModelTask>): Promise<Made> {
  const { recipe, folder, task, machine, options, tracking } = work;
  const made = await zeroed(recipe, task.graph);
  await writeMetrics(folder, []);
  tracking?.begin([]);
  if (!worksOnData(work)) return { ...made, epochs: [] };
  const measured = await evaluateGraph(work.task, made.graph, { machine, signal: options.signal });
  return { ...made, epochs: [], measured: figuresIn(measured) };
}

/** The weights that a method gives up at zero, without training. */
export async function zeroed(
  recipe: PruneRecipe,
  graph: Graph,
): Promise<Pick<Made, 'graph' | 'plan' | 'masks'>> {
  const { seed } = recipe;
  const name = titleOfMethod(recipe.method);
  const method = maskingMethod(recipe.method) ?? unknownMethod(recipe.method);
  const layers = layersOf(graph);
  const plan = method.plan({ layers, iterations: 0, seed }, methodOptions(recipe));
  if (method.needsGradient(plan, 0))
    fail(`${name} goes by gradients, and these need a training: give --data and --epochs 1 or more.`);
  // A method that needs no gradient looks at nothing but its layers.
  const report = await method.start(plan, layers, {} as Surroundings);
  const weights = new Map(layers.map((layer) => [layer.name, layer.weight]));
  return { graph: withWeights(graph, weights), plan, masks: [report] };
}

/** A weight that was pruned and is not zero would be a defect of ours; of whole numbers, others may have become zero by rounding. */
function checkPruned(
  graph: Graph,
  { inputShapes }: ModelTask,
  { pruned }: Plan,
  { onNote }: RunOptions,
): void {
  const { prunable, sparsity } = measure(graph, inputShapes);
  const zeros = Math.round(prunable * sparsity);
  if (zeros < pruned) throw new Error(`${pruned} weights were pruned, but only ${zeros} are zero`);
  if (zeros > pruned && openQuantized(graph) !== graph)
    onNote?.(
      `${zeros - pruned} more weights are zero than were pruned: they are nearer to 0 than to any other number that the file can hold with its scales.`,
    );
}
