import { alongFirst } from './apart.js';
import { same } from './check.js';
import { moved, offsets, strides } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing, touched } from './operator.js';
import { linear } from './tangents.js';

export const transpose: CoreOperator<'transpose'> = {
  types: ({ order }, inputs) => [
    like(
      inputs,
      order.map((i) => inputs[0].shape[i]),
    ),
  ],
  verify: (must, { order }, [x]) =>
    must(
      same(
        [...order].sort((a, b) => a - b),
        x.map((_, i) => i),
      ),
      `no order [${order}]`,
    ),
  ofNothing: meansNothing,
  work: touched,
  samples: (call) =>
    alongFirst(call, ({ axis, inner }) => ({ axis: call.options.order.indexOf(axis), inner })),
  compute(call) {
    const steps = strides(call.inputs[0].shape);
    return moved(
      call,
      offsets(
        call.outputs[0].shape,
        call.options.order.map((i) => steps[i]),
      ),
    );
  },
};

export const transposeDerivatives: Derivatives<'transpose'> = {
  gradient(t, node, dy) {
    const order: number[] = [];
    for (const [to, from] of node.options.order.entries()) order[from] = to;
    return [t.emit('transpose', [dy], { order })[0]];
  },
  tangent: linear,
};
