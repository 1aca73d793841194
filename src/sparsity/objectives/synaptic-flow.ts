/**
 * Synaptic flow: R = the sum of the outputs for one input of ones, with every parameter replaced by its magnitude and
 * BatchNorm in inference form. No data. Tanaka et al.: "Pruning neural networks without any data by iteratively conserving
 * synaptic flow", 2020, arXiv 2006.05467.
 *
 * R grows as a product over the layers and leaves the range of float32 in deep networks, where the source computes in
 * float64: 10^79 in a ResNet-56. But a network of non-negative parameters with ReLU and pooling is positively homogeneous. So
 * every value v can be computed as v · 2^−k, with a level k of its own, if what is added to it is brought to its level: a
 * layer's output is divided by what the layer gains. On the way back ∂R/∂v is then multiplied by 2^(k − K), K the level of
 * the output, and the gradient by every weight by 2^−K: the same for all, so that scores compare as they did. Powers of two
 * change no digit. Levels are measured by a forward pass wherever a gradient has left the range, at first or as pruning
 * lets the flow dwindle.
 */

import { fail } from '../../base/index.js';
import { loadNetwork } from '../../engine/index.js';
import { type Graph, sizeOf } from '../../onnx/index.js';
import { type Objective, openProbe } from '../probe.js';
import { atLevels, type Flow, flowGraph, isLayer, type Levels, shapesOf } from './flow-graph.js';

/** Forward passes that may go into the levels: each reaches some 25 layers further. */
const PASSES = 100;
/** As an exponent to the base 2: where the largest gradient of a layer is left as it is. */
const RANGE = 60;

export const synapticFlow: Objective = async (layers, around) => {
  const open = (graph: Graph) => openProbe(graph, layers, around, [onesFor(around)], { loss: 'sum' });
  let probe = open(flowGraph(around));
  return {
    close: () => probe.close(),
    async gradients() {
      const magnitudes = layers.map(({ weight }) => weight.map(Math.abs));
      const gradients = await probe.gradients(magnitudes);
      if (gradients.every((part) => inRange(largest(part), RANGE))) return gradients;
      const graph = atLevels(flowGraph(around), await measureLevels(around));
      probe.close();
      probe = open(graph);
      const levelled = await probe.gradients(magnitudes);
      return levelled.every((part) => part.every(Number.isFinite)) ? levelled : beyond();
    },
  };
};

const beyond = (): never =>
  fail(
    'The synaptic flow of the model is beyond the range of numbers: prune it by another method, or start from smaller weights.',
  );

const largest = (values: Float32Array): number =>
  values.reduce((most, x) => (Number.isNaN(x) ? Number.NaN : Math.max(most, Math.abs(x))), 0);

const inRange = (x: number, exponent: number): boolean => x >= 2 ** -exponent && x <= 2 ** exponent;

function onesFor({ network }: Flow) {
  const inputs = Object.fromEntries(
    [...network.inputs].map(([name, shape]) => [name, new Float32Array(sizeOf(shape)).fill(1)]),
  );
  return { inputs, labels: new Int32Array(1), count: 1 };
}

/** Levels at which every layer's largest output is near 1, where anything reaches it. */
async function measureLevels(around: Flow): Promise<Levels> {
  let levels: Levels = new Map();
  for (let pass = 0; pass < PASSES; pass++) {
    const measured = await measure(around, levels);
    if ([...measured].every(([name, level]) => level === levels.get(name))) return levels;
    levels = measured;
  }
  return beyond();
}

/** The levels that a forward pass at some levels shows to be better; those beyond its reach go on from the last that is not. */
async function measure(around: Flow, levels: Levels): Promise<Levels> {
  const graph = flowGraph(around);
  const names = graph.nodes.filter(isLayer).map(({ outputs }) => outputs[0]);
  const outputs = names.map((name) => ({ ...graph.outputs[0], name, shape: undefined }));
  const levelled = { ...atLevels(graph, levels), outputs };
  const network = loadNetwork(levelled, { machine: around.network.machine, inputShapes: shapesOf(around) });
  try {
    const values = await network.inference({ batch: 1 }).run(onesFor(around).inputs, 1);
    let last = 0;
    return new Map(
      names.map((name) => {
        const most = largest(values[name]);
        const was = levels.get(name) ?? 0;
        if (inRange(most, 8)) last = was;
        else if (most > 0 && most < Infinity) last = was + Math.round(Math.log2(most));
        return [name, last];
      }),
    );
  } finally {
    network.close();
  }
}
