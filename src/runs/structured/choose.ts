/** What goes, in a run: the channels of the network as it is, scored and chosen by the settings of its method. */
import { calibrationSamples } from '../../calibration/index.js';
import {
  type Channels,
  type Chosen,
  chooseUnits,
  importanceOf,
  importances,
  measureElimination,
  measureSaliency,
  type Selection,
  selectMarked,
} from '../../channels/index.js';
import { meritOf } from '../../objectives/index.js';
import type { Graph } from '../../onnx/index.js';
import { recalibrate } from '../../train/index.js';
import type { AimedTask } from '../task.js';
import { taughtBy } from '../taught.js';
import { choosingSplit, dataOf, evaluateGraph } from '../training.js';
import { defaultSamples } from './defaults.js';
import { goalOf } from './goal.js';
import { channelsNow, type Progress, type Running } from './progress.js';
import type { Stage } from './stages.js';

/** Scores the units of the network as it is, and chooses. */
export async function choose({ round }: Stage, progress: Progress, work: Running): Promise<Chosen> {
  const { recipe, task, machine, options, settings, limits, costing } = work;
  const { graph } = progress;
  const { seed, batch, candidates } = recipe;
  const { inputShapes } = task;
  const { signal } = options;
  const data = dataOf(recipe, task);
  const split = choosingSplit(data);
  const channels = channelsNow(work, progress);
  const goal =
    costing &&
    (await goalOf(costing, { graph: progress.base, channels: progress.whole }, round / settings.rounds));
  return chooseUnits({
    ...{ graph, channels, settings, limits, goal, cost: costing?.cost, candidates, seed, signal },
    saliency: () => saliencyOf(graph, work),
    elimination: () => eliminationOf(graph, channels, work),
    async evaluate(network, adapt) {
      const how = { machine, inputShapes, batch, seed, signal, samples: split.length };
      const ready = adapt ? (await recalibrate(network, data, how)).graph : network;
      return meritOf(await evaluateGraph(task, ready, { machine, split, signal }), task.objective);
    },
    distance: distanceTo(graph, work),
    onProgress: (done, all) => {
      if (done % 20 === 0 || done === all) options.onNote?.(`${done} of ${all} networks measured.`);
    },
  });
}

/** How far the answers of networks are from those of this one, on the images that are there to choose by. */
export function distanceTo(graph: Graph, work: Running): (network: Graph) => Promise<number> {
  const { recipe, task, machine, options } = work;
  const { signal } = options;
  const split = choosingSplit(dataOf(recipe, task), recipe.calibrate ?? defaultSamples);
  let imitation: Promise<AimedTask> | undefined;
  return async (network) => {
    imitation ??= taughtBy(graph, task, { machine, signal });
    const { metrics } = await evaluateGraph(await imitation, network, { machine, split, signal });
    return metrics!.error ** 2;
  };
}

function eliminationOf(graph: Graph, channels: Channels, { recipe, task, machine, options }: Running) {
  const { calibrate = defaultSamples, seed } = recipe;
  const { signal, onNote } = options;
  onNote?.(`Measuring on ${calibrate} samples what each channel is worth to the layers that read it …`);
  const samples = calibrationSamples(dataOf(recipe, task), { samples: calibrate, seed });
  return measureElimination(graph, channels, { machine, inputShapes: task.inputShapes, samples, signal });
}

function saliencyOf(graph: Graph, { recipe, task, machine, options: { signal } }: Running) {
  const { batch, seed } = recipe;
  const { inputShapes, objective } = task;
  const data = dataOf(recipe, task);
  return measureSaliency(graph, { machine, inputShapes, data, objective, batch, seed, signal });
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
  const how = importances[settings.importance];
  const saliency = how.criterion === 'taylor' ? await saliencyOf(graph, work) : undefined;
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
      `Of ${marked} channels that were to go, ${gone} came below ${threshold}; the others stay.`,
    );
  return selection;
}
