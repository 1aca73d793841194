/**
 * The two ways in which a method prunes a run: by masks that it sets between steps, or by masks that are learnt in a graph
 * rewritten for that. What the run needs of either is the same.
 */

import { fail } from '../base/index.js';
import { batchCount } from '../data/index.js';
import type { Network } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import { bakeMasks, type LearntContext, layersOf, type Plan, pruningHook } from '../sparsity/index.js';
import { checkBatches, type Hook, type TrainOptions } from '../train/index.js';
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
  const { hook, ...run } = learnt.prepare(graph, methodOptions(recipe), context);
  return { ...run, hooks: [hook], finish: bakeMasks };
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
  method.plan({ layers: layersToPrune(task.graph), iterations, seed }, methodOptions(recipe));
}

/** The layers whose single weights can go. @throws UserError where there are none, since they are whole numbers. */
export function layersToPrune(graph: Graph): ReturnType<typeof layersOf> {
  const layers = layersOf(graph);
  const quantized = layers.length === 0 ? quantizedWeights(graph) : [];
  if (quantized.length > 0)
    fail(
      `The weights of this model are stored as whole numbers (${quantized[0]}, say), and single weights of integer models are not pruned: remove channels (--method l1-filters), or prune the model before it is quantized.`,
    );
  return layers;
}

/** Names of whole numbers that stand for weights: what DequantizeLinear makes real, or an operator takes as they are. */
function quantizedWeights({ nodes, initializers }: Graph): string[] {
  const used = nodes.flatMap(({ op, inputs }) => {
    if (op === 'DequantizeLinear') return inputs.slice(0, 1);
    if (op === 'QLinearConv' || op === 'QLinearMatMul') return inputs.slice(3, 4);
    return op === 'ConvInteger' || op === 'MatMulInteger' ? inputs.slice(1, 2) : [];
  });
  return [...new Set(used)].filter((name) => (initializers.get(name)?.shape.length ?? 0) > 1);
}

/** What a recipe says to its method. */
export function methodOptions(recipe: PruneRecipe): Record<string, unknown> {
  const method = maskingMethod(recipe.method) ?? learntMethod(recipe.method);
  const given = recipe as unknown as Record<string, unknown>;
  return Object.fromEntries(Object.keys(method?.settings ?? {}).map((name) => [name, given[name]]));
}
