/** Convolution of images [B, C, …] with filters [O, C/groups, …kernel] and an optional bias. */
import { sizeOf } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { windowOutput } from '../shapes.js';
import { slid } from './apart.js';
import { mustBeCounted, mustBeGroups, mustBeWindow, perAxis, same } from './check.js';
import { at, eachProduct, filled } from './compute.js';
import { reshaped } from './derive.js';
import { type CoreOperator, type Derivatives, like, meansNothing } from './operator.js';
import { alongChannels, bilinear, sumOf } from './tangents.js';

export const conv: CoreOperator<'conv'> = {
  types({ window }, inputs) {
    const [x, w] = inputs;
    return [like(inputs, [x.shape[0], w.shape[0], ...windowOutput(x.shape.slice(2), window)])];
  },
  verify(must, { window, groups }, [x, w, bias], [y]) {
    mustBeCounted(must, perAxis(window, y.slice(2)));
    mustBeGroups(must, groups, x, w);
    mustBeWindow(must, window, x.length - 2);
    must(w[1] * groups === x[1] && same(window.kernel, w.slice(2)), 'weights do not fit');
    must(!bias || sizeOf(bias) === w[0], 'the bias does not fit');
  },
  ofNothing: meansNothing,
  work: (_, [, w], [y]) => sizeOf(y) * sizeOf(w.slice(1)),
  samples: (call) => slid(call, () => (call.options.groups === 1 ? 'meet' : 'unknown')),
  compute({ inputs: [x, w, bias], outputs, options, count }) {
    const { shape } = outputs[0];
    const plane = sizeOf(shape.slice(2));
    return [
      filled(outputs[0], count, (out, s) => {
        const [from, weight] = [at(x, s), at(w, s)];
        for (let k = 0; bias && k < out.length; k++) out[k] = at(bias, s)[Math.floor(k / plane) % shape[1]];
        eachProduct(options, x.shape, w.shape, shape, (a, b, c) => (out[a] += from[b] * weight[c]));
      }),
    ];
  },
};

export const convDerivatives: Derivatives<'conv'> = {
  gradient(t, node, dy, wants) {
    const [x, w, bias] = node.inputs;
    const { window, groups } = node.options;
    return [
      wants[0]
        ? t.emit('convInput', [dy, w], { window, groups, spatial: t.type(x).shape.slice(2) })[0]
        : undefined,
      wants[1] ? t.emit('convWeight', [x, dy], { window, groups })[0] : undefined,
      wants[2] ? channelSum(t, dy, bias) : undefined,
    ];
  },
  tangent(t, node, moved) {
    const bias = moved[2] && alongChannels(t, moved[2], t.type(node.outputs[0]).shape.length);
    return [sumOf(t, [...bilinear(t, node, moved), bias])];
  },
};

/** Σ over everything but axis 1, shaped like the bias. */
function channelSum(t: Build, dy: string, bias: string): string {
  const axes = t
    .type(dy)
    .shape.map((_, i) => i)
    .filter((i) => i !== 1);
  const sum = t.emit('reduce', [dy], { how: 'sum', axes, across: t.type(dy).laned })[0];
  return reshaped(t, sum, t.type(bias).shape);
}
