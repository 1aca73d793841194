/**
 * ProbMask's schedules (Zhou et al. 2021, released code), and which of its settings a run has by its length.
 *
 *   keep rate      1 before t_s = 0.16 E;  r + (1 − r)(1 − (e − t_s)/(t_e − t_s))³ before t_e = 0.6 E;  then r
 *   temperature    τ = 0.97 (1 − e/E) + 0.03; masks are multiplied by T = 1/τ
 *   learning rate  ½ (1 + cos(π e/E)) of the highest
 *
 * e is the place in the run, in epochs, of the E before the fine-tuning: a fraction that grows with every step, or as in the
 * released code a whole number, with t_s and t_e rounded down.
 */

/** Where a run is, in epochs, before an iteration, counted from 0; `perEpoch` holds it still within an epoch. */
export function placeOf(
  iteration: number,
  { steps, perEpoch }: { steps: number; perEpoch: boolean },
): number {
  return perEpoch ? Math.floor(iteration / steps) : iteration / steps;
}

/** The places between which the keep rate falls. */
export function annealingSpan(epochs: number, perEpoch: boolean): [start: number, end: number] {
  const round = perEpoch ? Math.floor : (x: number) => x;
  return [round(0.16 * epochs), round(0.6 * epochs)];
}

/** Fraction of the weights that may be kept, on average, at a place in the run; `density` in the end. */
export function keepRate(
  place: number,
  { epochs, density, perEpoch }: { epochs: number; density: number; perEpoch: boolean },
): number {
  const [start, end] = annealingSpan(epochs, perEpoch);
  if (place >= end) return density;
  return place < start ? 1 : density + (1 - density) * (1 - (place - start) / (end - start)) ** 3;
}

/** T, what the logits of the masks are multiplied by: from 1 up to about 30. */
export const temperature = (place: number, epochs: number): number =>
  1 / (0.97 * (1 - place / epochs) + 0.03);
