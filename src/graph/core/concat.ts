import { agreed, axisOf } from './apart.js';
import { offsets, placed, strides } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing, touched } from './operator.js';
import { zeros } from './tangents.js';

export const concat: CoreOperator<'concat'> = {
  types({ axis }, inputs) {
    const total = inputs.reduce((sum, { shape }) => sum + shape[axis], 0);
    return [
      like(
        inputs,
        inputs[0].shape.map((dim, i) => (i === axis ? total : dim)),
      ),
    ];
  },
  verify(must, { axis }, inputs) {
    const [first] = inputs;
    must(axis in first, `no axis ${axis}`);
    must(
      inputs.every((x) => x.length === first.length && x.every((dim, i) => i === axis || dim === first[i])),
      `do not join along axis ${axis}`,
    );
  },
  ofNothing: meansNothing,
  work: touched,
  samples(call) {
    const held = call.operands.map(
      ({ shape, apart }) => typeof apart === 'number' && axisOf(shape, apart, call.count)?.axis,
    );
    return held.includes(call.options.axis) ? 'unknown' : agreed(call, (found) => found);
  },
  compute(call) {
    const { axis } = call.options;
    const steps = strides(call.outputs[0].shape);
    let start = 0;
    const maps = call.inputs.map(({ shape }) => {
      const map = offsets(shape, steps, start);
      start += shape[axis] * steps[axis];
      return map;
    });
    return placed(call, maps);
  },
};

export const concatDerivatives: Derivatives<'concat'> = {
  gradient(t, node, dy, wants) {
    let from = 0;
    return node.inputs.map((name, k) => {
      const { shape } = t.type(name);
      const starts = shape.map((_, i) => (i === node.options.axis ? from : 0));
      from += shape[node.options.axis];
      return wants[k]
        ? t.emit('slice', [dy], { starts, steps: shape.map(() => 1), sizes: shape })[0]
        : undefined;
    });
  },
  tangent: (t, node, moved) => [
    t.emit(
      'concat',
      moved.map((tangent, i) => tangent ?? zeros(t, node.inputs[i])),
      node.options,
    )[0],
  ],
};
