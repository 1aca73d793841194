/** CumSum: sums of everything up to a place, as position ids of RoBERTa are made. */
import { attr } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { input } from '../expression.js';
import { axisOf, constantInts, type Operator, required, type Site } from '../operator.js';
import { ranked, singles } from './check.js';
import { define } from './define.js';
import { add } from './elementwise.js';
import { cut, pointwise } from './emit.js';

const axisIn = (site: Site): number =>
  axisOf(site, constantInts(site, 1, 'axis')![0], required(site, 0).shape.length);

/** The value moved along an axis, zeros before it; or, moved back, behind it. */
function moved(b: Build, x: string, axis: number, by: number): string {
  const { shape } = b.type(x);
  const kept = cut(b, x, axis, Math.max(0, -by), shape[axis] - Math.abs(by));
  const at = (n: number) => shape.map((_, i) => (i === axis ? Math.max(0, n) : 0));
  return b.emit('pad', [kept], { before: at(by), after: at(-by), value: 0 })[0];
}

/** Sums over 2, 4, 8, … neighbours, each the sum of two of the one before. */
export const cumulateOperators: Record<string, Operator> = {
  CumSum: define({
    takes: 'N I -> 1',
    check(site) {
      ranked(site, 0, 1);
      singles(site, [1]);
    },
    settings: [1],
    fixed: (site) => [[axisIn(site)]],
    expand(site, [x], b) {
      const { shape } = required(site, 0);
      const axis = axisIn(site);
      const sign = attr.int(site.node, 'reverse', 0) ? -1 : 1;
      const size = shape[axis];
      if (size === 0) return [x];
      let sum = attr.int(site.node, 'exclusive', 0) ? moved(b, x, axis, sign) : x;
      for (let reach = 1; reach < size; reach *= 2)
        sum = pointwise(b, add(input(0), input(1)), [sum, moved(b, sum, axis, sign * reach)]);
      return [sum];
    },
  }),
};
