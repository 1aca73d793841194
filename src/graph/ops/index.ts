/** The operators that espalier knows, by name. */
import { fail } from '../../base/errors.js';
import type { Node } from '../../onnx/model.js';
import { describe, type Operator } from '../operator.js';
import { constantOperators } from './constant.js';
import { convOperators } from './conv.js';
import { dropoutOperators } from './dropout.js';
import { einsumOperators } from './einsum.js';
import { elementwiseOperators } from './elementwise.js';
import { gatherOperators } from './gather.js';
import { maskOperators } from './masks.js';
import { matmulOperators } from './matmul.js';
import { normOperators } from './norm.js';
import { poolOperators } from './pool.js';
import { quantizeOperators } from './quantize.js';
import { reduceOperators } from './reduce.js';
import { resizeOperators } from './resize.js';
import { shapeOperators } from './shape.js';
import { softmaxOperators } from './softmax.js';

const operators = new Map(
  Object.entries({
    ...constantOperators,
    ...convOperators,
    ...dropoutOperators,
    ...einsumOperators,
    ...elementwiseOperators,
    ...gatherOperators,
    ...matmulOperators,
    ...normOperators,
    ...poolOperators,
    ...quantizeOperators,
    ...reduceOperators,
    ...resizeOperators,
    ...shapeOperators,
    ...softmaxOperators,
  }),
);

/** What to do about a family of operators that is not there. */
const advice: Record<string, string> = {
  'com.microsoft':
    'it was put there by the optimiser of a runtime: use the model as it was exported, before that',
  If: 'export the model with its branches decided, e.g. by tracing it for one configuration',
  Loop: 'export the model with its loops unrolled',
  Scan: 'export the model with its loops unrolled',
  LSTM: 'recurrent networks cannot be trained or pruned here',
  GRU: 'recurrent networks cannot be trained or pruned here',
  RNN: 'recurrent networks cannot be trained or pruned here',
};

const fallback = 'simplify the model, or cut it off before this node';

/** The facts about a node's operator, undefined for one that is not known. */
export function findOperator(node: Node): Operator | undefined {
  if (node.domain === 'espalier') return maskOperators[node.op];
  return node.domain === '' || node.domain === 'ai.onnx' ? operators.get(node.op) : undefined;
}

/** The facts about a node's operator. @throws UserError naming an operator that is not known. */
export function operatorFor(node: Node): Operator {
  const hint = advice[node.domain] ?? advice[node.op] ?? fallback;
  return findOperator(node) ?? fail(`espalier does not know the operator of ${describe(node)}; ${hint}.`);
}
