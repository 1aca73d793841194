/** Names of values in graphs and in the graphs inside their nodes. */
import type { GraphProto, NodeProto } from './generated/onnx_pb.js';

/** 'ai.onnx' is another way to write ''. */
export const plainDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

/** The graphs that a node holds in its attributes. */
export const subgraphs = (node: NodeProto): GraphProto[] =>
  node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));

/** Every node of a list, and of the graphs inside them. */
export function* everyNode(nodes: readonly NodeProto[]): Generator<NodeProto> {
  for (const node of nodes) {
    yield node;
    for (const graph of subgraphs(node)) yield* everyNode(graph.node);
  }
}

/** What a graph defines itself: its inputs, weights and results of its nodes. */
export const definedIn = (graph: GraphProto): string[] => [
  ...graph.input.map(({ name }) => name),
  ...graph.initializer.map(({ name }) => name),
  ...graph.sparseInitializer.map(({ values }) => values?.name ?? ''),
  ...graph.node.flatMap(({ output }) => output),
];

/** What a graph uses but does not define. */
export function outerValues(graph: GraphProto): string[] {
  const own = new Set(['', ...definedIn(graph)]);
  const used = [...graph.node.flatMap(usedBy), ...graph.output.map(({ name }) => name)];
  return used.filter((name) => !own.has(name));
}

/** What a node uses: its inputs, and what the graphs inside it take from around it. */
export const usedBy = (node: NodeProto): string[] => [...node.input, ...subgraphs(node).flatMap(outerValues)];

/** Gives every value that a node mentions another name, in place, also inside the graphs that it holds. */
export function renameValues(node: NodeProto, rename: (name: string) => string): void {
  const all = (names: readonly string[]) => names.map((name) => (name === '' ? '' : rename(name)));
  node.input = all(node.input);
  node.output = all(node.output);
  for (const graph of subgraphs(node)) {
    for (const values of [graph.input, graph.output, graph.valueInfo, graph.initializer])
      for (const value of values) value.name = rename(value.name);
    for (const { values } of graph.sparseInitializer) if (values) values.name = rename(values.name);
    for (const inner of graph.node) renameValues(inner, rename);
  }
}

/** Gives out names that nothing else has. */
export function freshNames(taken: Iterable<string>): (wanted: string) => string {
  const used = new Set(taken);
  const counts = new Map<string, number>();
  return (wanted) => {
    let name = wanted;
    let count = counts.get(wanted) ?? 1;
    while (used.has(name)) name = `${wanted}_${++count}`;
    counts.set(wanted, count);
    used.add(name);
    return name;
  };
}

/** All names that are defined in a graph and in the graphs inside it, as often as they are. */
export const allDefined = (graph: GraphProto): string[] => [
  ...definedIn(graph),
  ...graph.node.flatMap((node) => subgraphs(node).flatMap(allDefined)),
];
