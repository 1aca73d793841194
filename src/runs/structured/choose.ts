/** What goes, in a run: the channels of the network as it is, scored and chosen by the settings of its method. */
import {
  type Chosen,
  chooseUnits,
  importanceIn,
  importanceOf,
  type Selection,
  selectMarked,
} from '../../channels/index.js';
import { goalOf } from './goal.js';
import { channelsNow, type Progress, type Running } from './progress.js';
import type { Stage } from './stages.js';

/** Scores the units of the network as it is, and chooses. */
export async function choose({ round }: Stage, progress: Progress, work: Running): Promise<Chosen> {
  const { recipe, options, settings, limits, costing, evidence } = work;
  const { graph, base, whole } = progress;
  const { seed, candidates } = recipe;
  const channels = channelsNow(work, progress);
  const goal = costing && (await goalOf(costing, { graph: base, channels: whole }, round / settings.rounds));
  return chooseUnits({
    ...{ graph, channels, settings, limits, goal, cost: costing?.cost, candidates, seed },
    ...evidence.ways(graph, channels),
    signal: options.signal,
    onProgress: (done, all) => {
      if (done % 20 === 0 || done === all) options.onNote?.(`${done} of ${all} networks measured.`);
    },
  });
}

/**
 * What goes of a mask. Where a threshold made it, and a training was to bring it down, only what has come below: the others
 * are still needed.
 */
export async function fallen(progress: Progress, work: Running): Promise<Selection> {
  const { graph, mask } = progress;
  const { recipe, settings, limits, costing, options } = work;
  const { rule, threshold = 0.01 } = settings;
  if (costing || recipe.mask || rule !== 'threshold' || !recipe.markedEpochs) return mask!;
  const channels = channelsNow(work, progress);
  const how = importanceIn(settings);
  const saliency =
    how.criterion === 'taylor' ? await work.evidence.ways(graph, channels).saliency() : undefined;
  const importance = importanceOf(graph, channels, { ...how, saliency });
  const marks = new Map(
    [...mask!].map(([name, kept]) => [
      name,
      kept.map((is, unit) => is || (importance.get(name)?.[unit] ?? Infinity) > threshold),
    ]),
  );
  const selection = selectMarked(channels, importance, marks, limits);
  const [gone, marked] = [selection, mask!].map(
    (some) => [...some.values()].flat().filter((kept) => !kept).length,
  );
  if (gone < marked)
    options.onNote?.(
      `Of ${marked} channels that were to be removed, ${gone} fell below ${threshold}; the others are kept.`,
    );
  return selection;
}
