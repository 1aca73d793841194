/** What a calibration takes, before it is begun. */
import { findOperator, outputAxisOf, summarize } from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';

/**
 * Multiply-accumulates of one sample in a calibration, about: two networks are computed, and of every layer the moments of its unfolded
 * input, pixels · inner² / 2. A layer in groups counts as one of them.
 * @throws UserError as {@link summarize}.
 */
export function costOfSample(
  graph: Graph,
  options: { inputShapes?: Record<string, readonly number[]> } = {},
): number {
  const { layers, macs } = summarize(graph, options);
  const moments = graph.nodes.map((node, i) => {
    const index = node.inputs.findIndex((name) => (graph.initializers.get(name)?.shape.length ?? 0) > 1);
    if (index < 0 || layers[i].macs === 0) return 0;
    const { shape } = graph.initializers.get(node.inputs[index])!;
    const inner = sizeOf(shape) / shape[outputAxisOf(findOperator(node), node, index, shape.length)];
    return ((layers[i].macs / sizeOf(shape)) * inner ** 2) / 2;
  });
  return 2 * macs + moments.reduce((sum, cost) => sum + cost, 0);
}
