/** Ifs whose conditions are known, though not written in the file: the branch that they take becomes part of the graph. */
import { usedValues } from './attributes.js';
import type { Graph, Tensor, Value } from './model.js';
import { parseModel } from './parse.js';
import { freshNames } from './scope.js';
import { serializeModel } from './serialize.js';

/**
 * The graph with the branches that conditions (by the name of the value) choose. What only the other branches used is gone.
 * Weights stay where they are: only nodes are written and read again.
 */
export async function withConditions(graph: Graph, truths: ReadonlyMap<string, boolean>): Promise<Graph> {
  const values = graph.nodes.flatMap((node) => [...node.outputs, ...usedValues(node)]);
  const fresh = freshNames([...values, ...graph.initializers.keys()]);
  const conditions = new Map<string, Tensor>();
  const nodes = graph.nodes.map((node) => {
    const truth = node.op === 'If' && node.domain === '' ? truths.get(node.inputs[0]) : undefined;
    if (truth === undefined) return node;
    const name = fresh(`${node.inputs[0]}.known`);
    conditions.set(name, { dtype: 'bool', shape: [], data: Uint8Array.of(Number(truth)) });
    return { ...node, inputs: [name] };
  });
  const weights = [...graph.initializers].map(([name, { dtype, shape }]): Value => ({ name, dtype, shape }));
  const { front, ...source } = graph.source;
  const light = { ...graph, source, nodes, inputs: [...graph.inputs, ...weights], initializers: conditions };
  const read = await parseModel(serializeModel(light), { name: graph.name || 'the model' });
  const [before, after] = [graph, read].map(
    (one) => new Set([...one.nodes.flatMap(usedValues), ...one.outputs.map(({ name }) => name)]),
  );
  const kept = [...graph.initializers].filter(([name]) => after.has(name) || !before.has(name));
  return {
    ...read,
    source: front ? { ...read.source, front } : read.source,
    inputs: graph.inputs,
    initializers: new Map([...kept, ...read.initializers]),
  };
}
