/** Softmax and LogSoftmax. */
import { attr } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { call, input } from '../expression.js';
import { axisOf, type Operator, required, type Site } from '../operator.js';
import { define } from './define.js';
import { div, sub } from './elementwise.js';
import { pointwise, range, reduce } from './emit.js';

const [x, y] = [input(0), input(1)];

/** From opset 13 on one axis (default the last); before, all axes from `axis` (default 1) on, together. */
function axesOf(site: Site): number[] {
  const rank = required(site, 0).shape.length;
  if (site.opset >= 13) return [axisOf(site, attr.int(site.node, 'axis', -1), rank)];
  const first = attr.int(site.node, 'axis', 1);
  const axis = first === rank ? rank : axisOf(site, first, rank);
  return range(rank - axis, axis);
}

/** x − max x, whose gradient is dy: the maximum is there against overflow and cancels in the result. */
function shifted(b: Build, value: string, axes: readonly number[]): string {
  const top = reduce(b, 'max', value, axes);
  return pointwise(b, sub(x, y), [value, top], (_, dy) => [dy, undefined]);
}

/** eˣ over its sum along `axes`. */
export function softmax(b: Build, value: string, axes: readonly number[]): string {
  const powers = pointwise(b, call('exp', x), [shifted(b, value, axes)]);
  return pointwise(b, div(x, y), [powers, reduce(b, 'sum', powers, axes)]);
}

export const softmaxOperators: Record<string, Operator> = {
  Softmax: define({
    takes: 'F -> 1',
    answers: 'probabilities',
    expand: (site, [value], b) => [softmax(b, value, axesOf(site))],
  }),
  LogSoftmax: define({
    takes: 'F -> 1',
    answers: 'log-probabilities',
    expand(site, [value], b) {
      const axes = axesOf(site);
      const low = shifted(b, value, axes);
      const sum = reduce(b, 'sum', pointwise(b, call('exp', x), [low]), axes);
      return [pointwise(b, sub(x, call('log', y)), [low, sum])];
    },
  }),
};
