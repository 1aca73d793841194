/** What samples say of a network: which channels matter, how good it is, and how what is left after a cut is put right. */
import { calibrationSamples } from '../../calibration/index.js';
import { type Channels, measureElimination, measureSaliency } from '../../channels/index.js';
import { meritOf } from '../../objectives/index.js';
import type { Graph } from '../../onnx/index.js';
import { recalibrate } from '../../train/index.js';
import { calibrating, mendedBy } from '../mend.js';
import type { PruneRecipe } from '../recipe.js';
import { samplesOf } from '../samples.js';
import type { AimedTask } from '../task.js';
import { taughtBy } from '../taught.js';
import { choosingSplit, dataOf, evaluateGraph } from '../training.js';
import type { Work } from '../work.js';
import { defaultSamples } from './defaults.js';
import type { Evidence, Ways } from './evidence.js';
import { type Cut, repaired } from './repair.js';
import type { StageFacts } from './stages.js';

export const dataEvidence = (work: Work<PruneRecipe>): Evidence => ({
  samples: samplesOf(work.task.dataset),
  ways: (graph, channels) => waysOnData(graph, channels, work),
  mend: (cut) => mended(cut, work),
});

function waysOnData(graph: Graph, channels: Channels, work: Work<PruneRecipe>): Ways {
  const { recipe, task, machine, options } = work;
  const { seed, batch } = recipe;
  const { inputShapes } = task;
  const { signal } = options;
  const data = dataOf(recipe, task);
  const split = choosingSplit(data);
  return {
    saliency: () => saliencyOf(graph, work),
    elimination: () => eliminationOf(graph, channels, work),
    async evaluate(network, adapt) {
      const how = { machine, inputShapes, batch, seed, signal, samples: split.length };
      const ready = adapt ? (await recalibrate(network, data, how)).graph : network;
      return meritOf(await evaluateGraph(task, ready, { machine, split, signal }), task.objective);
    },
    distance: distanceTo(graph, work),
  };
}

/** How far the answers of networks are from those of this one, on the images that are there to choose by. */
export function distanceTo(graph: Graph, work: Work<PruneRecipe>): (network: Graph) => Promise<number> {
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

function eliminationOf(
  graph: Graph,
  channels: Channels,
  { recipe, task, machine, options }: Work<PruneRecipe>,
) {
  const { calibrate = defaultSamples, seed } = recipe;
  const { signal, onNote } = options;
  onNote?.(`Measuring on ${calibrate} samples how much the layers that read each channel need it …`);
  const samples = calibrationSamples(dataOf(recipe, task), { samples: calibrate, seed });
  return measureElimination(graph, channels, { machine, inputShapes: task.inputShapes, samples, signal });
}

function saliencyOf(graph: Graph, { recipe, task, machine, options: { signal } }: Work<PruneRecipe>) {
  const { batch, seed } = recipe;
  const { inputShapes, objective } = task;
  const data = dataOf(recipe, task);
  return measureSaliency(graph, { machine, inputShapes, data, objective, batch, seed, signal });
}

/** What is left after a cut, with what can be put right without training, and how good it is on the way. */
export const mended = (cut: Cut, work: Work<PruneRecipe>): Promise<{ graph: Graph; facts: StageFacts }> =>
  mendedBy(() => repaired(cut, calibrating(work)), cut.smaller, work);
