/** What the numbers of an output are: logits, probabilities, or truths of their own. */
import type { Graph, Node } from '../onnx/index.js';
import type { Operator } from './operator.js';
import { findOperator } from './ops/index.js';

/** Operators that may stand between what computes an output and the output and only hand its numbers on. */
const passes = (node: Node): boolean => node.op === 'Dropout' || (findOperator(node)?.carries ?? false);

/** The node that computes the numbers of an output, which others only hand on. */
export function makerOf(graph: Graph, output: string): Node | undefined {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  let node = makers.get(output);
  while (node && passes(node)) node = makers.get(node.inputs[0]);
  return node;
}

/** What the numbers of an output are, where an operator at its end says so. */
export function answersOf(graph: Graph, output: string): Operator['answers'] {
  const node = makerOf(graph, output);
  return node && findOperator(node)?.answers;
}
