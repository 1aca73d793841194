/** What each output of a model is, by the graph: a distribution over classes, truths of their own, numbers, or whole numbers. */
import { attr, type Graph, isFloat, type Node, opsetOf } from '../onnx/index.js';

/** An output, and the value before it that is trained. */
export interface Head {
  output: string;
  /** The logits, where the output is a distribution; else the output itself. */
  value: string;
  kind: 'numbers' | 'classes' | 'truths' | 'whole';
  /** Of classes: the axes over which the probabilities add up to 1, of a value of this rank. */
  axes: (rank: number) => number[];
}

/** Operators that only hand numbers on. */
const PASSING = new Set([
  ...['Identity', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze', 'Cast', 'Dropout', 'Transpose'],
]);

/** The outputs of a model. */
export function headsOf(graph: Graph): Head[] {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  return graph.outputs.map(({ name: output, dtype }) => {
    const plain = { output, value: output, axes: () => [] };
    if (!isFloat(dtype)) return { ...plain, kind: 'whole' };
    let node = makers.get(output);
    while (node && node.domain === '' && PASSING.has(node.op)) node = makers.get(node.inputs[0]);
    const last = node?.domain === '' ? node : undefined;
    if (last?.op === 'Sigmoid') return { ...plain, value: last.inputs[0], kind: 'truths' };
    if (last?.op === 'Softmax' || last?.op === 'LogSoftmax')
      return { ...plain, value: last.inputs[0], kind: 'classes', axes: axesOf(graph, last) };
    return { ...plain, kind: 'numbers' };
  });
}

/** From opset 13 on a softmax has one axis (default the last); before, all from `axis` (default 1) on. */
function axesOf({ source }: Graph, node: Node): Head['axes'] {
  if (opsetOf(source, '') >= 13) {
    const axis = attr.int(node, 'axis', -1);
    return (rank) => [axis < 0 ? axis + rank : axis];
  }
  const first = attr.int(node, 'axis', 1);
  return (rank) =>
    Array.from({ length: rank }, (_, axis) => axis).filter(
      (axis) => axis >= (first < 0 ? first + rank : first),
    );
}
