/**
 * Images and labels in a NumPy .npz, a zip of .npy arrays: `x_train` and `y_train` with `x_test` and `y_test` beside them,
 * `train_images` … as MedMNIST has them, or `x` and `y` or `images` and `labels`, of which a tenth is then held back for
 * testing.
 *
 * Images are N × C × H × W, N × H × W × C or N × H × W; the axis of 1, 3 or 4 is the channels, the second where both could
 * be. Bytes count 255 as 1, other numbers are taken as they are.
 */
import { type UnzipFileInfo, unzip, unzipSync } from 'fflate';
import { fail } from '../base/errors.js';
import { type Dataset, type ImageShape, memorySplit, type Split, splitTest, statistics } from './dataset.js';
import { type NumpyArray, readNpy } from './npy.js';
import { expandHome, readBytes } from './source.js';

const TRAIN = [
  ['x_train', 'y_train'],
  ['train_images', 'train_labels'],
  ['x', 'y'],
  ['images', 'labels'],
] as const;

const TEST = [
  ['x_test', 'y_test'],
  ['test_images', 'test_labels'],
] as const;

/** No byte of a deflate stream unpacks to more: what promises to is not what it says. */
const MOST_PER_BYTE = 1032;

const MOST_CLASSES = 100_000;

/** Opens an .npz file. @throws UserError when it is damaged or lacks the arrays. */
export async function openNpz(path: string): Promise<Dataset> {
  const file = expandHome(path);
  const wanted: readonly string[] = [...TRAIN, ...TEST].flat();
  const arrays = await unzipArrays(await readBytes(file), file, wanted);
  const pair = (names: readonly (readonly [string, string])[]) =>
    names.find(([x, y]) => arrays.has(x) && arrays.has(y));
  const split = (names: readonly [string, string]) => {
    const [x, y] = names.map((name) => readNpy(arrays.get(name)!, `${name} in ${file}`));
    return arraySplit(x, y, names, file);
  };
  const names =
    pair(TRAIN) ??
    fail(
      `${file} lacks training arrays; it needs x_train and y_train, x and y, or images and labels (and may have x_test and y_test).`,
    );
  const testNames = pair(TEST);
  const whole = split(names);
  const { train, test } = testNames ? { train: whole, test: split(testNames) } : splitTest(whole);
  if (train.shape.join() !== test.shape.join()) {
    fail(
      `${file} has training images of ${train.shape.join(' × ')} but test images of ${test.shape.join(' × ')}; make them alike.`,
    );
  }
  const scale = whole.bytes ? 255 : 1;
  const classes =
    Math.max(...[train, test].map((part) => part.labels.reduce((most, label) => Math.max(most, label), 0))) +
    1;
  return {
    name: 'npz',
    classes: Array.from({ length: classes }, (_, label) => String(label)),
    shape: train.shape,
    train,
    test,
    ...statistics(whole, scale),
    scale,
    augment: { train: {}, test: {} },
  };
}

/** Unpacks the wanted members of a zip, without trusting the sizes that it claims. */
async function unzipArrays(
  bytes: Uint8Array,
  file: string,
  wanted: readonly string[],
): Promise<Map<string, Uint8Array>> {
  const damaged = (error: unknown): never =>
    fail(
      `${file} is not a whole .npz archive (${(error as Error).message}); save it again with numpy.savez.`,
    );
  const members: UnzipFileInfo[] = [];
  const isWanted = ({ name }: UnzipFileInfo) => name.endsWith('.npy') && wanted.includes(name.slice(0, -4));
  try {
    unzipSync(bytes, { filter: (member) => isWanted(member) && members.push(member) < 0 });
  } catch (error) {
    damaged(error);
  }
  const liar = members.find(
    ({ size, originalSize }) => size > bytes.length || originalSize > size * MOST_PER_BYTE,
  );
  if (liar)
    fail(
      `${file} claims an impossible size for ${liar.name}; it is damaged: save it again with numpy.savez.`,
    );
  const unpacked = await new Promise<Record<string, Uint8Array>>((resolve, reject) =>
    unzip(bytes, { filter: isWanted }, (error, files) => (error ? reject(error) : resolve(files))),
  ).catch(damaged);
  return new Map(Object.entries(unpacked).map(([name, data]) => [name.slice(0, -4), data]));
}

function arraySplit(
  images: NumpyArray,
  labels: NumpyArray,
  [x, y]: readonly [string, string],
  file: string,
): Split & { bytes: boolean } {
  const { shape, data } = channelsFirst(images, `${x} in ${file}`);
  const count = images.shape[0];
  if (labels.data.length !== count || count === 0) {
    fail(
      `${file} has ${count} images in ${x} but ${labels.data.length} labels in ${y}; there must be one label, a whole number, per image.`,
    );
  }
  const bad = labels.data.findIndex(
    (label) => !(Number.isInteger(label) && label >= 0 && label < MOST_CLASSES),
  );
  if (bad >= 0)
    fail(
      `${y} in ${file} gives image ${bad} the label ${labels.data[bad]}; labels are whole numbers from 0 to ${MOST_CLASSES - 1}.`,
    );
  const wild = data instanceof Uint8Array ? -1 : data.findIndex((value) => !Number.isFinite(value));
  if (wild >= 0)
    fail(
      `${x} in ${file} holds ${data[wild]} in image ${Math.floor(wild / (data.length / count))}; images are finite numbers: remove or mend it.`,
    );
  return { ...memorySplit(data, Int32Array.from(labels.data), shape), bytes: data instanceof Uint8Array };
}

function channelsFirst(
  { shape, data }: NumpyArray,
  where: string,
): { shape: ImageShape; data: NumpyArray['data'] } {
  const [count, a, b, c] = shape;
  if ((shape.length !== 3 && shape.length !== 4) || data.length === 0) {
    fail(
      `${where} is ${shape.join(' × ')}; images are N × C × H × W, N × H × W × C or N × H × W, and none of these is 0.`,
    );
  }
  if (shape.length === 3) return { shape: [1, a, b], data };
  const isChannels = (n: number) => n === 1 || n === 3 || n === 4;
  if (isChannels(a) || !isChannels(c)) return { shape: [a, b, c], data };
  const plane = a * b;
  const planar = data instanceof Uint8Array ? new Uint8Array(data.length) : new Float32Array(data.length);
  for (let n = 0; n < count; n++) {
    for (let channel = 0; channel < c; channel++) {
      const to = (n * c + channel) * plane;
      for (let i = 0; i < plane; i++) planar[to + i] = data[(n * plane + i) * c + channel];
    }
  }
  return { shape: [c, a, b], data: planar };
}
