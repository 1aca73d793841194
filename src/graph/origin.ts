/**
 * Where a weight comes from: files often hold a weight behind a Transpose, an Identity, a Cast or a mask. Whatever a value's
 * first operands lead back to, as long as nothing of it depends on the model's inputs, is the weight that it is a form of.
 */
import { type Graph, usedValues } from '../onnx/index.js';

/** Values that depend on the model's inputs. */
export function dependOnInputs(graph: Graph): Set<string> {
  const found = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    if (usedValues(node).some((name) => found.has(name))) for (const name of node.outputs) found.add(name);
  }
  return found;
}

/** Gives for a value the initialiser it is a form of, or undefined. */
export function originIn(graph: Graph): (name: string) => string | undefined {
  const laned = dependOnInputs(graph);
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  return (name) => {
    let at: string | undefined = name;
    while (at !== undefined && !graph.initializers.has(at)) {
      at = laned.has(at) ? undefined : makers.get(at)?.inputs[0];
    }
    return at;
  };
}
