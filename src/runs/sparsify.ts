/** What methods of single weights that look at samples do to a model before the run: the weights that go become zero, and others make up for them. */
import { fail } from '../base/index.js';
import { type Calibration, sparsifyLayers } from '../calibration/index.js';
import type { Machine } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import { layersOf, type Method, type Plan, patternOf } from '../sparsity/index.js';
import { methodOptions } from './pruning.js';
import type { PruneRecipe } from './recipe.js';
import type { RunOptions } from './work.js';

export interface SparsifyRun extends Pick<RunOptions, 'onNote' | 'signal'> {
  recipe: PruneRecipe;
  method: Method;
  graph: Graph;
  inputShapes: Record<string, number[]>;
  machine: Machine;
  samples: Calibration;
  /** Optimiser steps of the run. */
  iterations: number;
}

/** The plan of a method that shares out by layer, as far as it is needed here. */
interface LayerPlan extends Plan {
  groups?: { members: number[] }[];
  steps?: { kept: number[] }[];
}

/**
 * The model with as many zeros in each layer as the method plans.
 * @throws UserError where the plan does not say them layer by layer.
 */
export async function presparsified(run: SparsifyRun): Promise<Graph> {
  const { recipe, method, graph, inputShapes, machine, samples, iterations, onNote, signal } = run;
  const pattern = patternOf(recipe.pattern);
  const context = { layers: layersOf(graph), iterations, seed: recipe.seed };
  const { groups, steps, layers }: LayerPlan = method.plan(context, methodOptions(recipe));
  const [first, ...later] = steps ?? [];
  if (!groups || !first || later.length > 0 || groups.some(({ members }) => members.length > 1))
    fail(
      `${method.name} prunes every layer by itself, one-shot: leave --scope, --rounds and --pruning-schedule out.`,
    );
  const kept = new Map(groups.map(({ members: [l] }, g) => [layers[l].name, first.kept[g]]));
  const found = await sparsifyLayers(graph, {
    ...{ machine, samples, inputShapes, kept, signal },
    pattern: pattern && { keep: pattern.keep, of: pattern.columns, rows: pattern.rows },
    how: method.calibrated!,
    onPlan: ({ layers: count, values, moments }) =>
      onNote?.(
        `Calibrating ${count} layers on ${recipe.calibrate} samples, with at most ${Math.ceil(values / 1e6)} MB of activations and ${Math.ceil(moments / 1e6)} MB of statistics in memory …`,
      ),
  });
  const left = [...kept.keys()].filter((name) => !found.layers.includes(name));
  if (left.length > 0)
    onNote?.(
      `${left.length} of ${kept.size} weights are pruned by magnitude, since no statistics could be collected for them: ${left[0]}${left.length > 1 ? ', …' : ''}.`,
    );
  return found.graph;
}
