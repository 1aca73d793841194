/** Graphs that begin where they can be computed, and what stands before that in their files. */
import { usedValues } from './attributes.js';
import type { Graph, Node, Tensor } from './model.js';
import { freshNames } from './scope.js';

/** The whole of a graph, as its file has it. */
export function withFront(graph: Graph): Graph {
  const { front, ...source } = graph.source;
  if (!front) return graph;
  const initializers = new Map(graph.initializers);
  const names = new Map<string, string>();
  const fresh = freshNames([...initializers.keys(), ...front.initializers.keys()]);
  for (const [name, tensor] of front.initializers) {
    const changed = initializers.has(name) && !alike(initializers.get(name)!, tensor);
    const own = changed ? fresh(`${name}.before`) : name;
    names.set(name, own);
    initializers.set(own, tensor);
  }
  const renamed = (node: Node): Node => ({
    ...node,
    inputs: node.inputs.map((name) => names.get(name) ?? name),
  });
  const nodes = [...front.nodes.map(renamed), ...graph.nodes];
  const read = new Set(nodes.flatMap(usedValues));
  for (const { name } of front.inputs) if (!read.has(name)) initializers.delete(name);
  const left = new Map(graph.outputs.map((output) => [output.name, output]));
  return {
    ...graph,
    source,
    inputs: front.inputs,
    outputs: front.outputs.map((output) => left.get(output.name) ?? output),
    nodes,
    initializers,
  };
}

/** The graph without what stands before it. */
export function withoutFront(graph: Graph): Graph {
  const { front: _, ...source } = graph.source;
  return { ...graph, source };
}

const alike = (a: Tensor, b: Tensor): boolean =>
  a === b ||
  (a.dtype === b.dtype &&
    a.shape.join() === b.shape.join() &&
    (a.data as Float32Array).every((value, i) => Object.is(value, b.data[i])));
