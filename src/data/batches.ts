/**
 * Batches: a split in the order of an epoch, images augmented and normalised, laid out for the network.
 *
 * The order is a pure function of (seed, epoch) and what is done to a sample of (seed, epoch, its index), so batch k is
 * the same whether the epoch began at 0 or, after a kill, at k.
 */
import { fail, permutation, type Random, random } from '../base/index.js';
import type { Inputs } from '../engine/index.js';
import { sizeOf } from '../onnx/index.js';
import { type Augmentation, augmentation } from './augment.js';
import { movedClassMap } from './class-maps.js';
import type { ClassMaps, Image, ImageShape, Normalization, SampleArray, Split } from './dataset.js';
import { normalizer } from './pictures/normalize.js';

/** Options of {@link batches}. */
export interface BatchOptions {
  /** Samples in a batch. */
  readonly batch: number;
  /** Of images. */
  readonly normalize: Normalization;
  /** Seed of order and augmentation. Defaults to 0. */
  readonly seed?: number;
  /** Number of the epoch, from 0; every epoch has an order of its own. Defaults to 0. */
  readonly epoch?: number;
  /** The batch to begin at; 0 when left out. */
  readonly start?: number;
  /** Whether to visit the samples in a random order. */
  readonly shuffle?: boolean;
  /** Of images. */
  readonly augment?: Augmentation;
  /** Whether to leave out the last batch when it is not full. */
  readonly dropLast?: boolean;
  /** Whether the last batch, where it would be a single sample, shares the one before with it: of 128 and 1 become 65 and 64. */
  readonly evenLast?: boolean;
}

/** Samples as the network takes them, with their labels or targets. */
export interface Batch {
  /** Its place in the epoch. */
  readonly index: number;
  /** [count, …shape]; by the name of the input where the arrays have names. */
  readonly inputs: Inputs;
  /** [count] */
  readonly labels: Int32Array;
  /** By name, [count, …shape], where the samples have targets. */
  readonly targets?: Readonly<Record<string, Float32Array>>;
  /** How many samples it holds: `batch`, or fewer in the last. */
  readonly count: number;
}

/** Samples that are read and decoded at the same time, at most. */
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
    fail(`A batch cannot hold ${batch} samples; give a whole number above 0.`);
  const order = shuffle
    ? permutation(random(seed, 'shuffle', epoch), split.length)
    : Uint32Array.from({ length: split.length }, (_, index) => index);
  const stream = (index: number) => random(seed, 'augment', epoch, index);
  const fills = split.arrays.map((array) => filling(array, options, stream));
  const mover: Mover = (shape, i) => {
    const transform = augmentation(options.augment ?? {}, shape);
    return (image) => transform(image, stream(i));
  };
  const count = batchCount(split, options);
  const from = startsOf(split.length, count, options);
  const make = (k: number) => assemble(split, order.subarray(from(k), from(k + 1)), k, { fills, mover });
  let next = start < count ? make(start) : undefined;
  for (let k = start; next; k++) {
    const current = await next;
    next = k + 1 < count ? make(k + 1) : undefined;
    next?.catch(() => {}); // it is awaited above, unless the caller stops early
    yield current;
  }
}

/** Where in the epoch's order each of `count` batches starts, and the one after them would. */
function startsOf(
  length: number,
  count: number,
  { batch, evenLast, dropLast }: BatchOptions,
): (k: number) => number {
  const alone = evenLast && !dropLast && count > 1 && length % batch === 1;
  return (k) =>
    alone && k === count - 1 ? (k - 1) * batch + Math.ceil((batch + 1) / 2) : Math.min(length, k * batch);
}

/** Samples `from` … `to` − 1 of a batch. */
export function part({ inputs, labels, targets, count, ...batch }: Batch, from: number, to: number): Batch {
  const cut = (data: Float32Array) => {
    const size = data.length / count;
    return data.subarray(from * size, to * size);
  };
  const cuts =
    inputs instanceof Float32Array
      ? cut(inputs)
      : Object.fromEntries(Object.entries(inputs).map(([name, data]) => [name, cut(data)]));
  const some =
    targets && Object.fromEntries(Object.entries(targets).map(([name, data]) => [name, cut(data)]));
  return { ...batch, inputs: cuts, labels: labels.subarray(from, to), targets: some, count: to - from };
}

/** Writes the array of the sample at `index` into `out`. */
type Fill = (index: number, out: Float32Array) => void | Promise<void>;

async function assemble(
  split: Split,
  indices: Uint32Array,
  index: number,
  { fills, mover }: { fills: readonly Fill[]; mover: Mover },
): Promise<Batch> {
  const count = indices.length;
  const arrays = split.arrays.map(({ shape }) => new Float32Array(count * sizeOf(shape)));
  let taken = 0;
  const lane = async () => {
    while (taken < count) {
      const slot = taken++;
      for (const [a, fill] of fills.entries()) {
        const size = arrays[a].length / count;
        const filled = fill(indices[slot], arrays[a].subarray(slot * size, (slot + 1) * size));
        if (filled) await filled;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, lane));
  const [{ name }] = split.arrays;
  const inputs =
    name === undefined
      ? arrays[0]
      : Object.fromEntries(split.arrays.map((array, a) => [array.name!, arrays[a]]));
  const labels = Int32Array.from(indices, (i) => split.labels[i]);
  return { index, inputs, labels, ...(await targetsOf(split, indices, mover)), count };
}

async function targetsOf(
  { targets }: Split,
  indices: Uint32Array,
  move: Mover,
): Promise<Pick<Batch, 'targets'>> {
  if (!targets) return {};
  const filled = targets.map(async (target) => {
    const size = sizeOf(target.shape);
    const data = new Float32Array(indices.length * size);
    for (const [i, index] of indices.entries())
      data.set(
        (target.kind === 'numbers' ? target.at(index) : await movedMap(target, index, move)).data,
        i * size,
      );
    return [target.name ?? 'y', data] as const;
  });
  return { targets: Object.fromEntries(await Promise.all(filled)) };
}

/** What becomes of an image of a shape, the one at an index. */
type Mover = (shape: ImageShape, index: number) => (image: Image) => Image;

async function movedMap(
  { shape: [height, width], at }: ClassMaps,
  index: number,
  move: Mover,
): Promise<Image> {
  const map = await at(index);
  return movedClassMap(map, move([1, height, width], index));
}

function filling(
  array: SampleArray,
  { normalize, augment = {} }: BatchOptions,
  stream: (index: number) => Random,
): Fill {
  if (array.kind === 'numbers') return (index, out) => out.set(array.at(index).data);
  const transform = augmentation(augment, array.shape);
  const write = normalizer(array.shape, normalize, array.channelsLast);
  return (index, out) => {
    const image = array.at(index);
    const prepare = (found: Image) => write(transform(found, stream(index)), out);
    return image instanceof Promise ? image.then(prepare) : prepare(image);
  };
}
