/**
 * How far a model can be computed. What an operator that is not known makes, and all that rests on it, is left out; the rest is a model of
 * its own, which gives the outputs that are left and the values at the *edge*: those that only what is left out reads.
 */
import { type Graph, isFloat, type Node, usedValues, type Value } from '../onnx/index.js';
import { type Expanded, type ExpandOptions, expandModel } from './expand.js';
import { needed } from './needed.js';
import { originIn } from './origin.js';

/** The part of a model that can be computed, and what is carried along. */
export interface Reach {
  /** The outputs that can be computed, as they are declared. */
  outputs: Value[];
  /** Real numbers that weights had a part in and that only nodes read which are left out. */
  edge: Value[];
  /** Nodes that cannot be computed by themselves, with the sentence that says why. */
  causes: Map<Node, string>;
  /** All nodes that are left out, those that rest on others among them. */
  carried: Node[];
}

/**
 * How far a model can be computed; undefined where nothing is left out.
 * @throws UserError as `expandModel` does, but for what it leaves out.
 */
export function modelReach(
  graph: Graph,
  options: Pick<ExpandOptions, 'inputShapes' | 'shapesOnly'> = {},
): Reach | undefined {
  const expanded = expandModel(graph, { ...options, carry: true });
  return expanded.carried.size > 0 ? reachIn(graph, expanded) : undefined;
}

/** The same of a model that is expanded already. */
export function reachIn(graph: Graph, { tape, values, carried, dtypes }: Expanded): Reach {
  const made = new Set([...carried.keys()].flatMap(({ outputs }) => outputs));
  const declared = new Set(graph.outputs.map(({ name }) => name));
  const trained = restingOnWeights(graph);
  const read = new Set([...carried.keys()].flatMap(usedValues));
  const edge = [...read].flatMap((name): Value[] => {
    const core = declared.has(name) ? undefined : values.get(name);
    if (core === undefined || !trained.has(name)) return [];
    const dtype = dtypes.get(name)!;
    return tape.type(core).laned && isFloat(dtype) ? [{ name, dtype }] : [];
  });
  const causes = [...carried].filter(([node]) => !usedValues(node).some((name) => made.has(name)));
  return {
    outputs: graph.outputs.filter(({ name }) => values.has(name)),
    edge,
    causes: new Map(causes.map(([node, { message }]) => [node, message])),
    carried: [...carried.keys()],
  };
}

/** Values in which the initialisers of layers had a part, and the samples too. */
function restingOnWeights(graph: Graph): Set<string> {
  const origin = originIn(graph);
  const found = new Set<string>();
  for (const node of graph.nodes) {
    const weighed = node.inputs.some((name) => {
      const weight = name === '' ? undefined : origin(name);
      const tensor = weight === undefined ? undefined : graph.initializers.get(weight);
      return tensor !== undefined && isFloat(tensor.dtype) && tensor.data.length > 1;
    });
    if (weighed || node.inputs.some((name) => found.has(name)))
      for (const name of node.outputs) found.add(name);
  }
  return found;
}

/** The part of a model that makes these values: with all inputs, and no node or initialiser that it does not need. */
export function partFor(graph: Graph, outputs: readonly Value[]): Graph {
  const wanted = new Set(outputs.map(({ name }) => name));
  const nodes = needed(graph.nodes, wanted, usedValues);
  const used = new Set([...wanted, ...nodes.flatMap(usedValues)]);
  const initializers = new Map([...graph.initializers].filter(([name]) => used.has(name)));
  return { ...graph, outputs: [...outputs], nodes, initializers };
}
