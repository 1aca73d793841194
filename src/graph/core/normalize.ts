/** BatchNorm's statistics, as a slope and a shift for every channel. */
import { sizeOf } from '../../onnx/index.js';
import { call, input } from '../expression.js';
import type { ReferenceValue } from '../reference/value.js';
import { type CoreOperator, type Derivatives, meansNothing, none, touched, unknown } from './operator.js';
import { a, add, alongChannels, b, c, d, formula, mul, sub, total, zeros } from './tangents.js';

export const normalize: CoreOperator<'normalize'> = {
  types(_, [x]) {
    const vector = { shape: [x.shape[1]], laned: false };
    return [vector, vector, vector, vector];
  },
  verify: (must, _, [x, ...vectors]) =>
    must(x.length > 1 && vectors.every((v) => sizeOf(v) === x[1]), 'vectors do not fit'),
  ofNothing: meansNothing,
  work: touched,
  samples: unknown,
  compute({ inputs: [x, scale, bias, runningMean, runningVariance], options }) {
    const channels = x.shape[1];
    const plane = sizeOf(x.shape.slice(2));
    const n = (x.samples.length * sizeOf(x.shape)) / channels;
    const vector = (f: (c: number) => number): ReferenceValue => ({
      shape: [channels],
      laned: false,
      samples: [Float64Array.from({ length: channels }, (_, c) => f(c))],
    });
    const mean = new Float64Array(channels);
    const variance = new Float64Array(channels);
    const each = (visit: (value: number, c: number) => void) => {
      for (const sample of x.samples) {
        for (let k = 0; k < sample.length; k++) visit(sample[k], Math.floor(k / plane) % channels);
      }
    };
    each((v, c) => (mean[c] += v / n));
    each((v, c) => (variance[c] += (v - mean[c]) ** 2 / n));
    const inverse = vector((c) => 1 / Math.sqrt(variance[c] + options.epsilon));
    const a = vector((c) => scale.samples[0][c] * inverse.samples[0][c]);
    const keep = options.momentum;
    const running = (old: ReferenceValue, now: (c: number) => number) =>
      vector((c) => old.samples[0][c] * keep + now(c) * (1 - keep));
    return [
      a,
      vector((c) => bias.samples[0][c] - mean[c] * a.samples[0][c]),
      vector((c) => mean[c]),
      inverse,
      running(runningMean, (c) => mean[c]),
      running(runningVariance, (c) => (variance[c] * n) / Math.max(1, n - 1)),
    ];
  },
};

export const normalizeDerivatives: Derivatives<'normalize'> = {
  /** The expansion of BatchNormalization says the gradient of the whole. */
  gradient: none,
  /** With x̄ the mean: ẋ̄ = Σẋ/n, variance˙ = 2 Σ(x − x̄)ẋ/n, inv˙ = −inv³ variance˙/2, and a = scale·inv, b = bias − a·x̄. */
  tangent(t, node, [x, scale, bias], count) {
    const [value, factor] = node.inputs;
    const [slope, , mean, inverse] = node.outputs;
    const { shape } = t.type(value);
    const n = formula(t, mul(a, sizeOf(shape) / shape[1]), [count]);
    const none = zeros(t, mean);
    const mean1 = x ? formula(t, call('div', a, b), [total(t, x), n]) : none;
    const spread =
      x && total(t, formula(t, mul(sub(a, b), c), [value, alongChannels(t, mean, shape.length), x]));
    const inverse1 = spread
      ? formula(t, call('neg', call('div', mul(a, a, a, b), c)), [inverse, spread, n])
      : none;
    const slope1 = formula(t, add(mul(a, b), mul(c, d)), [scale ?? none, inverse, factor, inverse1]);
    const shift1 = formula(t, sub(input(4), add(mul(a, b), mul(c, d))), [
      slope1,
      mean,
      slope,
      mean1,
      bias ?? none,
    ]);
    return [slope1, shift1, mean1, inverse1];
  },
};
