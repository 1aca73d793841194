/**
 * What ProbMask does by default in runs shorter than its authors', who train masks for 300 epochs of 196 steps and then the
 * weights for 20 at a constant 0.001: at that length all of this gives their settings.
 *
 * Adam moves a probability by about its rate a step, whatever its gradient. With fewer steps the rate grows as the root of
 * what is missing, so that probabilities still have the way to 0 or 1. And where the masks were soft until shortly before
 * the end, the weights have to be trained with the hard one, not only touched up: below a hundred epochs three eighths of the
 * run are for that, from the run's own rate by a cosine to 0. Both rules were chosen on validation images.
 */

/** Of the authors' masks. */
const AUTHORS_STEPS = 300 * 196;

/** The highest learning rate of the probabilities, for so many steps before the fine-tuning. */
export const scoreRateFor = (steps: number): number => 0.006 * Math.max(1, Math.sqrt(AUTHORS_STEPS / steps));

export interface FineTuning {
  /** Epochs. */
  fineTune: number;
  /** Learning rate of the fine-tuning. */
  fineTuneRate: number;
  /** The rate stays, or falls to 0 by a cosine. */
  fineTuneSchedule: 'constant' | 'cosine';
}

/** Runs of fewer epochs are short. */
const SHORT = 100;

/** The fine-tuning of a run of so many epochs whose highest learning rate is `learningRate`. */
export const fineTuningFor = (epochs: number, learningRate: number): FineTuning =>
  epochs < SHORT
    ? { fineTune: Math.round((3 / 8) * epochs), fineTuneRate: learningRate, fineTuneSchedule: 'cosine' }
    : { fineTune: Math.round(epochs / 16), fineTuneRate: 0.001, fineTuneSchedule: 'constant' };
