/**
 * A run that removes channels, stage by stage. What a stage has made is kept in its folder before the next begins, so that a run that is
 * resumed goes on from the same numbers. A run without data has the stages that train nothing; it is short, so none of them is kept.
 */

import { fail } from '../../base/index.js';
import {
  checkGoal,
  findChannels,
  hasScales,
  type MethodSettings,
  needsScales,
  readMasks,
  retiedAs,
  selectionFrom,
  untied,
  writeMasks,
} from '../../channels/index.js';
import { foldBatchNorm } from '../../graph/index.js';
import type { PruneRecipe } from '../recipe.js';
import { structuredMethod } from '../registry.js';
import type { ModelTask } from '../task.js';
import { writeMetrics } from '../training.js';
import { type Made, type Work, worksOnData } from '../work.js';
import { changeWith } from './change.js';
import { dataEvidence } from './data-evidence.js';
import { costingOf, goalOf } from './goal.js';
import { performStage } from './performers.js';
import { after, begin, keptOf, optionsOf, type Progress, type Pruned, type Running } from './progress.js';
import { randomEvidence } from './random-evidence.js';
import { keepOutcome, type Outcome, readOutcome, type Stage, stagesOf } from './stages.js';
import { channelSummary, lastMeasured } from './summary.js';
import { linesOf } from './trainings.js';

type Pruning = Work<PruneRecipe, ModelTask>;

/** A run whose stages remove channels. */
export async function removeChannels(work: Pruning): Promise<Made> {
  const pruned = await pruneChannels(work);
  return {
    graph: pruned.graph,
    latency: pruned.latency,
    epochs: pruned.done.flatMap(({ facts }) => facts.epochs ?? []),
    measured: lastMeasured(pruned),
    channels: channelSummary(pruned, work.task),
  };
}

/** Carries out all stages. @throws UserError where something cannot be done; the signal's reason when it stops. */
async function pruneChannels(work: Pruning): Promise<Pruned> {
  const { recipe, task, folder } = work;
  const settings = settingsIn(recipe);
  const unfold = wantsUnfolding(work, settings);
  const running = runningOn(work, { settings, unfold });
  let progress = begin(work, task.graph);
  if (!unfold && !recipe.dropArms) await precheck(running, progress);
  for (const stage of stagesOf(recipe, unfold)) {
    progress = after(work, progress, stage, await outcomeOf(stage, progress, running));
    if (stage.kind === 'unfold' || stage.kind === 'depth') await precheck(running, progress);
    if (stage.kind === 'mask' || stage.kind === 'prune')
      await writeMasks(folder.mask, keptOf(work, progress));
  }
  const lines = worksOnData(running) ? linesOf(running, progress) : [];
  await writeMetrics(folder, lines);
  work.tracking?.begin(lines);
  const { mask, ...rest } = progress;
  const folded = unfold ? foldBatchNorm(rest.graph, optionsOf(work)) : rest.graph;
  const graph = retiedAs(folded, task.graph);
  return { ...rest, graph, unfolded: unfold, latency: await latencyOf(running, rest) };
}

/** The axes of a recipe's method, and the settings of the method's own. */
function settingsIn(recipe: PruneRecipe): MethodSettings {
  const given = recipe as unknown as MethodSettings & Record<string, unknown>;
  const names = Object.keys(structuredMethod(recipe.method)?.settings ?? {});
  return { ...given, own: Object.fromEntries(names.map((name) => [name, given[name]])) };
}

/** The run with what its recipe comes to. */
function runningOn(
  work: Pruning,
  { settings, unfold }: { settings: MethodSettings; unfold: boolean },
): Running {
  const { recipe, task, machine, options } = work;
  const { keepAtLeast, roundTo, maxSparsity } = recipe;
  const { inputShapes } = task;
  const costing = costingOf(recipe, { machine, inputShapes, folded: unfold, signal: options.signal });
  if (costing && recipe.dropArms) costing.whole = untied(task.graph).graph;
  const limits = { keepAtLeast, roundTo, maxSparsity };
  const evidence = worksOnData(work) ? dataEvidence(work) : randomEvidence(work);
  return { ...work, settings, limits, costing, evidence };
}

/** What a stage makes, or has made before the run was resumed. */
async function outcomeOf(stage: Stage, progress: Progress, running: Running): Promise<Outcome> {
  if (!worksOnData(running)) return performStage(stage, progress, running);
  const { folder, resume, options } = running;
  const found = resume ? await readOutcome(folder, stage, progress.graph) : undefined;
  if (found) return found;
  options.onNote?.(
    `Stage ${stage.name}${stage.epochs ? ` of ${stage.epochs} ${stage.epochs === 1 ? 'epoch' : 'epochs'}` : ''} …`,
  );
  return keepOutcome(folder, stage, await performStage(stage, progress, running));
}

async function latencyOf({ recipe, costing }: Running, { base, graph }: Pick<Progress, 'base' | 'graph'>) {
  if (costing?.target.of !== 'latency') return undefined;
  const before = await costing.cost!(base);
  return changeWith(recipe)('latency', before, await costing.cost!(graph));
}

/**
 * Whether BatchNorm is to be put back: where the recipe says so, or its method can do nothing without.
 * @throws UserError where that takes data, and there are none.
 */
function wantsUnfolding(work: Pruning, settings: MethodSettings): boolean {
  const { recipe, task, options } = work;
  const { graph } = task;
  if (recipe.unfold !== undefined) return recipe.unfold;
  if (!needsScales(settings) || hasScales(graph, findChannels(graph, optionsOf(work)))) return false;
  if (worksOnData(work)) {
    options.onNote?.(
      `${recipe.method} works on the scales of BatchNorm, which this model does not have: BatchNorm is restored from training images, without changing what the model computes, and folded away again at the end.`,
    );
    return true;
  }
  if (recipe.mask) return false;
  return fail(
    `${recipe.method} needs the scales of BatchNorm; this model has none, and restoring them needs data: give --data, or use another method, such as l1-filters.`,
  );
}

/** Refuses before any training what cannot be done after it. */
async function precheck(work: Running, { base: graph, whole: channels }: Progress): Promise<void> {
  const { recipe, settings, limits, costing } = work;
  if (!worksOnData(work)) return;
  if (recipe.mask) selectionFrom(graph, channels, await readMasks(recipe.mask));
  if (!costing || work.resume) return;
  const { target, cost } = costing;
  const goal =
    target.of === 'channels' || costing.whole ? await goalOf(costing, { graph, channels }, 1) : target;
  if (goal.of !== 'latency') await checkGoal({ graph, channels, settings, limits, goal, cost });
}
