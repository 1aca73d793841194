/**
 * BatchNorm's running statistics, measured anew. What is pruned or rewired before a BatchNorm changes what arrives there, and
 * with statistics of before a network may answer like one that was never trained.
 *
 * The samples pass in training form, batch after batch, every layer normalising by the batch itself; mean and variance are
 * the averages over all batches, each as heavy as it has samples ("precise BN": Wu, Johnson, "Rethinking 'Batch' in
 * BatchNorm", 2021; "adaptive BN": Li et al., "EagleEye", ECCV 2020). As in PyTorch variances are the unbiased ones.
 */
import { permutation, random } from '../base/index.js';
import { type Augmentation, batches, subset } from '../data/index.js';
import { loadNetwork, type Machine, type Network } from '../engine/index.js';
import { inferenceForm, withoutDropout } from '../graph/index.js';
import { float, type Graph, type Node } from '../onnx/index.js';
import type { TrainData } from './data.js';
import { checkInputs } from './evaluate.js';
import { checkBatches } from './lone.js';
import { overlap } from './overlap.js';
import { withWeights } from './weights.js';

export interface RecalibrateOptions {
  /** The machine that computes it. */
  machine: Machine;
  /** Samples to look at; default 4096, at most all there are. */
  samples?: number;
  /** Samples in a batch; default 128. */
  batch?: number;
  /** Which images, and in which order; default 0. */
  seed?: number;
  /** What is done to images; default as in evaluation, nothing random. */
  augment?: Augmentation;
  /** Shapes of inputs whose dimensions the file leaves open, batch first. */
  inputShapes?: Record<string, readonly number[]>;
  /** Stops the work; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called after each batch, with the number of samples done and of all. */
  onProgress?: (done: number, count: number) => void;
}

export interface Recalibrated {
  /** In inference form; weights are what they were. */
  graph: Graph;
  /** How many BatchNormalizations have new statistics. */
  layers: number;
  /** How many samples were looked at. */
  samples: number;
  /** Where there is nothing to do: why, in a sentence. */
  note?: string;
}

/**
 * Measures the running statistics of every BatchNormalization on samples of the training split.
 * @throws UserError when the data do not fit the model; the signal's reason when it stops.
 */
export async function recalibrate(
  graph: Graph,
  data: Pick<TrainData, 'train' | 'augment' | 'mean' | 'std' | 'scale'>,
  options: RecalibrateOptions,
): Promise<Recalibrated> {
  const norms = graph.nodes.filter((node) => hasStatistics(graph, node));
  if (norms.length === 0) {
    const note = 'The model has no BatchNormalization, so there are no statistics to measure.';
    return { graph, layers: 0, samples: 0, note };
  }
  const { machine, inputShapes, samples = 4096, seed = 0 } = options;
  const network = loadNetwork(measuringForm(graph), { machine, inputShapes });
  try {
    const order = permutation(random(seed, 'recalibrate'), data.train.length).slice(0, samples);
    const counted = norms.filter(({ inputs }) => inputs.slice(3, 5).every((name) => network.state.has(name)));
    const statistics = await averages(
      network,
      counted,
      { ...data, train: subset(data.train, order) },
      options,
    );
    return { graph: withWeights(graph, statistics), layers: counted.length, samples: order.length };
  } finally {
    network.close();
  }
}

const hasStatistics = ({ initializers }: Graph, { op, domain, inputs }: Node): boolean =>
  op === 'BatchNormalization' && domain === '' && inputs.slice(3, 5).every((name) => initializers.has(name));

/** Running statistics become those of the last batch, and nothing drops. */
function measuringForm(graph: Graph): Graph {
  const nodes = withoutDropout(inferenceForm(graph)).nodes.map((node): Node => {
    if (node.domain !== '') return node;
    if (node.op === 'BatchNormalization')
      return { ...node, attributes: { ...node.attributes, momentum: float(0) } };
    return node;
  });
  return { ...graph, nodes };
}

async function averages(
  network: Network,
  norms: readonly Node[],
  { train, augment, ...normalize }: Pick<TrainData, 'train' | 'augment' | 'mean' | 'std' | 'scale'>,
  { batch = 128, signal, onProgress, ...options }: RecalibrateOptions,
): Promise<Map<string, Float32Array>> {
  checkInputs(train, network);
  const evenLast = checkBatches(network, train.length, { batch });
  const names = new Set(norms.flatMap(({ inputs }) => inputs.slice(3, 5)));
  const sums = new Map([...names].map((name) => [name, new Float64Array(network.state.get(name)!.length)]));
  const program = network.inference({
    batch: Math.min(batch, train.length),
    form: 'training',
    outputs: network.ends,
  });
  const how = { batch, evenLast, normalize, augment: options.augment ?? augment?.test, seed: options.seed };
  let done = 0;
  await overlap(batches(train, how), async ({ inputs, count }) => {
    signal?.throwIfAborted();
    await program.run(inputs, count);
    await network.pull(names);
    for (const [name, sum] of sums)
      for (const [c, x] of network.state.get(name)!.entries()) sum[c] += x * count;
    done += count;
    onProgress?.(done, train.length);
    return true;
  });
  return new Map([...sums].map(([name, sum]) => [name, Float32Array.from(sum, (x) => x / train.length)]));
}
