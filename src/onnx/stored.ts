/** A model in memory as its file would give it back, so that what has been written need not be read again. */
import type { Attribute, Graph, Node } from './model.js';
import { rounded } from './storage.js';

/**
 * The graph with all its numbers as a file holds them: elements of 16-bit tensors rounded to those, attributes to single precision.
 * Reading the graph's own file gives the same.
 */
export const asStored = (graph: Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map(storedNode),
  initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, rounded(tensor)])),
});

const storedNode = (node: Node): Node => ({
  ...node,
  attributes: Object.fromEntries(
    Object.entries(node.attributes).map(([name, attribute]) => [name, storedAttribute(attribute)]),
  ),
});

function storedAttribute(attribute: Attribute): Attribute {
  switch (attribute.type) {
    case 'float':
      return { type: 'float', value: Math.fround(attribute.value) };
    case 'floats':
      return { type: 'floats', value: attribute.value.map(Math.fround) };
    case 'tensor':
      return { type: 'tensor', value: rounded(attribute.value) };
    case 'body':
      return { type: 'body', value: { ...attribute.value, nodes: attribute.value.nodes.map(storedNode) } };
    case 'int':
    case 'ints':
    case 'string':
    case 'strings':
    case 'opaque':
      return attribute;
    default:
      return attribute satisfies never;
  }
}
