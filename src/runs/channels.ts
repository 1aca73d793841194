/** Images in the number of channels that a model wants: grey made of colours, colours made of grey. */
import { fail } from '../base/index.js';
import { conversion, type Dataset, LUMA, type Split, withImages } from '../data/index.js';

/** The data set with images of so many channels. @throws UserError where there is no way from what it has. */
export function withChannels(dataset: Dataset, channels: number, name: string): Dataset {
  const [own, height, width] = dataset.shape;
  if (own === channels) return dataset;
  const convert = conversion(own, channels);
  if (!convert)
    return fail(
      `The model expects images of ${channels} channels but those of ${name} have ${own}; use a model and data that match.`,
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
