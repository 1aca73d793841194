/** What arrives at the winners of a pool goes back to where they were. */
import { sizeOf } from '../../onnx/index.js';
import { at, eachTap, filled } from './compute.js';
import {
  type CoreOperator,
  type Derivatives,
  like,
  meansNothing,
  none,
  touched,
  typesOnly,
  unknown,
} from './operator.js';
import { linear } from './tangents.js';

export const maxPoolInput: CoreOperator<'maxPoolInput'> = {
  types: ({ spatial }, inputs) => [like(inputs, [...inputs[0].shape.slice(0, 2), ...spatial])],
  verify: typesOnly,
  ofNothing: meansNothing,
  work: touched,
  samples: unknown,
  compute({ inputs: [dy, winners], outputs, options, count }) {
    const [input, output] = [options.spatial, dy.shape.slice(2)];
    const [planeX, planeY] = [sizeOf(input), sizeOf(output)];
    return [
      filled(outputs[0], count, (out, s) => {
        const [from, winner] = [at(dy, s), at(winners, s)];
        for (let plane = 0; plane * planeY < from.length; plane++) {
          eachTap(options.window, input, output, (to, i, tap) => {
            if (winner[plane * planeY + to] === tap) out[plane * planeX + i] += from[plane * planeY + to];
          });
        }
      }),
    ];
  },
};

export const maxPoolInputDerivatives: Derivatives<'maxPoolInput'> = {
  /** Of second order, which tangents give. */
  gradient: none,
  tangent: linear,
};
