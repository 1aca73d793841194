/** A check-up of data before anything is done with them: what is there, what is broken, and what a run would make of it. */
import { fail } from '../base/index.js';
import {
  type Broken,
  brokenSentence,
  type CheckUp,
  checkUp,
  type Dataset,
  datasetOf,
  type Image,
  imagesOf,
  isUnlabelled,
  openDataset,
  type Split,
} from '../data/index.js';
import { type PictureSettings, type Pictures, preparePictures } from './pictures.js';

/** Options of {@link reviewData}. */
export interface ReviewOptions extends PictureSettings {
  /** As after --data. */
  data: string;
  /** Called as files are read, with the number done and of all. */
  onProgress?: (done: number, all: number) => void;
}

/** The result of {@link reviewData}. */
export interface Review {
  /** Name of the data set. */
  name: string;
  /** Names of the classes, by the number of the label; empty where samples have no labels. */
  classes: readonly string[];
  /** Of a sample in a batch. */
  shape: readonly number[];
  /** Samples. */
  train: number;
  /** Number of test samples. */
  test: number;
  /** Samples of each class. */
  counts: { train: number[]; test: number[] };
  /** Of several inputs, or one that is no picture. */
  inputs?: { name?: string; shape: readonly number[] }[];
  /** The least and the largest number of the training samples, where they are in memory. */
  range?: [least: number, most: number];
  /** Sizes of the pictures of a folder, the most frequent first. */
  sizes?: { height: number; width: number; count: number }[];
  /** Pictures that cannot be decoded. */
  broken?: readonly Broken[];
  /** Files that are left out, by the ends of their names. */
  leftOut?: Record<string, number>;
  /** How pictures are prepared. */
  pictures?: Pictures;
  /** Sentences on what to know of the data. */
  notes: readonly string[];
}

/**
 * Reads a data set and says what a run would see: samples, classes, sizes, and files that are broken or left out.
 * @throws UserError when there are no such data, or nothing could be done with them. Broken pictures are no error here.
 */
export async function reviewData(options: ReviewOptions): Promise<Review> {
  const { data } = options;
  const folder = data.startsWith('images:') && data.length > 'images:'.length;
  return folder ? reviewFolder(data.slice('images:'.length), options) : reviewOther(options);
}

async function reviewFolder(
  path: string,
  { data, size, resize, onProgress, ...rest }: ReviewOptions,
): Promise<Review> {
  const found = await checkUp(path, { size: size === undefined ? undefined : [size, size], onProgress });
  const dataset = whatIsWhole(found, resize);
  const review = reviewOf(data, dataset, { size, resize, ...rest });
  const { broken, leftOut } = found;
  // What is broken is listed by itself.
  const notes = broken.length > 0 ? review.notes.slice(1) : review.notes;
  return {
    ...review,
    sizes: sizesOf([...found.heads.values()]),
    broken,
    leftOut: Object.fromEntries(leftOut),
    notes,
  };
}

/** @throws UserError that lists what is broken, where nothing else is in a class. */
function whatIsWhole(found: CheckUp, resize: PictureSettings['resize']): Dataset {
  try {
    return datasetOf(found, resize);
  } catch (error) {
    if (found.broken.length > 0) fail(brokenSentence(found));
    throw error;
  }
}

function sizesOf(heads: readonly { height: number; width: number }[]): Review['sizes'] {
  const counts = new Map<string, { height: number; width: number; count: number }>();
  for (const { height, width } of heads) {
    const key = `${height} ${width}`;
    counts.set(key, { height, width, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || a.height - b.height || a.width - b.width);
}

async function reviewOther(options: ReviewOptions): Promise<Review> {
  const { data, size, resize } = options;
  const dataset = await openDataset(data, { size, resize });
  return { ...reviewOf(data, dataset, options), range: rangeOf(dataset.train) };
}

function reviewOf(name: string, dataset: Dataset, settings: PictureSettings): Review {
  const { shape, train, test } = dataset;
  const classes = isUnlabelled(train) ? [] : dataset.classes;
  const pictures = imagesOf(train) ? preparePictures(dataset, {}, settings).pictures : undefined;
  const countsIn = (split?: Split) => {
    const counts = new Array<number>(classes.length).fill(0);
    for (const label of split?.labels ?? []) if (label >= 0) counts[label]++;
    return counts;
  };
  return {
    ...{ name, classes, shape, train: train.length, test: test?.length ?? 0 },
    counts: { train: countsIn(train), test: countsIn(test) },
    ...(pictures
      ? { pictures }
      : { inputs: train.arrays.map(({ name: input, shape: own }) => ({ name: input, shape: own })) }),
    notes: dataset.notes ?? [],
  };
}

function rangeOf(split: Split): Review['range'] {
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const array of split.arrays)
    for (let index = 0; index < split.length; index++)
      for (const value of (array.at(index) as Image).data) {
        if (value < least) least = value;
        if (value > most) most = value;
      }
  return [least, most];
}
