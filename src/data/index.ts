/** Data sets, augmentation and batches: the public surface of this room. */
export { type Augmentation, augmentation, type Transform } from './augment.js';
export { type Batch, type BatchOptions, batchCount, batches } from './batches.js';
export {
  type Dataset,
  type Image,
  type ImageShape,
  memorySplit,
  type Normalization,
  parseNormalize,
  type Split,
  splitValidation,
  statistics,
  subset,
} from './dataset.js';
export { type Imported, importDataset } from './import.js';
export { isNamed, NAMED, type NamedSet, type SetName } from './named.js';
export { type OpenOptions, openDataset } from './open.js';
export { cacheDirectory } from './source.js';
