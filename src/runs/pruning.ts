/**
 * The two ways in which a method prunes a run: by masks that it sets between steps, or by masks that are learnt in a graph
 * rewritten for that. What the run needs of either is the same.
 */

import { batchCount } from '../data/index.js';
import type { Network } from '../engine/index.js';
import { openQuantized } from '../graph/index.js';
import { floats, type Graph, isFloat } from '../onnx/index.js';
import { bakeMasks, type LearntContext, layersOf, type Plan, pruningHook } from '../sparsity/index.js';
import { checkBatches, type Hook, type TrainOptions, withWeights } from '../train/index.js';
import type { PruneRecipe, Recipe } from './recipe.js';
import { learntMethod, maskingMethod, unknownMethod } from './registry.js';
import type { AimedTask, ModelTask } from './task.js';
import { trainOptions } from './training.js';

export interface Pruning {
  /** What is trained. */
  graph: Graph;
  /** What the trainer is told instead of the recipe's own settings. */
  training: Partial<TrainOptions>;
  hooks: Hook[];
  /** The model that the trained graph stands for. */
  finish(trained: Graph): Graph;
}

/**
 * How a recipe prunes a task's model, not at all for one that only trains; `onPlan` is told the plan of a method that has
 * one.
 * @throws UserError when an option makes no sense.
 */
export function pruningOf(
  recipe: Recipe,
  { graph, inputShapes }: ModelTask,
  { optimizer, schedule, steps }: Pick<LearntContext, 'optimizer' | 'schedule' | 'steps'>,
  onPlan: (plan: Plan) => void,
): Pruning {
  const plain = { graph, training: {}, finish: (trained: Graph) => trained };
  if (recipe.command === 'train') return { ...plain, hooks: [] };
  const learnt = learntMethod(recipe.method);
  if (!learnt) {
    const hook = pruningHook(
      maskingMethod(recipe.method) ?? unknownMethod(recipe.method),
      methodOptions(recipe),
      onPlan,
    );
    return { ...plain, hooks: [hook] };
  }
  const { epochs, seed } = recipe;
  const context = { epochs, steps, seed, optimizer, schedule, inputShapes };
  const opened = openQuantized(graph);
  const { hook, ...run } = learnt.prepare(opened, methodOptions(recipe), context);
  const finish = (trained: Graph) =>
    opened === graph ? bakeMasks(trained) : storedLike(graph, bakeMasks(trained));
  return { ...run, hooks: [hook], finish };
}

/** A graph with the numbers of its opened form, stored as it stores them. */
function storedLike(graph: Graph, { initializers }: Graph): Graph {
  const real = [...initializers].filter(
    ([name, { dtype }]) => isFloat(dtype) && graph.initializers.has(name),
  );
  return withWeights(graph, new Map(real.map(([name, tensor]) => [name, Float32Array.from(floats(tensor))])));
}

/** Refuses before anything is written or measured what a run cannot do; a method of channels has checks of its own. */
export function checkRun(recipe: Recipe, task: AimedTask, network: Network): void {
  const { data, ...training } = trainOptions(recipe, task);
  if (recipe.epochs > 0) checkBatches(network, data.train.length, training);
  if (recipe.command === 'train') return;
  const { method: name, epochs, seed } = recipe;
  const steps = batchCount(data.train, training);
  if (learntMethod(name)) pruningOf(recipe, task, { ...training, steps }, () => {});
  const method = maskingMethod(name);
  const iterations = epochs * steps;
  if (!method || iterations === 0) return;
  method.plan({ layers: layersOf(task.graph), iterations, seed }, methodOptions(recipe));
}

/** What a recipe says to its method. */
export function methodOptions(recipe: PruneRecipe): Record<string, unknown> {
  const method = maskingMethod(recipe.method) ?? learntMethod(recipe.method);
  const given = recipe as unknown as Record<string, unknown>;
  return Object.fromEntries(Object.keys(method?.settings ?? {}).map((name) => [name, given[name]]));
}
