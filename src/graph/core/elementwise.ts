/** A formula over operands, broadcast as in NumPy. */
import { call, derivative, evaluateExpression, input, substitute } from '../expression.js';
import { broadcast } from '../shapes.js';
import { linedUp } from './apart.js';
import { at, filled, spread } from './compute.js';
import { applied, sumTo } from './derive.js';
import {
  type CoreOperator,
  type Derivatives,
  like,
  meansNothing,
  type Shape,
  touched,
  typesOnly,
} from './operator.js';
import { movedFormula } from './tangents.js';

export const elementwise: CoreOperator<'elementwise'> = {
  types(_, inputs) {
    let shape: Shape = [];
    for (const { shape: other } of inputs) {
      const joined = broadcast(shape, other);
      if (!joined) throw new Error(`Cannot broadcast [${shape}] with [${other}]`);
      shape = joined;
    }
    return [like(inputs, shape)];
  },
  verify: typesOnly,
  ofNothing: meansNothing,
  work: touched,
  samples: linedUp,
  compute({ inputs, outputs, options, count }) {
    const maps = inputs.map((value) => spread(value.shape, outputs[0].shape));
    const operands = inputs.map(() => 0);
    return [
      filled(outputs[0], count, (out, s) => {
        const from = inputs.map((value) => at(value, s));
        for (let k = 0; k < out.length; k++) {
          for (let i = 0; i < from.length; i++) operands[i] = from[i][maps[i][k]];
          out[k] = evaluateExpression(options.expression, operands);
        }
      }),
    ];
  },
};

export const elementwiseDerivatives: Derivatives<'elementwise'> = {
  gradient(t, node, dy, wants) {
    const { expression } = node.options;
    return node.inputs.map((name, k) => {
      if (!wants[k]) return undefined;
      const names = [...node.inputs, node.outputs[0], dy];
      const slope = substitute(derivative(expression, k), input, input(node.inputs.length));
      const part = applied(t, call('mul', slope, input(node.inputs.length + 1)), names);
      return part && sumTo(t, part, name);
    });
  },
  tangent: (t, node, moved) => [
    movedFormula(t, node.options.expression, [...node.inputs, node.outputs[0]], moved),
  ],
};
