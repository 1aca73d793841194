/** The gradient of a convolution by its weight, summed over samples. */
import { sizeOf } from '../../onnx/index.js';
import { isCount, mustBeWindow } from './check.js';
import { at, eachProduct, filled } from './compute.js';
import { type CoreOperator, type Derivatives, meansNothing, none, unknown } from './operator.js';
import { bilinear } from './tangents.js';

export const convWeight: CoreOperator<'convWeight'> = {
  types: ({ groups, window }, [x, dy]) => [
    { shape: [dy.shape[1], x.shape[1] / groups, ...window.kernel], laned: false },
  ],
  verify(must, { window, groups }, [x, dy]) {
    mustBeWindow(must, window, x.length - 2);
    must(isCount(groups) && groups > 0 && x[1] % groups === 0 && dy[1] % groups === 0, `${groups} groups`);
  },
  ofNothing: meansNothing,
  work: (_, [, dy], [dw]) => sizeOf(dy) * sizeOf(dw.slice(1)),
  samples: unknown,
  compute({ inputs: [x, dy], outputs, options, count }) {
    return [
      filled(outputs[0], count, (out) => {
        for (let s = 0; s < (x.laned || dy.laned ? count : 1); s++) {
          const [from, by] = [at(x, s), at(dy, s)];
          eachProduct(options, x.shape, outputs[0].shape, dy.shape, (a, b, c) => (out[c] += from[b] * by[a]));
        }
      }),
    ];
  },
};

export const convWeightDerivatives: Derivatives<'convWeight'> = {
  /** Of second order, which tangents give. */
  gradient: none,
  tangent: bilinear,
};
