/** The samples of a training run. */
import type { Augmentation } from '../data/augment.js';
import type { Normalization, Split } from '../data/dataset.js';

/** What to train on; a `Dataset` is one, and so is `{ ...dataset, ...splitValidation(dataset.train, 0.1, seed) }`. */
export interface TrainData extends Normalization {
  readonly train: Split;
  readonly validation?: Split;
  readonly test?: Split;
  readonly augment?: { readonly train: Augmentation; readonly test: Augmentation };
}
