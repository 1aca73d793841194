/**
 * In which order a model takes the numbers of an image. Here they lie channel by channel (channels × height × width), as PyTorch has
 * them; Keras has the channels of a pixel side by side (height × width × channels).
 */
import { type Dataset, type SampleArray, type Split, withImages } from './dataset.js';

/** Of a sample as the model gets it. */
export function modelShape(array: SampleArray): readonly number[] {
  if (array.kind === 'numbers' || !array.channelsLast) return array.shape;
  const [channels, height, width] = array.shape;
  return [height, width, channels];
}

/** The data set for a model that takes channels last; everything else about its images stays as it is. */
export function channelsLast(dataset: Dataset): Dataset {
  const turned = (split: Split) => withImages(split, (images) => ({ ...images, channelsLast: true }));
  return { ...dataset, train: turned(dataset.train), test: dataset.test && turned(dataset.test) };
}
