/**
 * A run that removes channels, stage by stage. What a stage has made is kept in its folder before the next begins, and read
 * from there, so that a run that is resumed goes on from the same numbers.
 */
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
import type { Change } from '../summary.js';
import { writeMetrics } from '../training.js';
import type { Work } from '../work.js';
import { changeWith } from './change.js';
import { costingOf, goalOf } from './goal.js';
import { linesOf, performers } from './performers.js';
import { after, begin, keptOf, optionsOf, type Progress, type Running } from './progress.js';
import { keepOutcome, readOutcome, stagesOf } from './stages.js';

/** What is left of a network, and how it came to that. */
export interface Pruned extends Omit<Progress, 'mask'> {
  /** BatchNorm was put back, and `graph` has it folded away again. */
  unfolded: boolean;
  /** Milliseconds, where they were the target. */
  latency?: Change;
}

/** Carries out all stages. @throws UserError where something cannot be done; the signal's reason when it stops. */
export async function pruneChannels(work: Work<PruneRecipe>): Promise<Pruned> {
  const { recipe, task, machine, folder, options } = work;
  const settings = recipe as unknown as MethodSettings;
  const unfold = wantsUnfolding(work, settings);
  const stages = stagesOf(recipe, unfold);
  const { keepAtLeast, roundTo, maxSparsity } = recipe;
  const costing = costingOf(recipe, {
    machine,
    inputShapes: task.inputShapes,
    folded: unfold,
    signal: options.signal,
  });
  if (costing && recipe.dropArms) costing.whole = untied(task.graph).graph;
  const running: Running = { ...work, settings, limits: { keepAtLeast, roundTo, maxSparsity }, costing };

  let progress = begin(work, task.graph);
  if (!unfold && !recipe.dropArms) await precheck(running, progress);
  for (const stage of stages) {
    const found = work.resume ? await readOutcome(folder, stage, progress.graph) : undefined;
    if (!found) options.onNote?.(`Stage ${stage.name}${stage.epochs ? ` of ${stage.epochs} epochs` : ''} …`);
    const outcome =
      found ?? (await keepOutcome(folder, stage, await performers[stage.kind](stage, progress, running)));
    progress = after(work, progress, stage, outcome);
    if (stage.kind === 'unfold' || stage.kind === 'depth') await precheck(running, progress);
    if (stage.kind === 'mask' || stage.kind === 'prune')
      await writeMasks(folder.mask, keptOf(work, progress));
  }
  const lines = linesOf(running, progress);
  await writeMetrics(folder, lines);
  work.tracking?.begin(lines);
  const { mask, ...rest } = progress;
  const folded = unfold ? foldBatchNorm(rest.graph, optionsOf(work)) : rest.graph;
  const graph = retiedAs(folded, task.graph);
  return { ...rest, graph, unfolded: unfold, latency: await latencyOf(running, rest) };
}

async function latencyOf({ recipe, costing }: Running, { base, graph }: Pick<Progress, 'base' | 'graph'>) {
  if (costing?.target.of !== 'latency') return undefined;
  const before = await costing.cost!(base);
  return changeWith(recipe)('latency', before, await costing.cost!(graph));
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
  const goal =
    target.of === 'channels' || costing.whole ? await goalOf(costing, { graph, channels }, 1) : target;
  if (goal.of !== 'latency') await checkGoal({ graph, channels, settings, limits, goal, cost });
}
