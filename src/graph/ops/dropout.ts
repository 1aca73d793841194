/** Dropout: while training x·[u ≥ ratio]/(1 − ratio) with u uniform in [0, 1), otherwise x. */
import { random } from '../../base/index.js';
import { attr, type DType } from '../../onnx/index.js';
import { call, input } from '../expression.js';
import { constantOf, type Operator, required, type Site } from '../operator.js';
import { damaged, singles } from './check.js';
import { define } from './define.js';
import { mul } from './elementwise.js';
import { filled, pointwise } from './emit.js';

/** An attribute up to opset 11, input 1 from 12 on. */
function ratioOf(site: Site): number {
  const ratio = Number(constantOf(site, 1, 'ratio')?.data[0] ?? attr.float(site.node, 'ratio', 0.5));
  if (!(ratio >= 0 && ratio < 1))
    damaged(site, `drops with a ratio of ${ratio}, which must be from 0 to below 1`);
  return ratio;
}

/** A node's name as the number of its stream of random numbers. */
const streamOf = (name: string): number => random(0, 'dropout', name).key[0] | 0;

export const dropoutOperators: Record<string, Operator> = {
  Dropout: define({
    takes: 'F F2? B? -> 1..2',
    check: (site) => singles(site, [1, 2]),
    settings: [1, 2],
    dtypes: (site): DType[] => [required(site, 0).dtype, site.opset < 10 ? required(site, 0).dtype : 'bool'],
    expand(site, [x], b) {
      const { shape, laned } = required(site, 0);
      const count = Math.max(1, site.node.outputs.length);
      const ratio = ratioOf(site);
      if (!b.training || ratio === 0) {
        const mask = () => filled(b, shape, 1);
        return count > 1 ? [x, mask()] : [x];
      }
      const [u] = b.emit('uniform', [], { shape, laned, stream: streamOf(site.node.name) });
      const kept = call('greaterEqual', input(1), ratio);
      const result = pointwise(b, mul(mul(input(0), kept), 1 / (1 - ratio)), [x, u]);
      return count > 1 ? [result, pointwise(b, call('greaterEqual', input(0), ratio), [u])] : [result];
    },
  }),
};
