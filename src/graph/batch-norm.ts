/**
 * BatchNormalization behind a layer, folded into it. With s = γ/√(v + ε),
 *
 *     γ·(W∗x + b − μ)/√(v + ε) + β  =  (s·W)∗x + (b − μ)·s + β
 *
 * so a network that is deployed needs none. What cannot be folded stays.
 */

import {
  attr,
  floats,
  floatsLike,
  type Graph,
  type Node,
  sizeOf,
  type Tensor,
  usedValues,
} from '../onnx/index.js';
import type { InferOptions } from './facts/infer.js';
import { inferenceForm } from './inference.js';
import { namer, readersOf, type WeightedLayer, weightedLayers } from './layers.js';

/** y = scale·x + shift, channel by channel. */
interface Affine {
  scale: Float64Array;
  shift: Float64Array;
}

/** The graph in inference form, without the BatchNormalizations that alone read a layer with weights of its own. */
export function foldBatchNorm(graph: Graph, options: Pick<InferOptions, 'inputShapes'> = {}): Graph {
  const start = inferenceForm(graph);
  const readers = readersOf(start);
  const outputs = new Set(start.outputs.map(({ name }) => name));
  const initializers = new Map(start.initializers);
  const changed = new Map<Node, Node[]>();
  const unique = namer(start);
  const own = (name: string) =>
    initializers.has(name) && readers.get(name)!.length === 1 && !outputs.has(name);
  for (const layer of weightedLayers(start, options)) {
    const [norm, ...others] = readers.get(layer.output) ?? [];
    const alone = others.length === 0 && norm?.inputs[0] === layer.output && !outputs.has(layer.output);
    const affine = alone ? affineOf(start, norm, layer.channels) : undefined;
    if (!affine || !own(layer.node.inputs[1])) continue;
    const given = biasNameOf(layer);
    const name = given && own(given) ? given : unique(`${layer.node.name}.bias`);
    const weight = start.initializers.get(layer.node.inputs[1])!;
    const bias = foldedBias(start, layer, affine);
    if (!bias) continue;
    initializers.set(layer.node.inputs[1], foldedWeight(start, layer, affine.scale));
    initializers.set(name, floatsLike(weight, [layer.channels], bias));
    for (const [old, now] of replacements(layer, norm, name)) changed.set(old, now);
  }
  const nodes = start.nodes.flatMap((node) => changed.get(node) ?? [node]);
  const used = new Set(nodes.flatMap(usedValues));
  for (const name of start.initializers.keys())
    if (readers.has(name) && !used.has(name) && !outputs.has(name)) initializers.delete(name);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const declared = new Map([...start.declared].filter(([name]) => made.has(name)));
  return { ...start, nodes, initializers, declared };
}

/** What a BatchNormalization does to each channel; undefined where it is none, or not of constants. */
function affineOf({ initializers }: Graph, node: Node, channels: number): Affine | undefined {
  if (node.op !== 'BatchNormalization' || node.domain !== '' || node.outputs.length > 1) return undefined;
  const values = node.inputs.slice(1).map((name) => initializers.get(name));
  if (!values.every((value) => value && sizeOf(value.shape) === channels)) return undefined;
  const [gamma, beta, mean, variance] = values.map((value) => floats(value!));
  const epsilon = attr.float(node, 'epsilon', 1e-5);
  const scale = Float64Array.from(gamma, (g, c) => g / Math.sqrt(variance[c] + epsilon));
  return { scale, shift: Float64Array.from(beta, (b, c) => b - mean[c] * scale[c]) };
}

/** Of the initialiser that holds the layer's bias. */
const biasNameOf = ({ node, bias }: WeightedLayer): string | undefined =>
  (bias ? bias.inputs.find((name) => name !== node.outputs[0]) : node.inputs[2]) || undefined;

/** scale·bias + shift; undefined where the bias is not one number a channel. */
function foldedBias(graph: Graph, layer: WeightedLayer, { scale, shift }: Affine): Float32Array | undefined {
  const name = biasNameOf(layer);
  if (name === undefined) return Float32Array.from(shift);
  const tensor = graph.initializers.get(name);
  const old = tensor && floats(tensor);
  if (!old || (old.length !== 1 && (old.length !== scale.length || tensor.shape.at(-1) !== old.length)))
    return undefined;
  const factor = layer.node.op === 'Gemm' ? attr.float(layer.node, 'beta', 1) : 1;
  return Float32Array.from(shift, (t, c) => t + factor * (old[c] ?? old[0]) * scale[c]);
}

/** The weight with every element of output channel c times scale[c]. */
function foldedWeight(graph: Graph, { node }: WeightedLayer, scale: Float64Array): Tensor {
  const weight = graph.initializers.get(node.inputs[1])!;
  const values = floats(weight).slice();
  const { run, channel } = runsOf(node, weight.shape);
  for (let start = 0; start < values.length; start += run) {
    const factor = scale[channel(start / run)];
    for (let i = start; i < start + run; i++) values[i] *= factor;
  }
  return floatsLike(weight, weight.shape, values);
}

/** Elements of a layer's weight lie in runs that belong to one output channel: their length, and whose the r-th is. */
function runsOf(node: Node, shape: readonly number[]): { run: number; channel: (r: number) => number } {
  const taps = sizeOf(shape.slice(2));
  const second = (r: number) => r % shape[1];
  if (node.op === 'Conv' || (node.op === 'Gemm' && attr.int(node, 'transB', 0) !== 0))
    return { run: shape[1] * taps, channel: (r) => r };
  if (node.op !== 'ConvTranspose') return { run: taps, channel: second };
  const perGroup = shape[0] / attr.int(node, 'group', 1);
  return {
    run: taps,
    channel: (r) => Math.floor(Math.floor(r / shape[1]) / perGroup) * shape[1] + second(r),
  };
}

/** The nodes that stand for the layer's and the BatchNormalization's: the layer, giving out what that gave. */
function replacements({ node, bias }: WeightedLayer, norm: Node, name: string): [Node, Node[]][] {
  const outputs = norm.outputs;
  if (node.op === 'MatMul') {
    const sum: Node = {
      ...(bias ?? norm),
      op: 'Add',
      inputs: [node.outputs[0], name],
      outputs,
      attributes: {},
    };
    return bias
      ? [
          [bias, [sum]],
          [norm, []],
        ]
      : [[norm, [sum]]];
  }
  const { beta: _, ...attributes } = node.attributes;
  const layer = { ...node, inputs: [...node.inputs.slice(0, 2), name], outputs, attributes };
  return [
    [node, [layer]],
    [norm, []],
  ];
}
