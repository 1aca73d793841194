/** What each kind of stage does: those that mark channels and take them out, of every run, and those that train, of runs with data. */
import { readMasks, selectionFrom, shrink } from '../../channels/index.js';
import { flagOf } from '../settings.js';
import { worksOnData } from '../work.js';
import { agreement, sayFixed } from './agree.js';
import { choose, fallen } from './choose.js';
import { targetOf } from './defaults.js';
import { channelsNow, type Progress, type Running } from './progress.js';
import type { Outcome, Stage } from './stages.js';
import { trainings } from './trainings.js';

/** Carries out a stage. */
export async function performStage(stage: Stage, progress: Progress, work: Running): Promise<Outcome> {
  if (stage.kind === 'mask') return mark(stage, progress, work);
  if (stage.kind === 'prune') return takeOut(progress, work);
  if (!worksOnData(work)) throw new Error(`the stage ${stage.name} needs data`);
  return trainings[stage.kind](stage, progress, work);
}

/** Says which channels go: those that a file says, or that the method chooses. */
async function mark(stage: Stage, progress: Progress, work: Running): Promise<Outcome> {
  const { graph } = progress;
  const { mask } = work.recipe;
  if (mask) {
    const selection = selectionFrom(graph, progress.whole, await readMasks(mask));
    return { graph, selection, facts: { measured: [] } };
  }
  const { selection, importance, sensitivity } = await choose(stage, progress, work);
  const numbers = Object.fromEntries([...importance].map(([name, scores]) => [name, [...scores]]));
  return { graph, selection, facts: { measured: [], importance: numbers, sensitivity } };
}

/** Takes out what is marked, and puts right what is left. */
async function takeOut(progress: Progress, work: Running): Promise<Outcome> {
  const { machine, folder, options, evidence } = work;
  const { graph } = progress;
  const { inputShapes } = work.task;
  const channels = channelsNow(work, progress);
  const selection = await fallen(progress, work);
  if (![...selection.values()].flat().includes(false)) options.onNote?.(nothingGoes(work.recipe));
  const smaller = shrink(graph, channels, selection);
  sayFixed(graph, smaller, options);
  const cut = { graph, smaller, channels, selection };
  const { samples } = evidence;
  const error = await agreement(cut, { machine, inputShapes, samples, path: folder.model });
  const { graph: left, facts } = await evidence.mend(cut);
  return { graph: left, selection, facts: { ...facts, error } };
}

/** Why a cut takes nothing, and what to ask for instead. */
function nothingGoes(recipe: Running['recipe']): string {
  if (recipe.mask) return `No channel is removed: the mask ${recipe.mask} keeps all of them.`;
  const target = targetOf(recipe);
  return target
    ? `No channel is removed: the model meets the target (${flagOf(target.of)}) as it is. Give a smaller one, such as --macs 0.5.`
    : 'No channel is removed: nothing is below the threshold, and there is no target. Give one, such as --macs 0.5.';
}
