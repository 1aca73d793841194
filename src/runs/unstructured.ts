/**
 * A run of one training: dense, or with single weights pruned while it goes on. Where nothing is trained, weights are set to zero
 * one-shot.
 */
import { fail } from '../base/index.js';
import type { Network } from '../engine/index.js';
import { openQuantized } from '../graph/index.js';
import { figuresIn, graphToTrain } from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import type { Method, Plan } from '../sparsity/index.js';
import { weightsOf, withWeights } from '../train/index.js';
import { measure } from './measure.js';
import { calibrating, mendedBy } from './mend.js';
import { pruningOf } from './pruning.js';
import { isPrune, type PruneRecipe, type Recipe, trainerSettings } from './recipe.js';
import { maskingMethod, titleOfMethod } from './registry.js';
import { randomCalibration } from './samples.js';
import { afterRounds, pruned, prunedAndRepaired, type SparsifyRun, zeroed } from './sparsify.js';
import type { StageMeasured } from './summary.js';
import { loadTask, type ModelTask } from './task.js';
import { evaluateGraph, stepsOf, teacherOf, trainInFolder, writeMetrics } from './training.js';
import { type Made, type RunOptions, type Work, worksOnData } from './work.js';

type AnyWork = Work<Recipe, ModelTask>;

/** Carries out all of it. Undefined when the signal stopped it. */
export async function trainOnce(given: AnyWork): Promise<Made | undefined> {
  if (isPrune(given.recipe) && !worksOnData(given)) refuseWithoutData(given.recipe);
  const { work, stages } = await prepared(given);
  const { recipe } = work;
  if (isPrune(recipe) && recipe.epochs === 0) return { ...(await zeroOnce({ ...work, recipe })), stages };
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
    const measured = figuresIn(last.test ?? last.validation ?? last);
    const trained: StageMeasured = { stage: 'fine-tune', what: 'trained', ...measured };
    return {
      ...{ graph, epochs, plan, masks, measured },
      stages: stages.length > 0 ? [...stages, trained] : stages,
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

/** What becomes of a model before its training: weights that go, and others that make up for them. */
interface Prepared {
  work: AnyWork;
  stages: StageMeasured[];
}

/** The run with what samples make of its model beforehand, where its method looks at some, or they are to make up for what goes. */
async function prepared(work: AnyWork): Promise<Prepared> {
  const { recipe, task } = work;
  if (!isPrune(recipe) || (!recipe.reconstruct && !maskingMethod(recipe.method)?.calibrated))
    return { work, stages: [] };
  const run = { recipe, graph: task.graph, ...lookingAt({ ...work, recipe }) };
  const on = (graph: Graph, stages: StageMeasured[] = []) => ({
    work: { ...work, recipe: afterRounds(run, graph), task: { ...task, graph } },
    stages,
  });
  if (!recipe.reconstruct) return on(await pruned(run));
  if (!worksOnData(work)) return on((await prunedAndRepaired(run)).graph);
  const once = await pruned(run);
  const { graph, facts } = await mendedBy(() => prunedAndRepaired(run, once), once, { ...work, recipe });
  return on(
    graph,
    facts.measured.map((measured) => ({ stage: 'prune', ...measured })),
  );
}

/** The samples that are looked at, and the steps that follow. */
function lookingAt(work: Work<PruneRecipe, ModelTask>): Omit<SparsifyRun, 'recipe' | 'graph'> {
  const { recipe, task, machine, options } = work;
  const { calibrate, epochs } = recipe;
  if (worksOnData(work)) return { ...calibrating(work), iterations: epochs * stepsOf(recipe, work.task) };
  const { signal, onNote } = options;
  onNote?.(
    'There are no data, so weights are chosen and fitted on random inputs. Real inputs give a better result: give --data.',
  );
  const samples = randomCalibration(calibrate!);
  return {
    machine,
    inputShapes: task.inputShapes,
    samples,
    count: calibrate!,
    signal,
    onNote,
    iterations: 0,
  };
}

/** @throws UserError where a method needs data to train on, or samples to look at. */
function refuseWithoutData({ method: called, calibrate, rounds }: PruneRecipe): void {
  const name = titleOfMethod(called);
  const method: Method | undefined = maskingMethod(called);
  if (!method || !(rounds ?? method.defaults.rounds))
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
