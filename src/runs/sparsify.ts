/**
 * Single weights that go before a run trains, or without any training: those that a one-shot method gives up, at once or in rounds, with the
 * others solved for after each.
 */
import { fail } from '../base/index.js';
import { sparsifyLayers } from '../calibration/index.js';
import type { Graph } from '../onnx/index.js';
import {
  type GradualPlan,
  layersOf,
  type Method,
  type Plan,
  patternOf,
  type Surroundings,
  zerosAsPlanned,
} from '../sparsity/index.js';
import type { MaskReport } from '../train/index.js';
import { withWeights } from '../train/index.js';
import { methodOptions } from './pruning.js';
import type { PruneRecipe } from './recipe.js';
import { maskingMethod, titleOfMethod, unknownMethod } from './registry.js';
import { megabytes, type Repair, type RepairOptions, solvedFor } from './repair.js';

export interface SparsifyRun extends RepairOptions {
  recipe: PruneRecipe;
  graph: Graph;
  /** Optimiser steps of the run. */
  iterations: number;
}

/** The plan of a method; that of a gradual one says how it prunes in rounds. */
type RoundsPlan = Plan & Partial<Pick<GradualPlan, 'groups' | 'start' | 'steps'>>;

/** The model with the zeros that its method plans before training, and nothing made up for but by the method itself. */
export function pruned(run: SparsifyRun): Promise<Graph> {
  const plan = planOf(run);
  return cut(run.graph, { ...run, plan, round: roundsOf(plan) - 1 });
}

/**
 * The same in as many rounds as the method plans. After each, the weights that are left are solved for, so that every layer gives what
 * it gave in the whole model, and the next round looks at those.
 * @param once what {@link pruned} made of it, which is the first round where that is the only one.
 */
export async function prunedAndRepaired(run: SparsifyRun, once?: Graph): Promise<Repair> {
  const { graph: teacher } = run;
  const plan = planOf(run);
  const rounds = roundsOf(plan);
  let now: Repair = { graph: teacher };
  for (let round = 0; round < rounds; round++) {
    const onNote = (sentence: string) =>
      run.onNote?.(rounds > 1 ? `Round ${round + 1} of ${rounds}. ${sentence}` : sentence);
    const known = rounds === 1 ? once : undefined;
    const student = known ?? (await cut(now.graph, { ...run, onNote, plan, round }));
    now = await solvedFor({ teacher, student }, { ...run, onNote, keepZeros: true });
  }
  return now;
}

/**
 * The recipe for what follows on such a graph: its zeros stay. Of whole numbers there may be more than were asked for, since others are
 * nearest to 0 once they are rounded.
 */
export function afterRounds(run: SparsifyRun, graph: Graph): PruneRecipe {
  const { recipe } = run;
  const plan = planOf(run);
  if (!plan.steps) return recipe;
  const zeros = zerosAsPlanned(plan as GradualPlan, layersOf(graph));
  return {
    ...recipe,
    ...(stepsBefore(plan).length > 1 && { rounds: 1, pruningSchedule: 'one-shot' }),
    ...(recipe.sparsity !== undefined && zeros > plan.pruned && { sparsity: zeros / plan.counted }),
  };
}

const roundsOf = (plan: RoundsPlan): number => Math.max(1, stepsBefore(plan).length);

const stepsBefore = ({ steps = [] }: RoundsPlan): GradualPlan['steps'] =>
  steps.filter(({ iteration }) => iteration === 0);

function planOf({
  recipe,
  graph,
  iterations,
}: Pick<SparsifyRun, 'recipe' | 'graph' | 'iterations'>): RoundsPlan {
  const context = { layers: layersOf(graph), iterations, seed: recipe.seed };
  return methodIn(recipe).plan(context, methodOptions(recipe));
}

const methodIn = ({ method }: PruneRecipe): Method => maskingMethod(method) ?? unknownMethod(method);

/** A round of a plan. */
interface Round extends SparsifyRun {
  plan: RoundsPlan;
  round: number;
}

/**
 * The graph with what a round leaves: layers that samples say nothing of lose their weights by the method's score, unless that takes a
 * gradient. A random start comes before the first round alone.
 */
async function cut(graph: Graph, run: Round): Promise<Graph> {
  const { recipe, plan, round } = run;
  const method = methodIn(recipe);
  const given = method.calibrated ? await calibrated(graph, run) : graph;
  if (method.needsGradient(plan, 0)) return given;
  const step = stepsBefore(plan)[round];
  const start = round > 0 || method.calibrated ? undefined : plan.start;
  const part: RoundsPlan = step ? { ...plan, start, steps: [step] } : plan;
  return (await started(given, recipe, part)).graph;
}

/** @throws UserError where the plan does not say layer by layer how many weights stay. */
async function calibrated(graph: Graph, run: Round): Promise<Graph> {
  const { recipe, inputShapes, machine, samples, count, onNote, signal, plan, round } = run;
  const method = methodIn(recipe);
  const pattern = patternOf(recipe.pattern);
  const { groups, layers } = plan;
  const step = stepsBefore(plan)[round];
  if (!groups || !step || groups.some(({ members }) => members.length > 1))
    fail(`${method.name} prunes every layer by itself, before training: leave --scope out, and --rounds 0.`);
  const kept = new Map(groups.map(({ members: [l] }, g) => [layers[l].name, step.kept[g]]));
  const found = await sparsifyLayers(graph, {
    ...{ machine, samples, inputShapes, kept, signal },
    pattern: pattern && { keep: pattern.keep, of: pattern.columns, rows: pattern.rows },
    how: method.calibrated!,
    onPlan: ({ layers: some, values, moments }) =>
      onNote?.(
        `Calibrating ${some} layers on ${count} samples, with at most ${megabytes(values)} of activations and ${megabytes(moments)} of statistics in memory …`,
      ),
  });
  const left = [...kept.keys()].filter((name) => !found.layers.includes(name));
  if (left.length > 0)
    onNote?.(
      `${left.length} of ${kept.size} weights are pruned by magnitude, since no statistics could be collected for them: ${left[0]}${left.length > 1 ? ', …' : ''}.`,
    );
  return found.graph;
}

/** The weights that a method gives up at zero, without samples. */
export async function zeroed(
  recipe: PruneRecipe,
  graph: Graph,
): Promise<{ graph: Graph; plan: Plan; masks: MaskReport[] }> {
  const plan = planOf({ recipe, graph, iterations: 0 });
  if (methodIn(recipe).needsGradient(plan, 0))
    fail(
      `${titleOfMethod(recipe.method)} goes by gradients, and these need a training: give --data and --epochs 1 or more.`,
    );
  const { graph: left, report } = await started(graph, recipe, plan);
  return { graph: left, plan, masks: [report] };
}

/** What the start of a plan leaves of a graph. A method that needs no gradient looks at nothing but its layers. */
async function started(
  graph: Graph,
  recipe: PruneRecipe,
  plan: Plan,
): Promise<{ graph: Graph; report: MaskReport }> {
  const layers = layersOf(graph);
  const report = await methodIn(recipe).start(plan, layers, {} as Surroundings);
  const weights = new Map(layers.map((layer) => [layer.name, layer.weight]));
  return { graph: withWeights(graph, weights), report };
}
