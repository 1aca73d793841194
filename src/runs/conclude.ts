/** The end of a run: its model is exported and checked, and its summary written. */
import { UserError } from '../base/index.js';
import type { Graph } from '../onnx/index.js';
import { driftOf } from './check/drift.js';
import { exportModel, UncheckedError } from './export.js';
import { writeJson } from './folder.js';
import { attachmentOf } from './netron.js';
import type { Samples } from './samples.js';
import { latencyIn } from './structured/latency.js';
import { type Finished, sumUp } from './sum-up.js';
import type { Summary } from './summary.js';
import type { RunOptions } from './work.js';

export interface Conclusion extends Omit<Finished, 'exported'> {
  /** The model that the run has made. */
  graph: Graph;
  samples: Samples;
  options: RunOptions;
}

/**
 * Writes model and summary.
 * @throws UncheckedError when the model does not pass its check; both are written then too, under names that say so.
 */
export async function conclude(made: Conclusion): Promise<Summary> {
  const { recipe, folder, task, machine, graph, samples, options } = made;
  options.onNote?.('Exporting and checking the model …');
  const how = { machine, inputShapes: task.inputShapes, samples, original: task.graph };
  let refused: UncheckedError | undefined;
  const exported = await exportModel(folder.model, graph, how).catch((error) => {
    if (!(error instanceof UncheckedError)) throw error;
    refused = error;
    return error.exported;
  });
  const answers = made.measured ? undefined : await driftOf(task.graph, graph, how);
  const latency = made.latency ?? (await latencyOf(made));
  const summary = await sumUp({ ...made, answers, latency, exported });
  if (refused) {
    await writeJson(folder.uncheckedSummary, summary);
    throw refused;
  }
  const { note, unchecked } = exported.check;
  if (note) options.onNote?.(note);
  if (unchecked) options.onNote?.(`The model is written, but not checked: ${unchecked}.`);
  if (recipe.command === 'prune')
    await writeJson(folder.netron, attachmentOf(exported.graph, task.graph, summary));
  await writeJson(folder.summary, summary);
  return summary;
}

/** Milliseconds before and after, where the recipe asks for them and onnxruntime can say. */
async function latencyOf({ recipe, task, machine, graph, options }: Conclusion): Promise<Summary['latency']> {
  if (recipe.command !== 'prune' || !recipe.measureLatency) return undefined;
  const milliseconds = latencyIn(machine, task.inputShapes, options.signal);
  try {
    const before = await milliseconds(task.graph);
    return { before, after: await milliseconds(graph) };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    options.onNote?.(
      'The latency is not measured: onnxruntime-node is not installed, or does not run this model.',
    );
    return undefined;
  }
}
