/** What tests look at in splits and batches of images. */
import type { Batch } from './batches.js';
import { type Image, imagesOf, type Split } from './dataset.js';

export const imageAt = (split: Split, index: number): Image | Promise<Image> => imagesOf(split)!.at(index);

/** [count, channels, height, width] */
export const pixelsOf = ({ inputs }: Batch): Float32Array => inputs as Float32Array;
