/** The two numbers per channel by which BatchNorm's statistics enter the gradient of its input. */
import { call, input } from '../expression.js';
import { filled } from './compute.js';
import {
  type CoreOperator,
  type Derivatives,
  meansNothing,
  none,
  touched,
  typesOnly,
  unknown,
} from './operator.js';
import { movedFormula, mul, sub } from './tangents.js';

export const normalizeInput: CoreOperator<'normalizeInput'> = {
  types: (_, [{ shape }]) => [
    { shape, laned: false },
    { shape, laned: false },
  ],
  verify: typesOnly,
  ofNothing: meansNothing,
  work: touched,
  samples: unknown,
  compute({ inputs, outputs, options, count }) {
    const [sum, product, a, mean, inverse] = inputs.map((value) => value.samples[0]);
    const n = options.count * count;
    const p = filled(outputs[0], 1, (out) => {
      for (let c = 0; c < out.length; c++) out[c] = (-a[c] * inverse[c] * product[c]) / n;
    });
    const q = filled(outputs[1], 1, (out) => {
      for (let c = 0; c < out.length; c++) out[c] = (a[c] * (mean[c] * inverse[c] * product[c] - sum[c])) / n;
    });
    return [p, q];
  },
};

export const normalizeInputDerivatives: Derivatives<'normalizeInput'> = {
  /** Of second order, which tangents give. */
  gradient: none,
  /** p = −a·inv·dot/n and q = a·(mean·inv·dot − sum)/n, of the inputs sum, dot, a, mean and inv. */
  tangent(t, node, moved, count) {
    const [total1, dot, slope, mean, inverse, n] = Array.from({ length: 6 }, (_, i) => input(i));
    const over = mul(n, node.options.count);
    const p = call('neg', call('div', mul(slope, inverse, dot), over));
    const q = call('div', mul(slope, sub(mul(mean, inverse, dot), total1)), over);
    return [p, q].map((expression, i) =>
      movedFormula(t, expression, [...node.inputs, count, node.outputs[i]], moved),
    );
  },
};
