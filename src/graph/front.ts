/**
 * Models that begin with an operator that is not known. Nothing can be computed of such a model from its inputs, but all that comes behind
 * can, from what the operator makes: that is the model then, and its *front* travels along until the model is written.
 */
import { type Graph, type Node, usedValues, type Value } from '../onnx/index.js';
import { rolesOf } from './expand.js';
import { findOperator } from './ops/index.js';

export interface Behind {
  /** What comes behind the front: its inputs are what the front makes. The front is in `source.front`. */
  graph: Graph;
  /** Operators of the front that are not known. */
  causes: Node[];
  /** What the front makes. */
  made: Value[];
}

/** What comes behind unknown operators that stand before all weights; undefined where there are none, or something is learnt before them. */
export function behindFront(graph: Graph): Behind | undefined {
  if (graph.source.front) return undefined;
  const causes = firstUnknown(graph);
  const front = before(graph, causes);
  const { learnt } = rolesOf(graph);
  const behindCauses = restingOn(graph, causes);
  const trained = [...learnt.values()];
  if (trained.length === 0 || !trained.every((node) => behindCauses.has(node))) return undefined;
  const nodes = graph.nodes.filter((node) => !front.has(node));
  const outside = new Set([...front].flatMap(({ outputs }) => outputs));
  const read = new Set(nodes.flatMap(usedValues));
  const made = [...outside].filter((name) => read.has(name)).map((name) => declaredValue(graph, name));
  const inputs = [...graph.inputs.filter(({ name }) => read.has(name)), ...made];
  const used = new Set([...read, ...graph.outputs.map(({ name }) => name)]);
  const [behind, other] = [true, false].map(
    (is) => new Map([...graph.initializers].filter(([name]) => used.has(name) === is)),
  );
  const ofFront = new Set([...front].flatMap(usedValues));
  for (const name of ofFront) if (behind.has(name)) other.set(name, behind.get(name)!);
  const carried = { inputs: graph.inputs, outputs: graph.outputs, nodes: [...front], initializers: other };
  return {
    graph: {
      ...graph,
      ...{ inputs, nodes, initializers: behind },
      outputs: graph.outputs.filter(({ name }) => !outside.has(name)),
      source: { ...graph.source, front: carried },
    },
    causes,
    made,
  };
}

/** Unknown operators that rest on no other. */
function firstUnknown(graph: Graph): Node[] {
  const unknown = graph.nodes.filter((node) => !findOperator(node));
  const later = restingOn(graph, unknown);
  return unknown.filter((node) => !later.has(node));
}

/** The nodes that rest on what these give. */
function restingOn(graph: Graph, nodes: readonly Node[]): Set<Node> {
  const values = new Set(nodes.flatMap(({ outputs }) => outputs));
  const found = new Set<Node>();
  for (const node of graph.nodes) {
    if (!usedValues(node).some((name) => values.has(name))) continue;
    found.add(node);
    for (const name of node.outputs) values.add(name);
  }
  return found;
}

/** These nodes and all that they rest on. */
function before(graph: Graph, nodes: readonly Node[]): Set<Node> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const found = new Set(nodes);
  for (const node of found)
    for (const name of usedValues(node)) {
      const maker = makers.get(name);
      if (maker) found.add(maker);
    }
  return new Set(graph.nodes.filter((node) => found.has(node)));
}

/** What is declared of a value; real numbers where nothing says otherwise. */
function declaredValue({ declared, outputs }: Graph, name: string): Value {
  const found = declared.get(name) ?? outputs.find((output) => output.name === name);
  return { name, dtype: found?.dtype ?? 'float32', shape: found?.shape };
}
