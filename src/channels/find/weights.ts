/**
 * Files keep weights in three places: initialisers, Constant nodes, and (networks that were published without their weights)
 * ConstantOfShape nodes. To prune them they must be tensors that can be sliced, so the latter two are made the first.
 */
import { budget, operatorFor } from '../../graph/index.js';
import { type Graph, isFloat, type Node, sizeOf, type Tensor } from '../../onnx/index.js';
import { retied, untied } from './ties.js';

/** The graph in which groups have their members: with all weights as initialisers, and a copy of a shared vector for each reader. */
export const withMembers = (graph: Graph): Graph => separated(graph).graph;

/** {@link withMembers} and the vectors that were shared. */
export const separated = (graph: Graph): ReturnType<typeof untied> => untied(weightsAsInitializers(graph));

/** A graph with vectors stored once that are shared in `original` and still equal; {@link untied} takes them apart. */
export const retiedAs = (graph: Graph, original: Graph): Graph => retied(graph, separated(original).ties);

/** The graph with weights that nodes make up as initialisers under the same names; the same graph where there are none. */
export function weightsAsInitializers(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes: Node[] = [];
  const small = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const tensor =
      node.domain === '' ? madeUp(node, (name) => initializers.get(name) ?? small.get(name)) : undefined;
    if (!tensor) nodes.push(node);
    else if (sizeOf(tensor.shape) > 1 && (isFloat(tensor.dtype) || node.op === 'Constant')) {
      initializers.set(node.outputs[0], tensor);
    } else {
      nodes.push(node);
      small.set(node.outputs[0], tensor);
    }
  }
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, initializers };
}

function madeUp(node: Node, known: (name: string) => Tensor | undefined): Tensor | undefined {
  const site = (constant?: Tensor) => ({
    node,
    opset: 1,
    inputs: constant ? [{ ...constant, laned: false, constant }] : [],
  });
  if (node.op === 'Constant') {
    if (!Object.keys(node.attributes).some((name) => /^value(_float|_int)?s?$/.test(name))) return undefined;
    return operatorFor(node).infer(site())[0].constant;
  }
  const shape = node.op === 'ConstantOfShape' ? known(node.inputs[0]) : undefined;
  return shape && operatorFor(node).evaluate!(site(shape), budget())![0];
}
