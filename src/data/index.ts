/**
 * The data room: data sets opened from files, augmentation, and batches. What a picture is for a model has an index of
 * its own (pictures/index.ts).
 */

// Data sets: opened, imported, checked, split.

export type { Broken, PictureHead } from './check-up.js';
export { matchClasses } from './classes.js';
export {
  type ClassMaps,
  type Dataset,
  evenly,
  type Images,
  imagesOf,
  isUnlabelled,
  memorySplit,
  type Normalization,
  type Numbers,
  numbers,
  parseNormalize,
  type SampleArray,
  type Split,
  splitTest,
  splitValidation,
  statistics,
  subset,
  type Target,
  withImages,
} from './dataset.js';
export { type DataDigest, difference, digestOfParts, type SplitDigest } from './digest.js';
export { examples } from './examples.js';
export { brokenSentence, type CheckUp, checkUp, datasetOf } from './folder.js';
export { type Imported, importDataset } from './import.js';
export { isNamed, NAMED, type NamedSet, type SetName } from './named.js';
export { type OpenOptions, openDataset } from './open.js';
export { cacheDirectory } from './source.js';

// What a model is given: augmented samples in batches, in its own order of axes.

export { type Augmentation, augmentation, type Transform } from './augment.js';
export { type Batch, type BatchOptions, batchCount, batches, part } from './batches.js';
export { channelsLast, modelShape } from './layout.js';

// Pictures.

export {
  type Card,
  type Colors,
  cardOf,
  conversion,
  type Image,
  type ImageShape,
  LUMA,
  looksChannelsLast,
  type ResizeMode,
  resizeModes,
  takesChannelsLast,
  turned,
  withCard,
} from './pictures/index.js';
