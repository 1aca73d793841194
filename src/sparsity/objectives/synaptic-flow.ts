/**
 * Synaptic flow: R = the sum of the outputs for one input of ones, with every parameter replaced by its magnitude and
 * BatchNorm in inference form. No data. Tanaka et al.: "Pruning neural networks without any data by iteratively conserving
 * synaptic flow", 2020, arXiv 2006.05467.
 *
 * R grows as a product over the layers and leaves the range of float32 in deep networks, where the source computes in
 * float64. But a network of non-negative parameters with ReLU and pooling is positively homogeneous in its input and its
 * additive constants together: were they multiplied by s, and the output by s too, every activation would be multiplied by
 * s, every gradient on the way back by s, and every score by s². So where a gradient is not finite the copy is computed
 * at a smaller s, a power of two, which changes no digit of a score that is in range.
 */

import { fail } from '../../base/errors.js';
import { inferTypes } from '../../graph/facts/infer.js';
import { attr, floats, floatTensor, type Graph, type Node, type Tensor } from '../../onnx/index.js';
import { type Objective, openProbe, type Probe } from '../probe.js';
import type { Prunable, Surroundings } from '../types.js';

/** Exponents of the scales to try, to the base 2. */
const EXPONENTS = [0, -24, -48, -72, -96];

export const synapticFlow: Objective = async (layers, around) => {
  let probe: Probe | undefined;
  let tried = 0;
  return {
    close: () => probe?.close(),
    async gradients() {
      const magnitudes = layers.map(({ weight }) => weight.map(Math.abs));
      for (; tried < EXPONENTS.length; tried++) {
        probe ??= openFlow(layers, around, 2 ** EXPONENTS[tried]);
        const gradients = await probe.gradients(magnitudes);
        if (gradients.every((part) => part.every(Number.isFinite))) return gradients;
        probe.close();
        probe = undefined;
      }
      return fail(
        'The synaptic flow of the model is beyond the range of numbers: prune it by another method, or start from smaller weights.',
      );
    },
  };
};

function openFlow(layers: readonly Prunable[], around: Surroundings, scale: number): Probe {
  const [[, shape]] = around.network.inputs;
  const images = new Float32Array(shape.reduce((size, d) => size * d, 1)).fill(scale);
  const batch = { images, labels: new Int32Array(1), count: 1 };
  return openProbe(flowGraph(around, scale), layers, around, batch, 'sum');
}

/** The copy: magnitudes, BatchNorm as Mul and Add, no Dropout; additive constants and the output times `scale`. */
export function flowGraph({ network }: Pick<Surroundings, 'network'>, scale: number): Graph {
  const graph = network.snapshot();
  const inputShapes = Object.fromEntries([...network.inputs].map(([name, shape]) => [name, [1, ...shape]]));
  const { types } = inferTypes(graph, { inputShapes });
  const initializers = new Map(graph.initializers);
  const set = (name: string, values: Float32Array, shape: readonly number[] = [values.length]) => {
    initializers.set(name, floatTensor(shape, values));
    return name;
  };
  const learnt = [...network.parameters.keys(), ...network.state.keys()];
  for (const name of learnt) {
    const tensor = graph.initializers.get(name)!;
    const factor = isAdded(graph, name) ? scale : 1;
    set(
      name,
      floats(tensor).map((x) => factor * Math.abs(x)),
      tensor.shape,
    );
  }
  const settled = graph.nodes.flatMap((node): Node[] => {
    if (node.op === 'Dropout')
      return [{ ...node, op: 'Identity', inputs: [node.inputs[0]], outputs: [node.outputs[0]] }];
    if (node.op !== 'BatchNormalization') return [node];
    const rank = types.get(node.inputs[0])!.shape.length;
    const { slope, shift } = lineOf(node, graph.initializers);
    const across = [slope.length, ...new Array<number>(rank - 2).fill(1)];
    const names = [`${node.name}/slope`, `${node.name}/shift`];
    set(names[0], slope, across);
    set(
      names[1],
      shift.map((x) => scale * x),
      across,
    );
    const [x, between, y] = [node.inputs[0], `${node.name}/scaled`, node.outputs[0]];
    return [
      { name: names[0], op: 'Mul', domain: '', inputs: [x, names[0]], outputs: [between], attributes: {} },
      { name: names[1], op: 'Add', domain: '', inputs: [between, names[1]], outputs: [y], attributes: {} },
    ];
  });
  const [output] = graph.outputs;
  const [end, factor] = [`${output.name}/flow`, `${output.name}/scale`];
  set(factor, Float32Array.of(scale), []);
  const last = {
    name: end,
    op: 'Mul',
    domain: '',
    inputs: [output.name, factor],
    outputs: [end],
    attributes: {},
  };
  return { ...graph, nodes: [...settled, last], outputs: [{ ...output, name: end }], initializers };
}

/** Whether an initialiser is the bias of a layer, or added by an Add. */
const isAdded = ({ nodes }: Graph, name: string): boolean =>
  nodes.some(
    ({ op, inputs }) =>
      (op === 'Add' && inputs.includes(name)) ||
      (/^(Conv|ConvTranspose|Gemm)$/.test(op) && inputs[2] === name),
  );

/** BatchNorm in inference form, of magnitudes: slope = |γ| / √(|variance| + ε), shift = |β| − |mean| · slope. */
function lineOf(
  node: Node,
  initializers: ReadonlyMap<string, Tensor>,
): Record<'slope' | 'shift', Float32Array> {
  const [gamma, beta, mean, variance] = node.inputs
    .slice(1, 5)
    .map((name) => floats(initializers.get(name)!).map(Math.abs));
  const epsilon = attr.float(node, 'epsilon', 1e-5);
  const slope = gamma.map((g, c) => g / Math.sqrt(variance[c] + epsilon));
  return { slope, shift: beta.map((b, c) => b - mean[c] * slope[c]) };
}
