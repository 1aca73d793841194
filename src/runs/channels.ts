/** Images in the number of channels that a model wants: grey made of colours, colours made of grey. */
import { fail } from '../base/errors.js';
import { type Dataset, type Image, type Split, withImages } from '../data/index.js';

/** Shares of red, green and blue in luma (ITU-R BT.601), as in every image library's grey. */
const LUMA = [0.299, 0.587, 0.114];

/** The data set with images of so many channels. @throws UserError where there is no way from what it has. */
export function withChannels(dataset: Dataset, channels: number, name: string): Dataset {
  const [own, height, width] = dataset.shape;
  if (own === channels) return dataset;
  const convert = own === 3 && channels === 1 ? toGrey : own === 1 && channels === 3 ? toColour : undefined;
  if (!convert)
    return fail(
      `The model wants images of ${channels} channels but those of ${name} have ${own}; take a model or data that match.`,
    );
  const shape = [channels, height, width] as const;
  const converted = (split: Split): Split =>
    withImages(split, (images) => ({
      ...images,
      shape,
      at(index) {
        const image = images.at(index);
        return image instanceof Promise ? image.then(convert) : convert(image);
      },
    }));
  const weighted = (values: readonly number[]) =>
    values.length === 3 && channels === 1
      ? [LUMA.reduce((sum, share, c) => sum + share * values[c], 0)]
      : values;
  return {
    ...dataset,
    shape,
    train: converted(dataset.train),
    test: dataset.test && converted(dataset.test),
    mean: weighted(dataset.mean),
    std: weighted(dataset.std),
  };
}

function toGrey({ data, height, width }: Image): Image {
  const plane = height * width;
  const grey = data instanceof Uint8Array ? new Uint8Array(plane) : new Float32Array(plane);
  const round = data instanceof Uint8Array ? 0.5 : 0;
  for (let i = 0; i < plane; i++)
    grey[i] = LUMA[0] * data[i] + LUMA[1] * data[plane + i] + LUMA[2] * data[2 * plane + i] + round;
  return { data: grey, channels: 1, height, width };
}

function toColour({ data, height, width }: Image): Image {
  const plane = height * width;
  const colour = data instanceof Uint8Array ? new Uint8Array(3 * plane) : new Float32Array(3 * plane);
  for (let c = 0; c < 3; c++) colour.set(data.subarray(0, plane), c * plane);
  return { data: colour, channels: 3, height, width };
}
