/**
 * Batches: a split in the order of an epoch, augmented, normalised and laid out for the network.
 *
 * The order is a pure function of (seed, epoch) and what is done to an image of (seed, epoch, its index), so batch k is
 * the same whether the epoch began at 0 or, after a kill, at k.
 */
import { fail } from '../base/errors.js';
import { permutation, random } from '../base/random.js';
import { type Augmentation, augmentation } from './augment.js';
import type { Image, ImageShape, Normalization, Split } from './dataset.js';

export interface BatchOptions {
  /** Images in a batch. */
  readonly batch: number;
  readonly normalize: Normalization;
  readonly seed?: number;
  readonly epoch?: number;
  /** The batch to begin at; 0 when left out. */
  readonly start?: number;
  /** Whether to visit the images in a random order. */
  readonly shuffle?: boolean;
  readonly augment?: Augmentation;
  /** Whether to leave out the last batch when it is not full. */
  readonly dropLast?: boolean;
}

export interface Batch {
  /** Its place in the epoch. */
  readonly index: number;
  /** [count, channels, height, width] */
  readonly images: Float32Array;
  /** [count] */
  readonly labels: Int32Array;
  /** How many images it holds: `batch`, or fewer in the last. */
  readonly count: number;
}

/** Images that are read and decoded at the same time, at most. */
const AT_A_TIME = 4;

/** How many batches an epoch has. */
export function batchCount(split: Split, options: Pick<BatchOptions, 'batch' | 'dropLast'>): number {
  const count = split.length / options.batch;
  return options.dropLast ? Math.floor(count) : Math.ceil(count);
}

/**
 * The batches of one epoch from `start` on. The next one is being prepared while the caller uses the last.
 *
 * @throws UserError when an option is out of range, the normalisation has another number of channels, or an image
 * cannot be read (the sentence names it).
 */
export async function* batches(split: Split, options: BatchOptions): AsyncGenerator<Batch, void, undefined> {
  const { batch, seed = 0, epoch = 0, start = 0, shuffle = false } = options;
  if (!(Number.isInteger(batch) && batch > 0))
    fail(`A batch cannot hold ${batch} images; give a whole number above 0.`);
  const order = shuffle
    ? permutation(random(seed, 'shuffle', epoch), split.length)
    : Uint32Array.from({ length: split.length }, (_, index) => index);
  const prepare = preparation(split.shape, options.normalize, options.augment ?? {}, (index) =>
    random(seed, 'augment', epoch, index),
  );
  const make = (k: number) => assemble(split, order.subarray(k * batch, (k + 1) * batch), k, prepare);
  const count = batchCount(split, options);
  let next = start < count ? make(start) : undefined;
  for (let k = start; next; k++) {
    const current = await next;
    next = k + 1 < count ? make(k + 1) : undefined;
    next?.catch(() => {}); // it is awaited above, unless the caller stops early
    yield current;
  }
}

/** Writes image `index` of a split into `out`, augmented and normalised. */
type Prepare = (image: Image, index: number, out: Float32Array) => void;

async function assemble(split: Split, indices: Uint32Array, index: number, prepare: Prepare): Promise<Batch> {
  const size = split.shape[0] * split.shape[1] * split.shape[2];
  const count = indices.length;
  const images = new Float32Array(count * size);
  let taken = 0;
  const lane = async () => {
    while (taken < count) {
      const slot = taken++;
      const image = split.image(indices[slot]);
      prepare(
        image instanceof Promise ? await image : image,
        indices[slot],
        images.subarray(slot * size, (slot + 1) * size),
      );
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  return { index, images, labels: Int32Array.from(indices, (i) => split.labels[i]), count };
}

function preparation(
  shape: ImageShape,
  normalize: Normalization,
  augment: Augmentation,
  stream: (index: number) => ReturnType<typeof random>,
): Prepare {
  const transform = augmentation(augment, shape);
  const write = normalizer(shape, normalize);
  return (image, index, out) => write(transform(image, stream(index)), out);
}

/**
 * Writes an image of `shape` as (p / scale − mean) / std; bytes go through a table.
 *
 * @throws UserError when the normalisation has another number of channels, or a standard deviation that is not positive.
 */
export function normalizer(
  shape: ImageShape,
  normalize: Normalization,
): (image: Image, out: Float32Array) => void {
  const [channels, height, width] = shape;
  const { mean, std, scale = 255 } = normalize;
  if (
    ![1, channels].includes(mean.length) ||
    ![1, channels].includes(std.length) ||
    !std.every((s) => s > 0)
  ) {
    fail(
      `The normalisation ${mean.join(',')}/${std.join(',')} does not fit images of ${channels} channels; give ${channels} means and as many positive deviations.`,
    );
  }
  const value = (c: number, p: number) => (p / scale - (mean[c] ?? mean[0])) / (std[c] ?? std[0]);
  const plane = height * width;
  const tables = Array.from({ length: channels }, (_, c) =>
    Float32Array.from({ length: 256 }, (_, p) => value(c, p)),
  );
  return ({ data }, out) => {
    for (let c = 0; c < channels; c++) {
      const end = (c + 1) * plane;
      if (data instanceof Uint8Array) {
        const table = tables[c];
        for (let i = c * plane; i < end; i++) out[i] = table[data[i]];
      } else {
        for (let i = c * plane; i < end; i++) out[i] = value(c, data[i]);
      }
    }
  };
}
