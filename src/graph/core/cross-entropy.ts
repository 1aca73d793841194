/** The loss of a classifier, how many samples it gets right, and the gradient by its logits. */
import { sizeOf } from '../../onnx/index.js';
import { call } from '../expression.js';
import type { ReferenceValue } from '../reference/value.js';
import { at, filled } from './compute.js';
import {
  type CoreOperator,
  type Derivatives,
  meansNothing,
  none,
  touched,
  typesOnly,
  unknown,
} from './operator.js';
import { a, add, b, c, d, formula, mul, sub } from './tangents.js';

export const crossEntropy: CoreOperator<'crossEntropy'> = {
  types: (_, [{ shape }]) => [
    { shape: [1], laned: false },
    { shape: [1], laned: false },
    { shape, laned: true },
  ],
  verify: typesOnly,
  ofNothing: meansNothing,
  work: touched,
  samples: unknown,
  compute({ inputs: [logits, labels, teacher], outputs, options, count }) {
    const { smoothing, teacher: { temperature, weight } = { temperature: 1, weight: 0 } } = options;
    const size = sizeOf(logits.shape);
    let loss = 0;
    let correct = 0;
    const slope = filled(outputs[2], count, (out, s) => {
      const x = at(logits, s);
      const label = at(labels, s)[0];
      if (x.indexOf(x.reduce((a, b) => Math.max(a, b))) === label) correct++;
      const log = logSoftmax(x, 1);
      const soft = logSoftmax(x, temperature);
      const wanted = teacher ? logSoftmax(at(teacher, s), temperature) : soft;
      x.forEach((_, k) => {
        const target = (k === label ? 1 - smoothing : 0) + smoothing / size;
        const q = Math.exp(wanted[k]);
        const gap = -(1 - weight) * target * log[k] + weight * temperature ** 2 * q * (wanted[k] - soft[k]);
        loss += gap / count;
        const pull = weight * temperature * (Math.exp(soft[k]) - q);
        out[k] = ((1 - weight) * (Math.exp(log[k]) - target) + pull) / count;
      });
    });
    const scalar = (value: number): ReferenceValue => ({
      shape: [1],
      laned: false,
      samples: [Float64Array.of(value)],
    });
    return [scalar(loss), scalar(correct), slope];
  },
};

export const crossEntropyDerivatives: Derivatives<'crossEntropy'> = {
  /** It gives the gradient by the logits itself. */
  gradient: none,
  /** Of the slope (softmax − target)/N by the logits. */
  tangent(t, node, [logits], count) {
    const [x] = node.inputs;
    const axes = t.type(x).shape.map((_, i) => i);
    const over = (how: 'sum' | 'max', value: string) => t.emit('reduce', [value], { how, axes })[0];
    /** Of softmax(x/T)·T, by the number of samples. */
    const tangent = (T: number) => {
      const powers = formula(t, call('exp', call('div', sub(a, b), T)), [x, over('max', x)]);
      const softmax = formula(t, call('div', a, b), [powers, over('sum', powers)]);
      const mean = over('sum', formula(t, mul(a, b), [softmax, logits!]));
      return formula(t, call('div', mul(a, sub(b, c)), d), [softmax, logits!, mean, count]);
    };
    const { teacher } = node.options;
    if (!teacher) return [undefined, undefined, tangent(1)];
    const { temperature, weight } = teacher;
    const both = add(mul(a, 1 - weight), mul(b, weight));
    return [undefined, undefined, formula(t, both, [tangent(1), tangent(temperature)])];
  },
};

/** log softmax(x / T). */
function logSoftmax(x: Float64Array, temperature: number): Float64Array {
  const top = x.reduce((a, b) => Math.max(a, b));
  const sum = x.reduce((total, v) => total + Math.exp((v - top) / temperature), 0);
  return x.map((v) => (v - top) / temperature - Math.log(sum));
}
