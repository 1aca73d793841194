/** Whether a network without its channels computes what it does with them at zero: measured in every run. */
import { type Channels, maskChannels, type Selection } from '../../channels/index.js';
import { batchOf } from '../../graph/batch.js';
import { summarize } from '../../graph/facts/summary.js';
import type { Graph } from '../../onnx/index.js';
import { engineAnswerer } from '../check/answers.js';
import { type CheckOptions, measureRounding, verdictOf } from '../check/check.js';
import { trialsFor } from '../check/trials.js';
import { keepUnchecked } from '../export.js';

export interface AgreementOptions extends CheckOptions {
  /** Where the model is to be written in the end. */
  path: string;
}

/**
 * The largest difference between the outputs of the two, relative to the largest output.
 * @throws UserError when it is more than rounding, a defect of ours; the network is kept beside its place.
 */
export async function agreement(
  {
    graph,
    smaller,
    channels,
    selection,
  }: { graph: Graph; smaller: Graph; channels: Channels; selection: Selection },
  { machine, inputShapes, samples, path }: AgreementOptions,
): Promise<number> {
  const masked = maskChannels(graph, channels, selection);
  const batch = batchOf(masked, inputShapes);
  const { macs } = summarize(masked, { inputShapes: batch.shapes });
  const trials = await trialsFor(masked, batch, { samples, macs });
  const [ours, other] = [smaller, masked].map((model) => engineAnswerer(model, { machine }));
  const compare = (noise?: Awaited<ReturnType<typeof measureRounding>>) =>
    verdictOf({ trials, ours, other, noise }, { graph: smaller, machine });
  const first = await compare();
  const verdict = first.passes
    ? first
    : await compare(await measureRounding(masked, { macs, trials, ours: other }));
  if (verdict.passes) return verdict.error;
  return keepUnchecked(
    path,
    smaller,
    `without its channels it computes something else than with them at zero: ${verdict.what}`,
  );
}
