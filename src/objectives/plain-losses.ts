/** The losses of `emit.ts` on numbers, in double precision: what evaluation reports. */

export const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** Of a logit and a truth from 0 to 1. */
export const binaryEntropy = (logit: number, truth: number): number => softplus(logit) - truth * logit;

/** log Σ eˣ over a group. */
export function logSum(values: Float32Array, start: number, steps: readonly number[]): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const step of steps) most = Math.max(most, values[start + step]);
  let sum = 0;
  for (const step of steps) sum += Math.exp(values[start + step] - most);
  return most + Math.log(sum);
}

/** KL(softmax(taught) ‖ softmax(logits)) of a group. */
export function divergence(
  logits: Float32Array,
  taught: Float32Array,
  start: number,
  steps: readonly number[],
): number {
  const [own, theirs] = [logSum(logits, start, steps), logSum(taught, start, steps)];
  let sum = 0;
  for (const step of steps) {
    const log = taught[start + step] - theirs;
    sum += Math.exp(log) * (log - (logits[start + step] - own));
  }
  return sum;
}
