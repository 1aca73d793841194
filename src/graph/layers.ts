/**
 * Layers that multiply by a weight, as a BatchNormalization sees them: the value that it normalises, or could, and how many
 * channels that has on axis 1.
 */

import { type Graph, type Node, usedValues } from '../onnx/index.js';
import { type InferOptions, inferTypes } from './facts/infer.js';
import { findOperator } from './ops/index.js';
import { originIn } from './origin.js';
import { biasInput, inputsThatAre } from './roles.js';

/** A node that multiplies by a constant weight, with what it makes. */
export interface WeightedLayer {
  /** Conv, ConvTranspose, Gemm or MatMul. */
  node: Node;
  /** The Add that puts a bias to a MatMul. */
  bias?: Node;
  /** What it makes, the bias included. */
  output: string;
  channels: number;
  /** Spatial axes of the output. */
  spatial: number;
}

/** Nodes that read each value. */
export function readersOf(graph: Graph): Map<string, Node[]> {
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes)
    for (const name of new Set(usedValues(node))) readers.set(name, [...(readers.get(name) ?? []), node]);
  return readers;
}

/** In the order of the graph; those of a MatMul only where its result has two axes, so that channels are on axis 1. */
export function weightedLayers(
  graph: Graph,
  options: Pick<InferOptions, 'inputShapes'> = {},
): WeightedLayer[] {
  const { types } = inferTypes(graph, options);
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const isConstant = (name: string) => types.get(name)?.laned === false;
  return graph.nodes.flatMap((node): WeightedLayer[] => {
    const operator = findOperator(node);
    const role = operator?.roles?.[1];
    if (role?.is !== 'weight' || role.channelAxis === undefined) return [];
    if (!isConstant(node.inputs[1]) || isConstant(node.inputs[0])) return [];
    const shape = types.get(node.outputs[0])?.shape;
    if (!shape || shape.length < 2 || (role.channelAxis === 'last' && shape.length > 2)) return [];
    const about = { node, channels: shape[1], spatial: shape.length - 2 };
    const [next, ...others] = readers.get(node.outputs[0]) ?? [];
    const sums = next && inputsThatAre(findOperator(next), 'term').length > 0;
    const adds = biasInput(operator) === undefined && sums && others.length === 0;
    const added = adds && next.inputs.find((name) => name !== node.outputs[0]);
    if (!added || !graph.initializers.has(added) || outputs.has(node.outputs[0]))
      return [{ ...about, output: node.outputs[0] }];
    return [{ ...about, bias: next, output: next.outputs[0] }];
  });
}

/**
 * Gives for a layer's node and the initialiser that is its weight the initialiser that is the bias beside it: an input of the layer itself, or
 * what an Add puts to a MatMul or an Einsum.
 */
export function biasesBeside(graph: Graph): (node: Node, weight: string) => string | undefined {
  const origin = originIn(graph);
  const readers = readersOf(graph);
  return (node, weight) => {
    const operator = findOperator(node);
    const [own, [first]] = [biasInput(operator), inputsThatAre(operator, 'weight')];
    if (own !== undefined)
      return origin(node.inputs[first]) === weight ? origin(node.inputs[own] ?? '') : undefined;
    const adds = (other: Node) => inputsThatAre(findOperator(other), 'term').length > 0;
    const add = readers.get(node.outputs[0])?.find(adds);
    const [bias] = (add?.inputs ?? []).flatMap((name) => origin(name) ?? []);
    return bias;
  };
}

/** A name that nothing in the graph has yet, made of `wanted`; it counts as taken from then on. */
export function namer(graph: Graph): (wanted: string) => string {
  const taken = new Set<string>([
    ...graph.initializers.keys(),
    ...graph.inputs.map(({ name }) => name),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ]);
  return (wanted) => {
    let name = wanted;
    for (let i = 2; taken.has(name); i++) name = `${wanted}.${i}`;
    taken.add(name);
    return name;
  };
}
