/** Whether a network without its channels computes what it does with them at zero: measured in every run, on real images. */
import { type Channels, maskChannels, type Selection } from '../../channels/index.js';
import { loadNetwork, type Machine } from '../../engine/index.js';
import type { Graph } from '../../onnx/index.js';
import { relativeError, someImages } from '../export.js';
import type { Task } from '../task.js';

const IMAGES = 8;
/** Sums over fewer channels round otherwise. */
const TOLERANCE = 1e-4;

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
  { dataset, inputShapes }: Task,
  machine: Machine,
): Promise<number> {
  const { images, count } = await someImages(dataset, IMAGES);
  const outputs = async (model: Graph) => {
    const network = loadNetwork(model, { machine, inputShapes });
    try {
      const feeds = { [model.inputs[0].name]: images };
      return await network.inference({ batch: count }).run(feeds, count);
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
