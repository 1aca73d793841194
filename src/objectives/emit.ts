/** Losses of one sample, written with core operators. */
import {
  type Build,
  call,
  type Expression,
  expand,
  input,
  pointwise,
  reduce,
  reshape,
  softmax,
} from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';

const [a, b, c] = [input(0), input(1), input(2)];
const add = (x: Expression, y: Expression) => call('add', x, y);
const sub = (x: Expression, y: Expression) => call('sub', x, y);
const mul = (x: Expression, y: Expression) => call('mul', x, y);

/** Σ of all elements · factor, of shape [1]. */
export function total(t: Build, value: string, factor = 1): string {
  const { shape } = t.type(value);
  const sum =
    shape.length === 0
      ? value
      : reduce(
          t,
          'sum',
          value,
          shape.map((_, axis) => axis),
        );
  const scaled = factor === 1 ? sum : pointwise(t, mul(a, factor), [sum]);
  return reshape(t, scaled, [1]);
}

/** The mean of all elements · factor. */
export const mean = (t: Build, value: string, factor = 1): string =>
  total(t, value, factor / sizeOf(t.type(value).shape));

/** The sum of losses, each with its weight. */
export function weighted(t: Build, losses: readonly string[], weights: readonly number[]): string {
  const scaled = losses.map((loss, i) =>
    weights[i] === 1 ? loss : pointwise(t, mul(a, weights[i]), [loss]),
  );
  return scaled.reduce((sum, loss) => pointwise(t, add(a, b), [sum, loss]));
}

/** (x − y)² of every element. */
export const squares = (t: Build, x: string, y: string): string =>
  pointwise(t, mul(sub(a, b), sub(a, b)), [x, y]);

export const absolutes = (t: Build, x: string, y: string): string =>
  pointwise(t, call('abs', sub(a, b)), [x, y]);

/** Half a square up to `delta`, from there on a line. */
export function hubers(t: Build, x: string, y: string, delta: number): string {
  const off = call('abs', sub(a, b));
  const square = mul(0.5, mul(sub(a, b), sub(a, b)));
  const line = mul(delta, sub(off, delta / 2));
  return pointwise(t, call('choose', call('greater', off, delta), line, square), [x, y]);
}

/** log softmax of logits along some axes. */
export function logSoftmax(t: Build, logits: string, axes: readonly number[]): string {
  const top = reduce(t, 'max', logits, axes);
  const low = pointwise(t, sub(a, b), [logits, top], (_, dy) => [dy, undefined]);
  const sum = reduce(t, 'sum', pointwise(t, call('exp', a), [low]), axes);
  return pointwise(t, sub(a, call('log', b)), [low, sum]);
}

/** p · (log p − log q) of every class, p by the teacher's logits and q by the student's. */
export function divergences(t: Build, logits: string, taught: string, axes: readonly number[]): string {
  const p = softmax(t, taught, axes);
  return pointwise(t, mul(a, sub(b, c)), [p, logSoftmax(t, taught, axes), logSoftmax(t, logits, axes)]);
}

/** log(1 + eˣ), which overflows nowhere. */
const softplus = (x: Expression): Expression =>
  add(call('max', x, 0), call('log', add(1, call('exp', call('neg', call('abs', x))))));

/** −(p log q + (1 − p) log(1 − q)) of every element, q the sigmoid of a logit and p a number from 0 to 1. */
export function binaryEntropies(t: Build, logits: string, truths: string): string {
  const loss = sub(softplus(a), mul(b, a));
  return pointwise(t, loss, [logits, truths], (build, dy) => [
    pointwise(build, mul(c, sub(call('sigmoid', a), b)), [logits, truths, dy]),
    undefined,
  ]);
}

/** The same with p the sigmoid of the teacher's logit, less what p leaves open itself: 0 where both agree. */
export function binaryDivergences(t: Build, logits: string, taught: string): string {
  const p = pointwise(t, call('sigmoid', a), [taught]);
  const own = pointwise(t, sub(softplus(a), mul(b, a)), [taught, p]);
  return pointwise(t, sub(a, b), [binaryEntropies(t, logits, p), own]);
}

/** Uniform noise of a standard deviation on every element, anew in every step. */
export function noisy(t: Build, value: string, deviation: number, stream: number): string {
  const { shape } = t.type(value);
  const [drawn] = t.emit('uniform', [], { shape, laned: true, stream });
  const width = deviation * Math.sqrt(12);
  return pointwise(t, add(a, mul(width, sub(b, 0.5))), [value, drawn]);
}

export { expand, pointwise, reduce, reshape };
