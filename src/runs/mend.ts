/** What is put right without training after something was pruned, and how good the network is on the way, on the test samples. */
import { calibrationSamples } from '../calibration/index.js';
import { figuresIn } from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import { recalibrate } from '../train/index.js';
import { answersNotFinite } from './finite.js';
import type { PruneRecipe } from './recipe.js';
import type { Repair, RepairFacts, RepairOptions } from './repair.js';
import type { Measured } from './summary.js';
import { dataOf, evaluateGraph } from './training.js';
import type { Work } from './work.js';
import { worsening } from './worsening.js';

/** A network that was pruned as it is left, with its figures and what became of its layers. */
export interface Mended {
  graph: Graph;
  facts: { measured: Measured[]; repair?: RepairFacts };
}

/** The pruned network with its statistics measured again and what `repair` makes of it, where the recipe wants that. */
export async function mendedBy(
  repair: () => Promise<Repair>,
  pruned: Graph,
  work: Work<PruneRecipe>,
): Promise<Mended> {
  const { recipe } = work;
  const measured: Measured[] = [await measure('pruned', pruned, work)];
  const recalibrated = recipe.recalibrate ? await withStatistics(pruned, measured, work) : pruned;
  if (!recipe.reconstruct) return { graph: recalibrated, facts: { measured } };
  const { graph, facts } = await repair();
  if (!facts) return { graph: recalibrated, facts: { measured } };
  const before = measured[measured.length - 1];
  measured.push(await measure('reconstructed', graph, work));
  const worse =
    work.task.objective.teacher && (await worsening({ before: recalibrated, after: graph }, work));
  if (!worse) return { graph, facts: { measured, repair: facts } };
  work.options.onNote?.(
    `Solving for the weights took the error on samples that are not for testing from ${worse.was} to ${worse.is}, so they stay as they were: give more samples.`,
  );
  measured.push({ ...before, what: 'kept' });
  return { graph: recalibrated, facts: { measured } };
}

/** The network with statistics of BatchNorm that are true of it, measured where it has any. */
async function withStatistics(network: Graph, measured: Measured[], work: Work<PruneRecipe>): Promise<Graph> {
  const { recipe, task, machine, options } = work;
  const { batch, seed } = recipe;
  const how = { machine, inputShapes: task.inputShapes, batch, seed, signal: options.signal };
  const { graph, layers } = await recalibrate(network, dataOf(recipe, task), how);
  if (layers > 0) measured.push(await measure('recalibrated', graph, work));
  return graph;
}

/** The samples that weights are solved for from. */
export function calibrating({
  recipe,
  task,
  machine,
  options: { signal, onNote },
}: Work<PruneRecipe>): RepairOptions {
  const data = dataOf(recipe, task);
  const count = Math.min(recipe.calibrate!, data.train.length);
  const samples = calibrationSamples(data, { samples: count, seed: recipe.seed });
  return { machine, inputShapes: task.inputShapes, samples, count, signal, onNote };
}

async function measure(what: Measured['what'], graph: Graph, work: Work<PruneRecipe>): Promise<Measured> {
  const { task, machine, options } = work;
  const measured = await evaluateGraph(task, graph, { machine, signal: options.signal });
  for (const sentence of answersNotFinite(measured)) options.onNote?.(sentence);
  return { what, ...figuresIn(measured) };
}
