/**
 * Vectors that several nodes read. PyTorch's exporter stores equal parameters once (untrained biases, scales of ones) and hands them
 * round through Identity nodes, which says nothing about the layers that read them. So every reader gets a copy of a vector while
 * channels are looked for, and whatever copies are still equal after surgery are stored once again. Matrices and filters that
 * several layers share are taken for tied on purpose, such as the table of words that a language model reads and predicts by.
 */
import { type Graph, isFloat, type Node, sizeOf, type Tensor, usedValues } from '../../onnx/index.js';
import { equal } from './taken.js';

/** A vector that several nodes read, and the copies that took its place. */
export interface Tie {
  name: string;
  /** Of each reader's copy, the value that it read before. */
  copies: ReadonlyMap<string, string>;
  /** The nodes that handed it round. */
  identities: readonly Node[];
}

/** An input of a node. */
interface Use {
  node: Node;
  input: number;
}

/** The graph with a copy of a shared vector for each reader. */
export function untied(graph: Graph): { graph: Graph; ties: Tie[] } {
  const shared = sharedVectors(graph);
  if (shared.size === 0) return { graph, ties: [] };
  const initializers = new Map(graph.initializers);
  const taken = new Set([
    ...initializers.keys(),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
    ...graph.inputs.map(({ name }) => name),
  ]);
  const renamed = new Map<Node, string[]>();
  const dropped = new Set<Node>();
  const ties = [...shared].map(([name, { uses, identities }]): Tie => {
    const tensor = graph.initializers.get(name)!;
    const copies = new Map<string, string>();
    initializers.delete(name);
    for (const identity of identities) dropped.add(identity);
    for (const { node, input } of uses) {
      const read = node.inputs[input];
      let copy = read;
      for (let n = 2; copies.has(copy) || (n > 2 && taken.has(copy)); n++) copy = `${read}.${n}`;
      taken.add(copy);
      copies.set(copy, read);
      initializers.set(copy, tensor);
      const inputs = renamed.get(node) ?? [...node.inputs];
      inputs[input] = copy;
      renamed.set(node, inputs);
    }
    return { name, copies, identities };
  });
  const nodes = graph.nodes
    .filter((node) => !dropped.has(node))
    .map((node) => (renamed.has(node) ? { ...node, inputs: renamed.get(node)! } : node));
  return { graph: { ...graph, nodes, initializers }, ties };
}

/** Vectors with several readers, through whatever Identity nodes. */
function sharedVectors(graph: Graph): Map<string, { uses: Use[]; identities: Node[] }> {
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const found = new Map<string, { uses: Use[]; identities: Node[] }>();
  const source = new Map<string, string>();
  for (const [name, tensor] of graph.initializers) {
    if (!isVector(tensor) || outputs.has(name)) continue;
    source.set(name, name);
    found.set(name, { uses: [], identities: [] });
  }
  for (const node of graph.nodes) {
    const handsRound = node.op === 'Identity' && node.domain === '' && !outputs.has(node.outputs[0]);
    const from = source.get(node.inputs[0] ?? '');
    if (handsRound && from !== undefined) {
      source.set(node.outputs[0], from);
      found.get(from)?.identities.push(node);
      continue;
    }
    for (const [input, value] of node.inputs.entries()) {
      const name = source.get(value);
      if (name === undefined) continue;
      if (mayCopy(graph.initializers.get(name)!, node)) found.get(name)?.uses.push({ node, input });
      else found.delete(name);
    }
    for (const value of usedValues(node)) {
      if (!node.inputs.includes(value)) found.delete(source.get(value) ?? '');
    }
  }
  for (const [name, { uses }] of found) if (uses.length < 2) found.delete(name);
  return found;
}

/** One axis at most is longer than 1, as of a bias, a scale, a mean. */
const isVector = ({ dtype, shape }: Tensor): boolean =>
  dtype !== 'string' && sizeOf(shape) > 1 && shape.filter((dim) => dim > 1).length === 1;

/**
 * Whole numbers are mostly shapes and axes, which nodes may share as they like; and where nodes take parts of a vector, as of the biases of
 * all gates of an LSTM, the parts are not layers that happen to share it.
 */
const mayCopy = ({ dtype }: Tensor, { op }: Node): boolean =>
  (isFloat(dtype) || op === 'DequantizeLinear') && !partial.has(op);

const partial = new Set(['Slice', 'Split', 'Gather', 'GatherND', 'GatherElements']);

/** The graph with equal copies stored once: as they were where all are equal, else one for those that are. */
export function retied(graph: Graph, ties: readonly Tie[]): Graph {
  if (ties.length === 0) return graph;
  const initializers = new Map(graph.initializers);
  const read = new Map<string, string>();
  const identities: Node[] = [];
  for (const { name, copies, identities: before } of ties) {
    const left = [...copies.keys()].filter((copy) => initializers.has(copy));
    const classes = classesOf(left, initializers);
    if (classes.length === 1 && left.length === copies.size) {
      const tensor = initializers.get(left[0])!;
      for (const copy of left) initializers.delete(copy);
      initializers.set(name, tensor);
      for (const [copy, was] of copies) read.set(copy, was);
      identities.push(...before);
      continue;
    }
    for (const [first, ...others] of classes) {
      for (const copy of others) {
        initializers.delete(copy);
        identities.push({
          ...{ name: copy, op: 'Identity', domain: '' },
          ...{ inputs: [first], outputs: [copy], attributes: {} },
        });
      }
    }
  }
  const nodes = graph.nodes.map((node) => {
    const inputs = node.inputs.map((value) => read.get(value) ?? value);
    return inputs.some((value, i) => value !== node.inputs[i]) ? { ...node, inputs } : node;
  });
  return { ...graph, nodes: [...identities, ...nodes], initializers };
}

/** Names of initialisers that hold the same. */
function classesOf(names: readonly string[], initializers: ReadonlyMap<string, Tensor>): string[][] {
  const classes: string[][] = [];
  for (const name of names) {
    const alike = classes.find(([first]) => equal(initializers.get(first), initializers.get(name)));
    if (alike) alike.push(name);
    else classes.push([name]);
  }
  return classes;
}
