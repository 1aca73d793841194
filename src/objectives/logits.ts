/**
 * Where a classifier's logits are. Training wants them; many models end in a Softmax or LogSoftmax instead. Such a model
 * is trained on a copy in which that last node passes its input on, and the weights go back into the original.
 */
import { fail } from '../base/index.js';
import { findOperator, makerOf } from '../graph/index.js';
import type { Graph, Node } from '../onnx/index.js';

/** What the numbers that a classifier puts out are. */
export type Scale = 'logits' | 'probabilities' | 'log-probabilities';

/** What the graph's only output is. @throws UserError when there are several. */
export function scaleOf(graph: Graph): Scale {
  const node = finalSoftmax(graph);
  const answers = node && findOperator(node)?.answers;
  return answers === undefined || answers === 'truths' ? 'logits' : answers;
}

/**
 * The graph to train: the same where the output is logits already; else with the last Softmax or LogSoftmax made an
 * Identity, and every name kept.
 * @throws UserError when there are several outputs, or they are truths of their own rather than a choice between classes.
 */
export function trainingGraph(graph: Graph): Graph {
  const last = finalNode(graph);
  if (last && findOperator(last)?.answers === 'truths')
    fail(
      `The model ends in a ${last.op} (${last.name || last.outputs[0]}), an independent probability for each output, but training is for one class of several: if the outputs are classes, export the model without the ${last.op}.`,
    );
  const softmax = finalSoftmax(graph);
  if (!softmax) return graph;
  const identity: Node = { ...softmax, op: 'Identity', attributes: {} };
  return { ...graph, nodes: graph.nodes.map((node) => (node === softmax ? identity : node)) };
}

function finalSoftmax(graph: Graph): Node | undefined {
  const node = finalNode(graph);
  const answers = node && findOperator(node)?.answers;
  return answers === 'probabilities' || answers === 'log-probabilities' ? node : undefined;
}

/** The node that computes the only output's numbers. */
function finalNode(graph: Graph): Node | undefined {
  if (graph.outputs.length !== 1)
    fail(
      `The model has ${graph.outputs.length} outputs (${graph.outputs.map(({ name }) => name).join(', ')}), but a classifier has one; leave only the one with a number per class.`,
    );
  return makerOf(graph, graph.outputs[0].name);
}
