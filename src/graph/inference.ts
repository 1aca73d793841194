/**
 * Models exported in training mode (BatchNormalization with training_mode = 1 or, before opset 14, with five outputs; Dropout
 * told to drop) give other answers at every run. In inference form they use running statistics and drop nothing.
 */
import { type Graph, type Node, usedValues } from '../onnx/index.js';

/** The graph in inference form; nodes whose further outputs are used stay as they are. */
export function inferenceForm(graph: Graph): Graph {
  const used = new Set([...graph.nodes.flatMap(usedValues), ...graph.outputs.map(({ name }) => name)]);
  const settled = (node: Node): Node => {
    if (node.domain !== '' || node.outputs.slice(1).some((name) => used.has(name))) return node;
    if (node.op === 'Dropout' && node.inputs.length > 2) return { ...node, inputs: node.inputs.slice(0, 2) };
    if (node.op !== 'BatchNormalization') return node;
    const { training_mode: _, ...attributes } = node.attributes;
    return { ...node, attributes, outputs: node.outputs.slice(0, 1) };
  };
  return { ...graph, nodes: graph.nodes.map(settled) };
}

/** The graph whose BatchNormalization goes by its running statistics in training, too; every name stays. */
export const byRunningStatistics = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) =>
    node.domain === '' && node.op === 'BatchNormalization'
      ? { ...node, op: 'RunningNormalization', domain: 'espalier' }
      : node,
  ),
});

/** The graph with nothing that drops values in training; every name stays. */
export const withoutDropout = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node) =>
    node.domain === '' && node.op === 'Dropout' && node.outputs.length === 1
      ? { ...node, op: 'Identity', inputs: node.inputs.slice(0, 1), attributes: {} }
      : node,
  ),
});
