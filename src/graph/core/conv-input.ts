/** The transpose of a convolution: from what it makes to what it reads. */
import { sizeOf } from '../../onnx/index.js';
import type { CoreOptions } from '../core.js';
import { slid } from './apart.js';
import { mustBeCounted, mustBeGroups, mustBeWindow, perAxis, same } from './check.js';
import { at, eachProduct, filled } from './compute.js';
import { type CoreOperator, type Derivatives, like, meansNothing } from './operator.js';
import { bilinear } from './tangents.js';

export const convInput: CoreOperator<'convInput'> = {
  types({ groups, spatial }, inputs) {
    const [dy, w] = inputs;
    return [like(inputs, [dy.shape[0], w.shape[1] * groups, ...spatial])];
  },
  verify(must, { window, groups, spatial }, [dy, w]) {
    mustBeCounted(must, perAxis(window, spatial));
    mustBeGroups(must, groups, dy, w);
    mustBeWindow(must, window, dy.length - 2);
    must(w[0] === dy[1] && same(window.kernel, w.slice(2)), 'weights do not fit');
    must(spatial.length === window.kernel.length, 'the image has other dimensions');
  },
  ofNothing: meansNothing,
  work: (_, [dy, w]) => sizeOf(dy) * sizeOf(w.slice(1)),
  samples: (call) => slid(call, () => (call.options.groups === 1 ? 'meet' : 'unknown')),
  compute({ inputs: [dy, w], outputs, options, count }) {
    return [
      filled(outputs[0], count, (out, s) => {
        const [from, weight] = [at(dy, s), at(w, s)];
        eachProduct(
          options,
          outputs[0].shape,
          w.shape,
          dy.shape,
          (a, b, c) => (out[b] += from[a] * weight[c]),
        );
      }),
    ];
  },
};

export const convInputDerivatives: Derivatives<'convInput'> = {
  gradient(t, node, dx, wants) {
    const [dy, w] = node.inputs;
    const { window, groups } = node.options;
    const padded = exactWindow(window, t.type(dx).shape.slice(2), t.type(dy).shape.slice(2));
    return [
      wants[0] ? t.emit('conv', [dx, w], { window: padded, groups })[0] : undefined,
      wants[1] ? t.emit('convWeight', [dx, dy], { window: padded, groups })[0] : undefined,
    ];
  },
  tangent: bilinear,
};

/** The window with as much padding behind as makes conv's output exactly `out` (transposed convolutions may leave slack). */
function exactWindow(w: CoreOptions['conv']['window'], size: readonly number[], out: readonly number[]) {
  const padsAfter = size.map(
    (n, i) => (out[i] - 1) * w.strides[i] + w.dilations[i] * (w.kernel[i] - 1) + 1 - n - w.padsBefore[i],
  );
  return { ...w, padsAfter };
}
