/** Data sets, augmentation and batches: the public surface of this room. */

export { type Augmentation, augmentation, type Transform } from './augment.js';
export { looksChannelsLast, takesChannelsLast } from './axes.js';
export { type Batch, type BatchOptions, batchCount, batches, part } from './batches.js';
export { type Card, type Colors, cardOf, type ResizeMode, resizeModes, withCard } from './card.js';
export type { Broken, Head } from './check-up.js';
export { matchClasses } from './classes.js';
export { conversion, LUMA, turned } from './colours.js';
export {
  type ClassMaps,
  type Dataset,
  evenly,
  type Image,
  type ImageShape,
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
export { brokenSentence, type CheckUp, checkUp, datasetOf } from './folder.js';
export { type Imported, importDataset } from './import.js';
export { channelsLast, modelShape } from './layout.js';
export { isNamed, NAMED, type NamedSet, type SetName } from './named.js';
export { type OpenOptions, openDataset } from './open.js';
export { cacheDirectory } from './source.js';
