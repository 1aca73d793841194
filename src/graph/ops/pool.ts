/** Pools: maximum and average over windows or over the whole image, and LRN, which averages over channels. */
import { fail } from '../../base/index.js';
import { attr } from '../../onnx/index.js';
import type { Window } from '../core.js';
import { call, type Expression, input } from '../expression.js';
import { describe, type Operator, required, type Site, Unsupported } from '../operator.js';
import { windowOutput } from '../shapes.js';
import { countOf, damaged, ranked } from './check.js';
import { define, type Expand } from './define.js';
import { mean, pointwise, positions, type Row, range, reduce } from './emit.js';
import { kernelOf, windowOf } from './geometry.js';

const ceilOf = (site: Site): boolean => attr.int(site.node, 'ceil_mode', 0) !== 0;

const poolWindow = (site: Site): Window => windowOf(site, kernelOf(site), required(site, 0).shape.slice(2));

/** A window that never lies in the padding alone. */
function checkPool(site: Site): void {
  ranked(site, 0, 3);
  const { kernel, dilations, padsBefore, padsAfter } = poolWindow(site);
  const within = kernel.every((k, i) => {
    const reach = dilations[i] * (k - 1) + 1;
    return padsBefore[i] < reach && padsAfter[i] < reach;
  });
  if (!within)
    damaged(site, `has pads [${[...padsBefore, ...padsAfter]}], which a window [${kernel}] does not fill`);
}

const wholeImage = (site: Site): void => ranked(site, 0, 3);

const maxPool: Operator = define({
  takes: 'N -> 1..2',
  check: checkPool,
  expand(site, [x], b) {
    if (site.node.outputs[1]) {
      fail(
        `${describe(site.node)} is asked for the positions of the maxima, which espalier does not compute; use a model without MaxUnpool.`,
        Unsupported,
      );
    }
    return b.emit('maxPool', [x], { window: poolWindow(site), ceil: ceilOf(site) }).slice(0, 1);
  },
});

/** Places that windows along an axis see, at most. */
const mostTaps = 2 ** 26;

/**
 * One row per output along an axis: the window's taps inside the image, weighted by one over their number (average) or
 * by 1. A mean over a box is a mean along each axis in turn, with padding counted or not.
 */
function windowRows(
  w: Window,
  axis: number,
  size: number,
  out: number,
  count: 'inside' | 'padded' | 'one',
): Row[] {
  if (out * w.kernel[axis] > mostTaps) throw new Error(`a window of ${w.kernel[axis]} at ${out} places`);
  return range(out).map((q) => {
    const taps = range(w.kernel[axis]).map(
      (k) => q * w.strides[axis] - w.padsBefore[axis] + k * w.dilations[axis],
    );
    const inside = taps.filter((i) => i >= 0 && i < size);
    const padded = taps.filter((i) => i < size + w.padsAfter[axis]);
    const n = count === 'one' ? 1 : count === 'inside' ? inside.length : padded.length;
    return inside.map((i) => [i, 1 / n]);
  });
}

const sums =
  (counted: (site: Site) => 'inside' | 'padded' | 'one'): Expand =>
  (site, [x], b) => {
    const spatial = required(site, 0).shape.slice(2);
    const window = poolWindow(site);
    const out = windowOutput(spatial, window, ceilOf(site));
    return [
      out.reduce(
        (y, n, axis) => positions(b, y, axis + 2, windowRows(window, axis, spatial[axis], n, counted(site))),
        x,
      ),
    ];
  };

const averagePool: Operator = define({
  takes: 'F -> 1',
  check: checkPool,
  expand: sums((site) => (attr.int(site.node, 'count_include_pad', 0) ? 'padded' : 'inside')),
});

/** (Σ |x|^p)^(1/p) over whatever `sum` adds up. */
const norm =
  (sum: Expand): Expand =>
  (site, [x], b) => {
    const p = countOf(site, 'p', 2);
    const power = pointwise(b, call('pow', call('abs', input(0)), p), [x]);
    const [total] = sum(site, [power], b);
    return [pointwise(b, call('pow', input(0), 1 / p), [total])];
  };

const spatialAxes = (site: Site): number[] => range(required(site, 0).shape.length - 2, 2);

/** Across-channel normalisation (Krizhevsky et al. 2012): x / (bias + α/size · Σ over neighbouring channels x²)^β. */
const lrn: Expand = (site, [x], b) => {
  const { node } = site;
  const size = countOf(site, 'size');
  const channels = b.type(x).shape[1];
  const square = pointwise(b, call('mul', input(0), input(0)), [x]);
  const rows = range(channels).map((c): Row => {
    const from = Math.max(0, c - Math.floor((size - 1) / 2));
    const to = Math.min(channels - 1, c + Math.ceil((size - 1) / 2));
    return range(to - from + 1, from).map((i) => [i, 1]);
  });
  const near: Expression = call('mul', input(1), attr.float(node, 'alpha', 1e-4) / size);
  const base = call('add', near, attr.float(node, 'bias', 1));
  const formula = call('div', input(0), call('pow', base, attr.float(node, 'beta', 0.75)));
  return [pointwise(b, formula, [x, positions(b, square, 1, rows)])];
};

export const poolOperators: Record<string, Operator> = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  LpPool: define({ takes: 'F -> 1', check: checkPool, expand: norm(sums(() => 'one')) }),
  GlobalAveragePool: define({
    takes: 'F -> 1',
    check: wholeImage,
    expand: (site, [x], b) => [mean(b, x, spatialAxes(site))],
  }),
  GlobalMaxPool: define({
    takes: 'F -> 1',
    check: wholeImage,
    expand: (site, [x], b) => [reduce(b, 'max', x, spatialAxes(site))],
  }),
  GlobalLpPool: define({
    takes: 'F -> 1',
    check: wholeImage,
    expand: norm((site, [x], b) => [reduce(b, 'sum', x, spatialAxes(site))]),
  }),
  LRN: define({ takes: 'F -> 1', check: wholeImage, expand: lrn }),
};
