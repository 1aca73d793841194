/**
 * BatchNormalization put back into models whose own was folded away when they were exported, without changing what they
 * compute. From what a layer's output is on calibration images, mean μ and variance v of each channel, comes
 *
 *     γ = √(v + ε),  β = μ,  running mean μ,  running variance v:      γ·(x − μ)/√(v + ε) + β = x
 *
 * after which γ says how much a channel varies, and may be driven to zero like any other scale. A channel that is constant
 * (v = 0, a dead one) has γ = √ε, the least there is; and its slope in training stays near 1, since both roots hold ε.
 */

import { fail, flag, permutation, random, type Settings } from '../../base/index.js';
import { type Augmentation, batches, subset } from '../../data/index.js';
import { loadNetwork, type Machine } from '../../engine/index.js';
import { findOperator, namer, readersOf, type WeightedLayer, weightedLayers } from '../../graph/index.js';
import { float, floatsLike, type Graph, isFloat, type Node } from '../../onnx/index.js';
import { checkInputs, type TrainData } from '../../train/index.js';
import type { ChannelOptions } from '../types.js';

/** What is done about BatchNormalization. */
export const normSettings = {
  recalibrate: flag('recalibrate the BatchNorm statistics after channels are removed (default: on)'),
  unfold: flag(
    'restore BatchNorm layers that were folded into convolutions (default: where the method needs their scales)',
  ),
} satisfies Settings;

/** Of every channel of a value, over images and pixels. */
export interface Statistics {
  mean: Float32Array;
  variance: Float32Array;
}

export interface MeasureOptions extends ChannelOptions {
  machine: Machine;
  /** Samples to look at; default 512, at most all there are. */
  samples?: number;
  /** Samples in a run; default 32. */
  batch?: number;
  /** Which samples; default 0. */
  seed?: number;
  /** What is done to images; default as in evaluation, nothing random. */
  augment?: Augmentation;
  signal?: AbortSignal;
}

/** Samples, with what normalises images. */
export type Calibration = Pick<TrainData, 'train' | 'augment' | 'mean' | 'std' | 'scale'>;

/**
 * Layers that a BatchNormalization can be put behind: those that have none and behind which is another layer, with a weight of real numbers
 * that it can be folded into again. What only leads to the outputs keeps its channels anyway.
 */
export function unnormalized(graph: Graph, options: ChannelOptions = {}): WeightedLayer[] {
  const readers = readersOf(graph);
  const layers = weightedLayers(graph, options);
  const leading = leadToLayers(graph, new Set(layers.map(({ node }) => node)));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return layers.filter(({ node, output }) => {
    const next = readers.get(output) ?? [];
    const weight = graph.initializers.get(node.inputs[1]);
    return (
      weight !== undefined &&
      isFloat(weight.dtype) &&
      leading.has(output) &&
      !outputs.has(output) &&
      next.every((node) => !findOperator(node)?.normalizes)
    );
  });
}

/** Values that some of `layers` depends on. */
function leadToLayers({ nodes }: Graph, layers: ReadonlySet<Node>): Set<string> {
  const leading = new Set<string>();
  for (const node of [...nodes].reverse())
    if (layers.has(node) || node.outputs.some((name) => leading.has(name)))
      for (const name of node.inputs) leading.add(name);
  return leading;
}

/**
 * Mean and variance of the outputs of all layers without a BatchNormalization, by value name, on samples of the training split.
 * @throws UserError when the samples do not fit; the signal's reason when it stops.
 */
export async function measureStatistics(
  graph: Graph,
  { train, augment, ...normalize }: Calibration,
  { machine, samples = 512, batch = 32, seed = 0, signal, ...options }: MeasureOptions,
): Promise<Map<string, Statistics>> {
  const layers = unnormalized(graph, options);
  if (layers.length === 0) return new Map();
  const watched = watch(graph, layers);
  const network = loadNetwork(watched.graph, { machine, inputShapes: options.inputShapes });
  try {
    const order = permutation(random(seed, 'calibrate'), train.length).slice(0, samples);
    if (order.length === 0) fail('There are no samples to measure the model on; give at least one.');
    const outputs = watched.probes.flatMap(({ mean, variance }) => (variance ? [mean, variance] : [mean]));
    checkInputs(train, network);
    const program = network.inference({
      batch: Math.min(batch, order.length),
      outputs: [...new Set(outputs)],
    });
    const sums = layers.map(({ channels }) => [new Float64Array(channels), new Float64Array(channels)]);
    const how = { batch, normalize, augment: options.augment ?? augment?.test };
    for await (const { inputs, count } of batches(subset(train, order), how)) {
      signal?.throwIfAborted();
      const found = await program.run(inputs, count);
      for (const [l, { mean, variance }] of watched.probes.entries())
        tally(sums[l], found[mean], variance === undefined ? undefined : found[variance]);
    }
    return new Map(layers.map(({ output }, l) => [output, statisticsOf(sums[l], order.length)]));
  } finally {
    network.close();
  }
}

/** Names of a value's mean and variance in one image; without space there is nothing to vary over. */
interface Probe {
  mean: string;
  variance?: string;
}

/** The graph with nodes that compute those, so that the engine sums over pixels. */
function watch(graph: Graph, layers: readonly WeightedLayer[]): { graph: Graph; probes: Probe[] } {
  const unique = namer(graph);
  const nodes: Node[] = [];
  const node = (op: string, inputs: string[]): string => {
    const name = unique(`espalier/watch/${inputs[0]}`);
    nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes: {} });
    return name;
  };
  const probes = layers.map(({ output, spatial }): Probe => {
    if (spatial === 0) return { mean: output };
    const mean = node('GlobalAveragePool', [output]);
    const centred = node('Sub', [output, mean]);
    return { mean, variance: node('GlobalAveragePool', [node('Mul', [centred, centred])]) };
  });
  return { graph: { ...graph, nodes: [...graph.nodes, ...nodes] }, probes };
}

/** Adds Σ mean and Σ (variance + mean²) over the images. */
function tally([sum, squares]: Float64Array[], means: Float32Array, variances?: Float32Array): void {
  for (const [i, mean] of means.entries()) {
    sum[i % sum.length] += mean;
    squares[i % sum.length] += (variances?.[i] ?? 0) + mean * mean;
  }
}

const statisticsOf = ([sum, squares]: Float64Array[], count: number): Statistics => ({
  mean: Float32Array.from(sum, (s) => s / count),
  variance: Float32Array.from(squares, (s, c) => Math.max(0, s / count - (sum[c] / count) ** 2)),
});

/**
 * A BatchNormalization behind every layer there are statistics of, by the value it makes; the model computes what it did.
 * @throws UserError when statistics are not those of a layer, or of another number of channels.
 */
export function unfoldBatchNorm(
  graph: Graph,
  statistics: ReadonlyMap<string, Statistics>,
  { epsilon = 1e-5, ...options }: ChannelOptions & { epsilon?: number } = {},
): Graph {
  const layers = new Map(weightedLayers(graph, options).map((layer) => [layer.output, layer]));
  const initializers = new Map(graph.initializers);
  const unique = namer(graph);
  const changed = new Map<Node, Node[]>();
  for (const [value, { mean, variance }] of statistics) {
    const layer = layers.get(value);
    if (layer?.channels !== mean.length)
      fail(`There is no layer ${value} with ${mean.length} channels; measure the model that is unfolded.`);
    const stem = unique(`${layer.node.name}.norm`);
    const weight = graph.initializers.get(layer.node.inputs[1])!;
    const parameter = (kind: string, values: Float32Array) => {
      const name = unique(`${stem}.${kind}`);
      initializers.set(name, floatsLike(weight, [values.length], values));
      return name;
    };
    const raw = unique(`${value}.raw`);
    const last = layer.bias ?? layer.node;
    const norm: Node = {
      ...{ name: stem, op: 'BatchNormalization', domain: '', outputs: [value] },
      inputs: [
        raw,
        parameter(
          'weight',
          variance.map((v) => Math.sqrt(v + epsilon)),
        ),
        parameter('bias', mean),
        parameter('running_mean', mean.slice()),
        parameter('running_var', variance),
      ],
      attributes: { epsilon: float(epsilon) },
    };
    changed.set(last, [{ ...last, outputs: [raw] }, norm]);
  }
  return { ...graph, nodes: graph.nodes.flatMap((node) => changed.get(node) ?? [node]), initializers };
}
