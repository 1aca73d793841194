/**
 * ProbMask's schedules, per epoch e = 0 … E − 1 (Zhou et al. 2021, released code).
 *
 *   keep rate      1 before t_s = int(0.16 E);  r + (1 − r)(1 − (e − t_s)/(t_e − t_s))³ before t_e = int(0.6 E);  then r
 *   temperature    τ = 0.97 (1 − e/E) + 0.03; masks are multiplied by T = 1/τ
 *   learning rate  ½ (1 + cos(π e/E)) of the highest
 */

/** The epochs between which the keep rate falls. */
export const annealingSpan = (epochs: number): [start: number, end: number] => [
  Math.floor(0.16 * epochs),
  Math.floor(0.6 * epochs),
];

/** Fraction of the weights that may be kept, on average, in an epoch; `density` in the end. */
export function keepRate(epoch: number, epochs: number, density: number): number {
  const [start, end] = annealingSpan(epochs);
  if (epoch >= end) return density;
  return epoch < start ? 1 : density + (1 - density) * (1 - (epoch - start) / (end - start)) ** 3;
}

/** T, what the logits of the masks are multiplied by: from 1 up to about 30. */
export const temperature = (epoch: number, epochs: number): number =>
  1 / (0.97 * (1 - epoch / epochs) + 0.03);
