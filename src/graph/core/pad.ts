import { alongFirst } from './apart.js';
import { isCount } from './check.js';
import { offsets, placed, strides } from './compute.js';
import { type CoreOperator, type Derivatives, like, touched } from './operator.js';
import { linear } from './tangents.js';

export const pad: CoreOperator<'pad'> = {
  types: ({ before, after }, inputs) => [
    like(
      inputs,
      inputs[0].shape.map((dim, i) => dim + before[i] + after[i]),
    ),
  ],
  verify(must, { before, after }, [x]) {
    must(before.length === x.length && after.length === x.length, 'not every axis is named');
    must(
      [...before, ...after].every((n) => isCount(Math.abs(n))),
      `no padding [${before}], [${after}]`,
    );
    must(
      x.every((dim, i) => dim + Math.min(0, before[i]) + Math.min(0, after[i]) >= 0),
      'more is cut off than there is',
    );
  },
  ofNothing: ({ value }) => value,
  work: touched,
  samples: (call) =>
    alongFirst(call, (found) => {
      const { before, after } = call.options;
      return before[found.axis] === 0 && after[found.axis] === 0 ? found : 'unknown';
    }),
  compute(call) {
    const steps = strides(call.outputs[0].shape);
    const start = call.options.before.reduce((sum, n, i) => sum + n * steps[i], 0);
    return placed(call, [offsets(call.inputs[0].shape, steps, start)], call.options.value);
  },
};

export const padDerivatives: Derivatives<'pad'> = {
  gradient(t, node, dy) {
    const { shape } = t.type(node.inputs[0]);
    return [
      t.emit('slice', [dy], { starts: node.options.before, steps: shape.map(() => 1), sizes: shape })[0],
    ];
  },
  tangent: (t, node, moved) => linear(t, { ...node, options: { ...node.options, value: 0 } }, moved),
};
