/**
 * What a data set is: labelled samples in splits. A sample has an array for each input of the model that they are for: an
 * image, with the numbers that normalise it beside the splits, or a vector, a sequence, token ids, which are taken as they are.
 *
 * Arrays stay in the bytes they came in (or float32) until a batch is made; a split hands out one sample at a time, from
 * memory or, for image folders, from the disk.
 */
import { digestOfAll, fail, permutation, random } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import type { Augmentation } from './augment.js';
import type { ResizeMode } from './pictures/card.js';
import type { Image, ImageShape } from './pictures/image.js';

export type { Image, ImageShape } from './pictures/image.js';

/** Labelled samples. */
export interface Split {
  /** Number of samples. */
  readonly length: number;
  /** The class of every sample, 0 … classes − 1; −1 where it has none. */
  readonly labels: Int32Array;
  /** What a sample consists of: an array for each input of a model. */
  readonly arrays: readonly SampleArray[];
  /** Numbers that a model should answer, by name, instead of labels. */
  readonly targets?: readonly Target[];
  /** What tells samples that belong together, such as those of one patient, from others: no split parts them. */
  readonly groups?: Int32Array;
}

/** What all samples have for one input of a model. */
export type SampleArray = Images | Numbers;

/** Augmented and normalised on their way into a batch. */
export interface Images {
  /** Tells pictures from other numbers. */
  readonly kind: 'images';
  /** The input they are for; absent where there is but one. */
  readonly name?: string;
  /** To which {@link batches} brings them; their own sizes may differ. */
  readonly shape: ImageShape;
  /** In a batch, the channels of a pixel stand side by side. */
  readonly channelsLast?: boolean;
  /** The image at `index`; not to be written to. */
  at(index: number): Image | Promise<Image>;
  /** Tells all these samples from others, where they are read from files as they are asked for (see digest.ts). */
  digest?(): Promise<string>;
}

/** Taken as they are. */
export interface Numbers {
  /** Tells numbers from pictures. */
  readonly kind: 'numbers';
  /** The input they are for; absent where there is but one. */
  readonly name?: string;
  /** Of one sample. */
  readonly shape: readonly number[];
  /** Those of the sample at `index`, row-major; not to be written to. */
  at(index: number): { readonly data: Uint8Array | Float32Array };
  /** As of {@link Images}. */
  digest?(): Promise<string>;
}

/** A pixel p of channel c becomes (p / scale − mean[c]) / std[c]. One entry serves for all channels. */
export interface Normalization {
  /** Mean of each colour channel, in units of {@link scale}. */
  readonly mean: readonly number[];
  /** Standard deviation of each colour channel, in units of {@link scale}. */
  readonly std: readonly number[];
  /** The pixel value that counts as 1: 255 for bytes (when left out), 16 for digits, 1 for floats. */
  readonly scale?: number;
}

/** A data set is its own {@link Normalization}, of its images: `batches(data.train, { normalize: data, … })`. */
export interface Dataset extends Normalization {
  /** Name of the data set. */
  readonly name: string;
  /** Names of the classes, by the number of the label. */
  readonly classes: readonly string[];
  /** The classes are numbers of which the samples are not known to have the highest: a model may tell more apart. */
  readonly numbered?: true;
  /** Sentences on what whoever uses the data should know, such as which files were left out. */
  readonly notes?: readonly string[];
  /** Of the first array of a sample: channels × height × width of an image. */
  readonly shape: readonly number[];
  /** Samples to train on. */
  readonly train: Split;
  /** Samples to test on, where there are any. */
  readonly test?: Split;
  readonly scale: number;
  /** The pixel value of white, where it is known: 255 for bytes. */
  readonly white?: number;
  /** How images of other sizes are brought to the shape; absent where all of them have it. */
  readonly resize?: ResizeMode;
  /** What is customary for this data set, in training and in evaluation. */
  readonly augment: { readonly train: Augmentation; readonly test: Augmentation };
}

/** A split over images held in memory one after the other. */
export function memorySplit(data: Uint8Array | Float32Array, labels: Int32Array, shape: ImageShape): Split {
  return { length: labels.length, labels, arrays: [images(data, shape)] };
}

/** Images held in memory one after the other. */
export function images(data: Uint8Array | Float32Array, shape: ImageShape): Images {
  const [channels, height, width] = shape;
  const size = channels * height * width;
  return {
    ...{ kind: 'images', shape },
    at: (index) => ({ data: data.subarray(index * size, (index + 1) * size), channels, height, width }),
  };
}

/**
 * An array over samples held in memory one after the other, for the input `name`, or the only one. A split of them is
 * `{ length: labels.length, labels, arrays: [numbers(ids, [16], 'input_ids'), numbers(mask, [16], 'attention_mask')] }`.
 */
export function numbers(data: Uint8Array | Float32Array, shape: readonly number[], name?: string): Numbers {
  const size = sizeOf(shape);
  return {
    ...{ kind: 'numbers', name, shape },
    at: (index) => ({ data: data.subarray(index * size, (index + 1) * size) }),
  };
}

/** What a model should answer. */
export type Target = Numbers | ClassMaps;

/** A class for every pixel of the only image of a sample; moved and cropped as that is on its way into a batch. */
export interface ClassMaps {
  /** Tells class maps from numbers. */
  readonly kind: 'classes';
  /** The output they are for. */
  readonly name?: string;
  /** Height and width in a batch. */
  readonly shape: readonly [height: number, width: number];
  /** Of the size of the image at `index`. */
  at(index: number): Promise<Image>;
  /** As of {@link Images}. */
  digest?(): Promise<string>;
}

/** The images of a split, where they are all that a sample has. */
export function imagesOf({ arrays }: Split): Images | undefined {
  const [first] = arrays;
  return arrays.length === 1 && first.kind === 'images' ? first : undefined;
}

/** The split with other images in the place of its own; one that has none stays as it is. */
export function withImages(split: Split, change: (images: Images) => Images): Split {
  return { ...split, arrays: split.arrays.map((array) => (array.kind === 'images' ? change(array) : array)) };
}

/** Whether no sample of a split has a class. */
export const isUnlabelled = ({ labels }: Split): boolean => labels.every((label) => label < 0);

/** The samples of `split` at `indices`, in that order. */
export function subset(split: Split, indices: Uint32Array): Split {
  return {
    length: indices.length,
    labels: Int32Array.from(indices, (index) => split.labels[index]),
    ...(split.groups && { groups: Int32Array.from(indices, (index) => split.groups![index]) }),
    ...(split.targets && { targets: split.targets.map((target) => chosen(target, indices)) }),
    arrays: split.arrays.map((array) => chosen(array, indices)),
  };
}

const chosen = <A extends SampleArray | Target>({ digest, ...array }: A, indices: Uint32Array): A =>
  ({
    ...array,
    at: (index: number) => array.at(indices[index]),
    ...(digest && { digest: async () => digestOfAll([await digest(), indices]) }),
  }) as A;

/** At most so many samples, evenly spread over all. */
export function evenly(split: Split, count: number): Split {
  if (count >= split.length) return split;
  const every = split.length / count;
  return subset(
    split,
    Uint32Array.from({ length: count }, (_, i) => Math.floor(i * every)),
  );
}

/**
 * Sets round(fraction · length) samples aside for validation, chosen by seed and nothing else; both parts keep the order
 * of the samples. Of samples in groups, whole groups are set aside until there are that many.
 *
 * @throws UserError when the fraction leaves one of the parts empty.
 */
export function splitValidation(
  split: Split,
  fraction: number,
  seed: number,
): { train: Split; validation: Split } {
  const held = Math.round(split.length * fraction);
  if (!(held > 0 && held < split.length)) {
    fail(
      `A validation fraction of ${fraction} of ${split.length} samples leaves one part without samples; use another fraction between 0 and 1.`,
    );
  }
  const order = split.groups
    ? inGroups(split.groups, seed)
    : permutation(random(seed, 'validation'), split.length);
  const first = split.groups ? wholeGroups(order, split.groups, held) : held;
  return {
    train: subset(split, order.subarray(first).sort()),
    validation: subset(split, order.subarray(0, first).sort()),
  };
}

/** All samples, group by group, in a random order of the groups. */
function inGroups(groups: Int32Array, seed: number): Uint32Array {
  const members = new Map<number, number[]>();
  for (const [sample, group] of groups.entries()) members.set(group, [...(members.get(group) ?? []), sample]);
  const all = [...members.values()];
  return Uint32Array.from(
    [...permutation(random(seed, 'validation'), all.length)].flatMap((group) => all[group]),
  );
}

/** The least number of samples, at least `held`, at which no group is parted. */
function wholeGroups(order: Uint32Array, groups: Int32Array, held: number): number {
  let first = held;
  while (first < order.length && groups[order[first]] === groups[order[first - 1]]) first++;
  if (first === order.length)
    fail(
      `The samples are in too few groups to hold out ${held} of ${order.length} without splitting a group; use more groups, or none.`,
    );
  return first;
}

/**
 * Data that comes without a test part gives a tenth of it, at least one sample, and always the same ones, so that results
 * compare across runs.
 *
 * @throws UserError when there are fewer than two samples.
 */
export function splitTest(split: Split): { train: Split; test: Split } {
  if (split.length < 2)
    fail('The data hold a single sample; give at least two, of which one is held back for testing.');
  const { train, validation } = splitValidation(split, Math.max(0.1, 1 / split.length), 0);
  return { train, test: validation };
}

/** Mean and standard deviation of every channel of images held in memory, in units of `scale`; 0 and 1 of other data. */
export function statistics(split: Split, scale: number): { mean: number[]; std: number[] } {
  const pictures = imagesOf(split);
  if (!pictures) return { mean: [0], std: [1] };
  const [channels, height, width] = pictures.shape;
  const plane = height * width;
  const sum = new Float64Array(channels);
  const squares = new Float64Array(channels);
  for (let index = 0; index < split.length; index++) {
    const { data } = pictures.at(index) as Image;
    for (let c = 0; c < channels; c++) {
      for (let i = c * plane; i < (c + 1) * plane; i++) {
        sum[c] += data[i];
        squares[c] += data[i] * data[i];
      }
    }
  }
  const count = split.length * plane;
  const mean = Array.from(sum, (s) => s / count);
  const variance = Array.from(squares, (s, c) => Math.max(0, s / count - mean[c] ** 2));
  return { mean: mean.map((m) => m / scale), std: variance.map((v) => Math.sqrt(v) / scale || 1) };
}

/** The statistics of ImageNet's training images, which ready-made vision models expect. */
export const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * Reads `MEAN/STD`, each a list of numbers with commas, or `imagenet`, which is `0.485,0.456,0.406/0.229,0.224,0.225`.
 *
 * @throws UserError when it is anything else, or a standard deviation is not positive.
 */
export function parseNormalize(text: string): { mean: number[]; std: number[] } {
  if (text.toLowerCase() === 'imagenet') return IMAGENET;
  const parts = text
    .split('/')
    .map((part) => part.split(',').map((word) => (word.trim() ? Number(word) : Number.NaN)));
  const [mean, std] = parts;
  const valid =
    parts.length === 2 &&
    mean.length === std.length &&
    mean.every(Number.isFinite) &&
    std.every((s) => Number.isFinite(s) && s > 0);
  if (!valid) {
    fail(
      `Cannot read the normalisation '${text}'; write MEAN/STD with a number per channel and positive deviations, as in 0.485,0.456,0.406/0.229,0.224,0.225, or imagenet.`,
    );
  }
  return { mean, std };
}
