/** One node of a model, or of a body in it, as core operators. */
import { fail } from '../base/index.js';
import type { DType, Node } from '../onnx/index.js';
import type { Build } from './core.js';
import { foldedTypes } from './fold.js';
import { type Budget, describe, type Operator, type Site, Unsupported } from './operator.js';

/** What is there already. */
export interface Known {
  b: Build;
  /** Core value of every value. */
  values: Map<string, string>;
  /** What ONNX says each value is; a core value may stand for several of different types. */
  dtypes: Map<string, DType>;
  left: Budget;
  operatorFor: (node: Node) => Operator;
  /** Version of a domain's operators. */
  opsetOf: (domain: string) => number;
}

/** A node on a tape, with the core values that it takes ('' where absent) and makes. */
export interface Written {
  site: Site;
  operator: Operator;
  inputs: readonly string[];
  outputs: readonly string[];
}

/**
 * Writes a node: its results are computed at once where they are constant.
 * @throws UserError for one that does not fit, or that espalier cannot compute.
 */
export function writeNode(node: Node, { b, values, dtypes, left, operatorFor, opsetOf }: Known): Written {
  const operator = operatorFor(node);
  const inputs = node.inputs.map((name) => (name === '' ? '' : values.get(name)!));
  const site: Site = {
    node,
    opset: opsetOf(node.domain),
    inputs: node.inputs.map((name, i) =>
      name === '' ? undefined : { ...b.type(inputs[i]), dtype: dtypes.get(name)! },
    ),
  };
  const types = foldedTypes(site, operator, left);
  const outputs = types.every(({ constant }) => constant)
    ? types.map(({ constant }) => b.constant(constant!))
    : operator.expand
      ? operator.expand(site, inputs, b)
      : fail(
          `${describe(node)} works on data that is only known when the model runs, and espalier has no kernel for that.`,
          Unsupported,
        );
  for (const [i, name] of node.outputs.entries()) {
    if (name === '') continue;
    values.set(name, outputs[i]);
    dtypes.set(name, types[i].dtype);
  }
  return { site, operator, inputs, outputs };
}
