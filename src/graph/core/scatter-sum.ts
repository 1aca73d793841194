/** Rows added up where a table was read. */
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
import { linear } from './tangents.js';

export const scatterSum: CoreOperator<'scatterSum'> = {
  types: ({ rows }, [dy]) => [{ shape: [rows, dy.shape[1]], laned: false }],
  verify: typesOnly,
  ofNothing: meansNothing,
  work: touched,
  samples: unknown,
  compute({ inputs: [dy, indices], outputs, count }) {
    const width = dy.shape[1];
    return [
      filled(outputs[0], 1, (out) => {
        for (let s = 0; s < (dy.laned || indices.laned ? count : 1); s++) {
          at(indices, s).forEach((row, i) => {
            for (let k = 0; k < width; k++) out[row * width + k] += at(dy, s)[i * width + k];
          });
        }
      }),
    ];
  },
};

export const scatterSumDerivatives: Derivatives<'scatterSum'> = {
  /** Of second order, which tangents give. */
  gradient: none,
  tangent: linear,
};
