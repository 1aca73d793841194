/** The layers of a graph that is not trained: all that a method needs which looks at weights alone. */
import type { Parameter } from '../engine/index.js';
import { inRealNumbers, rolesOf } from '../graph/index.js';
import { floats, type Graph } from '../onnx/index.js';
import { prunables } from './hook.js';
import type { Prunable } from './types.js';

/**
 * The weights that count, in the order of the graph, as copies without gradients, masks all 1; those that are stored as whole numbers are
 * the real ones that they stand for. No node needs to be computed for that, so operators that are not known are no hindrance; what they
 * read is not among the layers.
 */
export function layersOf(stored: Graph): Prunable[] {
  const graph = inRealNumbers(stored);
  const { learnt, prunable } = rolesOf(graph);
  const parameters = new Map<string, Parameter>();
  const slots = new Map<string, { gradient: Float32Array; state: []; mask: Float32Array }>();
  for (const [name, node] of learnt) {
    const tensor = graph.initializers.get(name)!;
    const weight = Float32Array.from(floats(tensor));
    parameters.set(name, {
      name,
      shape: tensor.shape,
      weight,
      prunable: prunable.has(name),
      op: node.op,
      node: node.name,
    });
    slots.set(name, {
      gradient: new Float32Array(0),
      state: [],
      mask: new Float32Array(weight.length).fill(1),
    });
  }
  return prunables({ network: { graph, parameters }, training: { slots } });
}
