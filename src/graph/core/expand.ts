/** Axes of one element repeated. */
import { broadcast } from '../shapes.js';
import { linedUp } from './apart.js';
import { same } from './check.js';
import { moved, spread } from './compute.js';
import { sumTo } from './derive.js';
import { type CoreOperator, type Derivatives, like, meansNothing, touched } from './operator.js';
import { linear } from './tangents.js';

export const expand: CoreOperator<'expand'> = {
  types: ({ shape }, inputs) => [like(inputs, shape)],
  verify: (must, { shape }, [x]) => {
    const joined = broadcast(x, shape);
    must(joined !== undefined && same(joined, shape), `cannot be repeated to [${shape}]`);
  },
  ofNothing: meansNothing,
  work: touched,
  samples: linedUp,
  compute: (call) => moved(call, spread(call.inputs[0].shape, call.outputs[0].shape)),
};

export const expandDerivatives: Derivatives<'expand'> = {
  gradient: (t, node, dy) => [sumTo(t, dy, node.inputs[0])],
  tangent: linear,
};
