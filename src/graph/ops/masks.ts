/**
 * Learnt masks: operators of our own that stand between a weight and the node that uses it while a network is being
 * pruned, so that the engine needs no branch for any method. They never leave in an export.
 *
 * | operator | inputs | training | inference |
 * |---|---|---|---|
 * | ConcreteMask | w, probabilities s, temperature multiplier T, mask | w·σ((logit s + noise)·T), noise ~ Logistic(0, 1) | w·mask |
 * | ThresholdMask | w, threshold t (a scalar) | sign(w)·relu(abs(w) − σ(t)) | the same |
 * | ScoreMask | w, scores, mask | w·mask; the scores get ∂L/∂(w·mask)·w·sign(scores) (straight through) | w·mask |
 *
 * ConcreteMask: ProbMask (Zhou et al. 2021), the binary concrete relaxation of Maddison et al. 2017. With u0, u1 uniform,
 * −log(log(u0)/log(u1)) is the difference of two Gumbel variables. ThresholdMask: STR (Kusupati et al. 2020), g = sigmoid.
 * With m = σ(·) its slope is ∂m/∂s = T·m(1 − m)·(1/(s + ε) + 1/(1 − s + ε)), which is 0 and not NaN where m is 0 or 1.
 * Where m is 0, so is its slope, and where |w| ≤ σ(t), so are both slopes of ThresholdMask: there the gradient by the masked
 * weight is of no use, and is not computed where that is faster. ScoreMask uses all of it.
 * ScoreMask: edge-popup (Ramanujan et al. 2020), whose mask is that of the largest |score|: hence the sign.
 */
import { random } from '../../base/index.js';
import type { Build } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { type Operator, required, type Site } from '../operator.js';
import { weight } from '../roles.js';
import { define } from './define.js';
import { pointwise } from './emit.js';

/**
 * Keeps logarithms finite at probabilities of exactly 0 and 1. It is far from the ends of float32, so no flush of sub-normal numbers and no
 * reciprocal can hurt: divisors lie between 1e-20 and 46 (of the noise, |log u| ≥ 2⁻²⁴), quotients between 1e-9 and 1e20, and ∂m/∂s is at
 * most T·1e20/4. GPUs by WebGPU divide well between 2⁻¹²⁶ and 2¹²⁶.
 */
const EPSILON = 1e-20;

const safeLog = (x: Expression) => call('log', call('add', x, EPSILON));

/** σ((log(s+ε) − log(1−s+ε) − log(log(u0+ε)/log(u1+ε) + ε))·T) over operands s, T, u0, u1 from `first` on. */
export function concrete(first: number): Expression {
  const [s, T, u0, u1] = [0, 1, 2, 3].map((i) => input(first + i));
  const noise = call('neg', safeLog(call('div', safeLog(u0), safeLog(u1))));
  const logit = call('sub', safeLog(s), safeLog(call('sub', 1, s)));
  return call('sigmoid', call('mul', call('add', logit, noise), T));
}

/** ∂m/∂s over operands s, T, m from `first` on. */
export function slope(first: number): Expression {
  const [s, T, m] = [0, 1, 2].map((i) => input(first + i));
  const inverse = (x: Expression) => call('div', 1, call('add', x, EPSILON));
  const spread = call('add', inverse(s), inverse(call('sub', 1, s)));
  return call('mul', call('mul', call('mul', m, call('sub', 1, m)), spread), T);
}

function concreteMask(site: Site, [w, s, T, mask]: readonly string[], b: Build): string[] {
  if (!b.training) return [pointwise(b, call('mul', input(0), input(1)), [w, mask])];
  const { shape } = required(site, 0);
  const draw = (label: string) => {
    const stream = random(0, 'concrete', label, site.node.name).key[0] | 0;
    return b.emit('uniform', [], { shape, laned: false, stream })[0];
  };
  const through = (t: Build, dy: string): string[] => [
    pointwise(t, call('mul', input(0), slope(1)), [dy, s, T, soft]),
  ];
  const [soft]: string[] = b.emit(
    'elementwise',
    [s, T, draw('u0'), draw('u1')],
    { expression: concrete(0) },
    through,
  );
  const masked = pointwise(b, call('mul', input(0), input(1)), [w, soft]);
  b.pattern(masked, soft);
  return [masked];
}

function thresholdMask(_: Site, [w, t]: readonly string[], b: Build): string[] {
  const excess = call('relu', call('sub', call('abs', input(0)), call('sigmoid', input(1))));
  const masked = pointwise(b, call('mul', call('sign', input(0)), excess), [w, t]);
  b.pattern(masked, masked);
  return [masked];
}

function scoreMask(_: Site, [w, scores, mask]: readonly string[], b: Build): string[] {
  const product = call('mul', input(0), input(1));
  const signed = call('mul', product, call('sign', input(2)));
  const through = (t: Build, dy: string) => [
    pointwise(t, product, [dy, mask]),
    undefined,
    pointwise(t, signed, [dy, w, scores]),
  ];
  return b.emit('elementwise', [w, mask, scores], { expression: product }, through);
}

/** Keyed by name within the domain 'espalier'. */
export const maskOperators: Record<string, Operator> = {
  ConcreteMask: define({
    takes: 'F F F F -> 1',
    roles: { 0: weight(0), 1: { is: 'score' }, 2: { is: 'statistic' }, 3: { is: 'statistic' } },
    expand: concreteMask,
  }),
  ThresholdMask: define({
    takes: 'F F -> 1',
    roles: { 0: weight(0), 1: { is: 'score' } },
    expand: thresholdMask,
  }),
  ScoreMask: define({
    takes: 'F F F -> 1',
    roles: { 0: weight(0), 1: { is: 'score' }, 2: { is: 'statistic' } },
    expand: scoreMask,
  }),
};
