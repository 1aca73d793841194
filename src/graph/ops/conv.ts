/** Conv and ConvTranspose. */

import { fail } from '../../base/index.js';
import { attr, int, sizeOf } from '../../onnx/index.js';
import type { Build, Window } from '../core.js';
import { call, input } from '../expression.js';
import { DependsOnData, describe, type Operator, type Resized, required, type Site } from '../operator.js';
import { bias, weight } from '../roles.js';
import { windowOutput } from '../shapes.js';
import { countOf, damaged, unfit, vectors } from './check.js';
import { define } from './define.js';
import { along, expand, pointwise, range, reshape, slice } from './emit.js';
import { autoPad, outside, padsOf, perAxis, shared, windowOf } from './geometry.js';

const groupsOf = (site: Site): number => countOf(site, 'group', 1);

/** How many groups there are once channels are removed. */
const regrouped = (site: Site, groups: number): Resized =>
  groupsOf(site) === groups ? {} : { attributes: { group: int(groups) } };

/** Shapes of image and weights. @throws UserError where they do not fit. */
function operands(
  site: Site,
  channels: (w: readonly number[]) => number,
): [readonly number[], readonly number[]] {
  const [x, w] = [required(site, 0), required(site, 1)];
  if (x.shape.length !== w.shape.length || x.shape.length < 3 || x.shape[1] !== channels(w.shape)) {
    fail(
      `${describe(site.node)} has weights of shape [${w.shape}] for an input of shape [${x.shape}]; the model is damaged, or an input shape was given that it is not made for.`,
    );
  }
  return [x.shape, w.shape];
}

/** Groups that divide what they part, `bias` numbers of it, and a kernel_shape, where there is one, that is the weights'. */
function checkConv(site: Site, bias: (w: readonly number[], groups: number) => number): void {
  const groups = groupsOf(site);
  const { shape: w } = required(site, 1);
  if (w[0] % groups !== 0) unfit(site, `parts weights of shape [${w}] into ${groups} groups`);
  if (site.node.attributes.pads && autoPad(site) !== 'NOTSET') damaged(site, `has both auto_pad and pads`);
  if (w.includes(0)) damaged(site, `has weights of shape [${w}]`);
  vectors(site, [2], bias(w, groups), 'channels');
  const kernel = attr.ints(site.node, 'kernel_shape', w.slice(2) as number[]);
  if (`${kernel}` !== `${w.slice(2)}`)
    damaged(site, `has kernel_shape [${kernel}] and weights of shape [${w}]`);
}

/**
 * A convolution whose weights differ from sample to sample: what every tap of the window sees, side by side, times the
 * weights of each group as a matrix.
 */
function unfolded(b: Build, x: string, w: string, window: Window, groups: number): string {
  const [batch, channels] = b.type(x).shape;
  const [out, within, ...kernel] = b.type(w).shape;
  const flat = (list: readonly number[]) => [0, 0, ...list];
  const padded = b.emit('pad', [x], {
    before: flat(window.padsBefore),
    after: flat(window.padsAfter),
    value: 0,
  })[0];
  const spatial = windowOutput(b.type(x).shape.slice(2), window);
  const pixels = sizeOf(spatial);
  const taps = range(sizeOf(kernel)).map((tap) => {
    const at = kernel.map((size, i) => Math.floor(tap / sizeOf(kernel.slice(i + 1))) % size);
    const starts = flat(at.map((k, i) => k * window.dilations[i]));
    const seen = slice(b, padded, starts, [batch, channels, ...spatial], [1, 1, ...window.strides]);
    return reshape(b, seen, [batch, groups, within, 1, pixels]);
  });
  const columns = taps.length === 1 ? taps[0] : b.emit('concat', taps, { axis: 3 })[0];
  const rows = within * taps.length;
  const filters = reshape(b, w, [1, groups, out / groups, rows]);
  const y = b.emit(
    'matmul',
    [
      expand(b, filters, [batch, groups, out / groups, rows]),
      reshape(b, columns, [batch, groups, rows, pixels]),
    ],
    {},
  )[0];
  return reshape(b, y, [batch, out, ...spatial]);
}

const biased = (b: Build, y: string, bias: string | undefined): string =>
  bias ? pointwise(b, call('add', input(0), input(1)), [y, along(b, bias, 1, b.type(y).shape.length)]) : y;

const conv: Operator = define({
  takes: 'F F F? -> 1',
  check(site) {
    operands(site, (shape) => shape[1] * groupsOf(site));
    checkConv(site, ([out]) => out);
  },
  roles: { 1: weight(0, 1), 2: bias },
  resize: (site, [x, w]) => regrouped(site, x![1].length / w![1].length),
  macs: (site, [y]) => sizeOf(y.shape) * sizeOf(required(site, 1).shape.slice(1)),
  expand(site, inputs, b) {
    const groups = groupsOf(site);
    const [x, w] = operands(site, (shape) => shape[1] * groups);
    const window = windowOf(site, w.slice(2), x.slice(2));
    const [image, weights, bias] = inputs;
    if (b.type(weights).laned) return [biased(b, unfolded(b, image, weights, window, groups), bias)];
    if (bias && !b.type(bias).laned) return b.emit('conv', [image, weights, bias], { window, groups });
    return [biased(b, b.emit('conv', [image, weights], { window, groups })[0], bias)];
  },
});

/**
 * Size and padding of a transposed convolution: with `pads`, size = stride·(n−1) + output_padding + reach − pads; with
 * `output_shape` or SAME_… (stride·n, or the full size where that is less), the size is given and the padding follows.
 */
function transposed(
  site: Site,
  x: readonly number[],
  w: readonly number[],
): { window: Window; spatial: number[] } {
  const { node } = site;
  const kernel = w.slice(2);
  const rank = kernel.length;
  const strides = perAxis(site, 'strides', rank);
  const dilations = perAxis(site, 'dilations', rank);
  const slack = perAxis(site, 'output_padding', rank, 0);
  const full = kernel.map((k, i) => strides[i] * (x[i + 2] - 1) + slack[i] + dilations[i] * (k - 1) + 1);
  const auto = autoPad(site);
  const wanted =
    attr.ints(node, 'output_shape', undefined)?.slice(-rank) ??
    (auto.startsWith('SAME') ? full.map((n, i) => Math.min(n, x[i + 2] * strides[i])) : undefined);
  if (wanted) {
    if (wanted.length !== rank || wanted.some((n) => !(n >= 1 && n < outside)))
      damaged(site, `has output_shape [${wanted}] for ${rank} spatial dimensions`);
    const total = full.map((n, i) => Math.max(0, n - wanted[i]));
    return {
      window: { kernel, strides, dilations, ...shared(total, auto === 'SAME_UPPER') },
      spatial: wanted,
    };
  }
  const pads = auto === 'VALID' ? kernel.flatMap(() => [0, 0]) : padsOf(site, rank);
  const [padsBefore, padsAfter] = [pads.slice(0, rank), pads.slice(rank)];
  const spatial = full.map((n, i) => n - padsBefore[i] - padsAfter[i]);
  if (spatial.some((n) => n < 1)) unfit(site, `cuts pads [${pads}] off an image of size [${full}]`);
  return { window: { kernel, strides, dilations, padsBefore, padsAfter }, spatial };
}

/** Shapes do not mind whether weights come from data. */
const sized = (operator: Operator): Operator => ({
  ...operator,
  infer(site) {
    const inputs = site.inputs.map((type, i) => (i === 1 && type ? { ...type, laned: false } : type));
    return operator.infer({ ...site, inputs });
  },
});

const convTranspose: Operator = define({
  takes: 'F F F? -> 1',
  check(site) {
    operands(site, (shape) => shape[0]);
    checkConv(site, (w, groups) => w[1] * groups);
  },
  roles: { 1: weight(1, 1), 2: bias },
  resize: (site, [, w], [y]) => regrouped(site, y[1].length / w![1].length),
  macs: (site) => sizeOf(required(site, 0).shape) * sizeOf(required(site, 1).shape.slice(1)),
  expand(site, [x, w, bias], b) {
    const shapes = operands(site, (shape) => shape[0]);
    if (b.type(w).laned)
      fail(
        `${describe(site.node)} computes its weights from data, which espalier does not do.`,
        DependsOnData,
      );
    const { window, spatial } = transposed(site, ...shapes);
    const [y] = b.emit('convInput', [x, w], { window, groups: groupsOf(site), spatial });
    return [biased(b, y, bias)];
  },
});

export const convOperators: Record<string, Operator> = {
  Conv: conv,
  ConvTranspose: sized(convTranspose),
};
