/** The operators that espalier knows, by name. */
import { fail } from '../../base/index.js';
import { bodyOf, type Node } from '../../onnx/index.js';
import { describe, type Operator, Unsupported } from '../operator.js';
import { attentionOperators } from './attention.js';
import { guarded } from './check.js';
import { constantOperators } from './constant.js';
import { convOperators } from './conv.js';
import { cumulateOperators } from './cumulate.js';
import { dropoutOperators } from './dropout.js';
import { einsumOperators } from './einsum.js';
import { elementwiseOperators } from './elementwise.js';
import { gatherOperators } from './gather.js';
import { integerOperators } from './integer.js';
import { maskOperators } from './masks.js';
import { matmulOperators } from './matmul.js';
import { microsoftOperators } from './microsoft.js';
import { normOperators, runningNormalization } from './norm.js';
import { poolOperators } from './pool.js';
import { quantizedWeight, quantizeOperators } from './quantize.js';
import { recurrentOperators } from './recurrent.js';
import { reduceOperators } from './reduce.js';
import { repeatedOperator } from './repeated.js';
import { resizeOperators } from './resize.js';
import { scatterOperators } from './scatter.js';
import { shapeOperators } from './shape.js';
import { softmaxOperators } from './softmax.js';
import { topOperators } from './top.js';

/** Those of ONNX. */
const operators: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    ...attentionOperators,
    ...constantOperators,
    ...convOperators,
    ...cumulateOperators,
    ...dropoutOperators,
    ...einsumOperators,
    ...elementwiseOperators,
    ...gatherOperators,
    ...integerOperators,
    ...matmulOperators,
    ...normOperators,
    ...poolOperators,
    ...quantizeOperators,
    ...recurrentOperators,
    ...reduceOperators,
    ...resizeOperators,
    ...scatterOperators,
    ...shapeOperators,
    ...softmaxOperators,
    ...topOperators,
  }).map(([name, operator]) => [name, guarded(operator)]),
);

/** Of our own. */
const inner = new Map(
  Object.entries({
    ...maskOperators,
    QuantizedWeight: quantizedWeight,
    RunningNormalization: runningNormalization,
  }).map(([name, operator]) => [name, guarded(operator)]),
);

/** Those of the domain com.microsoft. */
const microsoft: ReadonlyMap<string, Operator> = new Map(
  Object.entries(microsoftOperators).map(([name, operator]) => [name, guarded(operator)]),
);

export { microsoft as vendorOperators, operators as knownOperators };

/** Those whose facts are the facts of what they repeat. */
export const repeatingOperators: readonly string[] = ['Loop', 'Scan'];

/** What to do about families of operators that are not there, by domain or name. */
const advice = new Map(
  (
    [
      [
        ['com.microsoft'],
        'use the model as it was exported, before a runtime optimised or quantised it for itself',
      ],
      [
        ['If'],
        'export the model with its branches decided, e.g. by tracing it for one configuration, or say what the input is that decides (--fix NAME=VALUE)',
      ],
      [['Loop', 'Scan'], 'export the model with its loops unrolled'],
    ] as const
  ).flatMap(([names, sentence]) => names.map((name) => [name as string, sentence])),
);

const fallback = ({ domain }: Node): string =>
  domain
    ? 'inline it where it is a function of the model (onnx.inliner), or cut the model off before this node'
    : 'cut the model off before this node';

/** The facts about a node's operator, undefined for one that is not known. */
export function findOperator(node: Node): Operator | undefined {
  if (bodyOf(node)) return withBody(node);
  if (node.domain === 'espalier') return inner.get(node.op);
  if (node.domain === 'com.microsoft') return microsoft.get(node.op);
  return node.domain === '' || node.domain === 'ai.onnx' ? operators.get(node.op) : undefined;
}

/** Operators of nodes with bodies, each of which has its own. */
const repeated = new WeakMap<Node, Operator>();

function withBody(node: Node): Operator {
  const operator = repeated.get(node) ?? guarded(repeatedOperator(node, { findOperator, operatorFor }));
  repeated.set(node, operator);
  return operator;
}

/** The facts about a node's operator. @throws UserError naming an operator that is not known. */
export function operatorFor(node: Node): Operator {
  const hint = advice.get(node.domain || node.op) ?? fallback(node);
  return (
    findOperator(node) ??
    fail(
      `espalier does not know the operator of ${describe(node)}; ${hint}, or prune the model by its weights alone (espalier prune --data none).`,
      Unsupported,
    )
  );
}
