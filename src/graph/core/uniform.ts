/** Random numbers in [0, 1). */
import { uniform as drawn, random } from '../../base/index.js';
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

export const uniform: CoreOperator<'uniform'> = {
  types: ({ shape, laned }) => [{ shape, laned }],
  verify: typesOnly,
  ofNothing: meansNothing,
  work: touched,
  samples: unknown,
  compute({ outputs, options, count, seed }) {
    return [
      filled(outputs[0], count, (out, s) => {
        const stream = random(seed, options.stream, s);
        for (let k = 0; k < out.length; k++) out[k] = drawn(stream);
      }),
    ];
  },
};

export const uniformDerivatives: Derivatives<'uniform'> = {
  /** Nothing comes in. */
  gradient: none,
  /** Nothing moves it. */
  tangent: none,
};
