/** The largest of every window, and which tap of the window it was. */
import { sizeOf } from '../../onnx/index.js';
import { call } from '../expression.js';
import { windowOutput } from '../shapes.js';
import { slid } from './apart.js';
import { mustBeCounted, mustBeWindow } from './check.js';
import { at, eachTap, filled } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing } from './operator.js';
import { a, b, c, formula, zeros } from './tangents.js';

export const maxPool: CoreOperator<'maxPool'> = {
  types({ window, ceil }, inputs) {
    const [{ shape }] = inputs;
    const result = like(inputs, [...shape.slice(0, 2), ...windowOutput(shape.slice(2), window, ceil)]);
    return [result, result];
  },
  verify(must, { window }, [x], [y]) {
    mustBeCounted(must, [sizeOf(y.slice(2)) * sizeOf(window.kernel)]);
    must(x.length > 2, 'no image');
    mustBeWindow(must, window, x.length - 2);
  },
  ofNothing: meansNothing,
  work: ({ window }, _, [y]) => sizeOf(y) * sizeOf(window.kernel),
  samples: (call) => slid(call, (found) => found),
  compute({ inputs: [x], outputs, options, count }) {
    const [input, output] = [x.shape.slice(2), outputs[0].shape.slice(2)];
    const [planeX, planeY] = [sizeOf(input), sizeOf(output)];
    const winners = filled(outputs[1], count, () => {});
    const y = filled(outputs[0], count, (out, s) => {
      const from = at(x, s);
      const winner = at(winners, s);
      out.fill(-Infinity);
      for (let plane = 0; plane * planeY < out.length; plane++) {
        eachTap(options.window, input, output, (to, i, tap) => {
          const value = from[plane * planeX + i];
          if (!(value > out[plane * planeY + to])) return;
          out[plane * planeY + to] = value;
          winner[plane * planeY + to] = tap;
        });
      }
    });
    return [y, winners];
  },
};

export const maxPoolDerivatives: Derivatives<'maxPool'> = {
  gradient(t, node, dy) {
    const spatial = t.type(node.inputs[0]).shape.slice(2);
    return [t.emit('maxPoolInput', [dy, node.outputs[1]], { ...node.options, spatial })[0]];
  },
  /** The tap that won, of taps that are slices of the padded input. */
  tangent(t, node, [x]) {
    const [value, winners] = node.outputs;
    const { kernel, strides, dilations, padsBefore } = node.options.window;
    const spatial = t.type(node.inputs[0]).shape.slice(2);
    const sizes = t.type(value).shape;
    const reach = (n: number, i: number) => (sizes[i + 2] - 1) * strides[i] + dilations[i] * (n - 1) + 1;
    const after = kernel.map((n, i) => Math.max(0, reach(n, i) - spatial[i] - padsBefore[i]));
    const padded = t.emit('pad', [x!], {
      before: [0, 0, ...padsBefore],
      after: [0, 0, ...after],
      value: 0,
    })[0];
    let result = zeros(t, winners);
    for (let tap = 0; tap < sizeOf(kernel); tap++) {
      let rest = tap;
      const place = [...kernel]
        .reverse()
        .map((n) => {
          const k = rest % n;
          rest = (rest - k) / n;
          return k;
        })
        .reverse();
      const starts = [0, 0, ...place.map((k, i) => k * dilations[i])];
      const [slice] = t.emit('slice', [padded], { starts, steps: [1, 1, ...strides], sizes });
      result = formula(t, call('choose', call('equal', a, tap), b, c), [winners, slice, result]);
    }
    return [result];
  },
};
