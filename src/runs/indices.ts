/**
 * Indices in data against the tables of a model that they choose from, such as token ids and an embedding. The engine reads
 * beyond a table as its first or last row; onnxruntime refuses it.
 */
import { fail } from '../base/index.js';
import type { Dataset } from '../data/index.js';
import { findOperator } from '../graph/index.js';
import { attr, type Graph, type Node } from '../onnx/index.js';

/** Whether a node hands numbers on in another shape, order or type. */
const passes = (node: Node): boolean => node.op === 'Transpose' || (findOperator(node)?.carries ?? false);

/** @throws UserError when a sample has an index for which a table, a Gather's initialiser, has no row. */
export function checkIndices(graph: Graph, { train, test }: Pick<Dataset, 'train' | 'test'>): void {
  const rows = tablesOf(graph);
  for (const [i, { name }] of graph.inputs.entries()) {
    const table = rows.get(name);
    if (table === undefined) continue;
    for (const split of [train, test]) {
      const array = split?.arrays[i];
      if (split === undefined || array?.kind !== 'numbers') continue;
      for (let index = 0; index < split.length; index++) {
        const bad = array.at(index).data.find((id: number) => id < -table || id >= table);
        if (bad !== undefined)
          fail(
            `Sample ${index} of the ${split === train ? 'training' : 'test'} part has ${bad} in ${name}, but the model has rows 0 to ${table - 1} for it; correct the data, or use the model that they were made for.`,
          );
      }
    }
  }
}

/** The fewest rows of the tables that an input's numbers choose from, by name of the input. */
export function tablesOf({ nodes, inputs, initializers }: Graph): Map<string, number> {
  const source = new Map(inputs.map(({ name }) => [name, name]));
  const rows = new Map<string, number>();
  for (const node of nodes) {
    const from = (at: number) => source.get(node.inputs[at]);
    if (passes(node) && from(0) !== undefined) source.set(node.outputs[0], from(0)!);
    const shape = initializers.get(node.inputs[0])?.shape;
    if (node.op !== 'Gather' || !shape || from(1) === undefined || attr.int(node, 'axis', 0) !== 0) continue;
    rows.set(from(1)!, Math.min(rows.get(from(1)!) ?? Infinity, shape[0]));
  }
  return rows;
}
