/** The functions that recurrent operators name in their attributes. */
import { fail } from '../../base/index.js';
import { attr, type Node } from '../../onnx/index.js';
import { call, type Expression } from '../expression.js';
import { describe, Unsupported } from '../operator.js';
import { add, div, mul, sub } from './elementwise.js';

export type Activation = (x: Expression) => Expression;

interface Named {
  /** How many of alpha and beta it takes from the node, and what they are where it has none left. */
  takes: 0 | 1 | 2;
  usual?: readonly [alpha: number, beta?: number];
  of(x: Expression, alpha: number, beta: number): Expression;
}

const exp = (x: Expression) => call('exp', x);

/** By name in lower case, in which onnxruntime compares them, too. */
const named: Readonly<Record<string, Named>> = {
  relu: { takes: 0, of: (x) => call('relu', x) },
  tanh: { takes: 0, of: (x) => call('tanh', x) },
  sigmoid: { takes: 0, of: (x) => call('sigmoid', x) },
  softsign: { takes: 0, of: (x) => div(x, add(1, call('abs', x))) },
  // log(1 + eˣ), for large x too.
  softplus: {
    takes: 0,
    of: (x) => add(call('relu', x), call('log', add(1, exp(call('neg', call('abs', x)))))),
  },
  affine: { takes: 2, usual: [1, 0], of: (x, alpha, beta) => add(mul(alpha, x), beta) },
  leakyrelu: {
    takes: 1,
    usual: [0.01],
    of: (x, alpha) => call('choose', call('greater', x, 0), x, mul(alpha, x)),
  },
  thresholdedrelu: {
    takes: 1,
    usual: [1],
    of: (x, alpha) => call('choose', call('greater', x, alpha), x, 0),
  },
  scaledtanh: { takes: 2, usual: [1, 1], of: (x, alpha, beta) => mul(alpha, call('tanh', mul(beta, x))) },
  hardsigmoid: {
    takes: 2,
    usual: [0.2, 0.5],
    of: (x, alpha, beta) => call('max', 0, call('min', 1, add(mul(alpha, x), beta))),
  },
  elu: {
    takes: 1,
    usual: [1],
    of: (x, alpha) => call('choose', call('greater', x, 0), x, mul(alpha, sub(exp(call('min', x, 0)), 1))),
  },
};

/**
 * The functions of a node, direction by direction.
 * @param usual those of one direction where the node names none.
 * @throws UserError for one that ONNX does not have.
 */
export function activationsOf(node: Node, usual: readonly string[], directions: number): Activation[][] {
  const wanted = usual.length * directions;
  const names = attr.strings(node, 'activations', []);
  const all = names.length > 0 ? names : Array.from({ length: directions }, () => usual).flat();
  if (all.length !== wanted)
    fail(`${describe(node)} names ${all.length} activations, not ${wanted}; the model is not valid ONNX.`);
  const alphas = [...attr.floats(node, 'activation_alpha', [])];
  const betas = [...attr.floats(node, 'activation_beta', [])];
  const functions = all.map((name): Activation => {
    const known = named[name.toLowerCase()];
    if (!known)
      fail(
        `${describe(node)} has the activation '${name}'; espalier computes ${Object.keys(named).join(', ')}.`,
        Unsupported,
      );
    const { takes, usual: [first = 0, second = 0] = [0], of } = known;
    const alpha = takes > 0 ? (alphas.shift() ?? first) : 0;
    const beta = takes > 1 ? (betas.shift() ?? second) : 0;
    return (x) => of(x, alpha, beta);
  });
  return Array.from({ length: directions }, (_, d) =>
    functions.slice(d * usual.length, (d + 1) * usual.length),
  );
}
