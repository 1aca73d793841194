/** Whether a network without its channels computes what it does with them at zero: measured in every run. */
import { type Channels, maskChannels, type Selection } from '../../channels/index.js';
import { loadNetwork, type Machine } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import { relativeError } from '../export.js';
import type { Samples } from '../samples.js';

const SAMPLES = 8;
/** Sums over fewer channels round otherwise. */
const TOLERANCE = 1e-4;

export interface AgreementOptions {
  machine: Machine;
  inputShapes: Record<string, number[]>;
  samples: Samples;
}

/**
 * The largest difference between the outputs of the two, relative to the largest output.
 * @throws Error when it is more than rounding: a defect of ours.
 */
export async function agreement(
  {
    graph,
    smaller,
    channels,
    selection,
  }: { graph: Graph; smaller: Graph; channels: Channels; selection: Selection },
  { machine, inputShapes, samples }: AgreementOptions,
): Promise<number> {
  const outputs = async (model: Graph) => {
    const network = loadNetwork(model, { machine, inputShapes });
    try {
      const { inputs, count } = await samples(network, SAMPLES);
      return await network.inference({ batch: count }).run(inputs, count);
    } finally {
      network.close();
    }
  };
  const [masked, shrunk] = [await outputs(maskChannels(graph, channels, selection)), await outputs(smaller)];
  const error = Math.max(...Object.keys(masked).map((name) => relativeError(shrunk[name], masked[name])));
  if (!(error <= TOLERANCE))
    throw new Error(
      `without its channels the model computes something else: a difference of ${error.toExponential(1)}`,
    );
  return error;
}
