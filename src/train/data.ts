/** The samples of a training run. */
import type { Augmentation, Normalization, Split } from '../data/index.js';

/** What to train on; a `Dataset` is one, and so is `{ ...dataset, ...splitValidation(dataset.train, 0.1, seed) }`. */
export interface TrainData extends Normalization {
  /** Samples to train on. */
  readonly train: Split;
  /** Samples to choose the best epoch on. */
  readonly validation?: Split;
  /** Samples to test on, after every epoch. */
  readonly test?: Split;
  /** Random changes to training images, and how test images are brought to the network's size. */
  readonly augment?: { readonly train: Augmentation; readonly test: Augmentation };
}
