/**
 * Samples and labels in a NumPy .npz, a zip of .npy arrays, sample first: an array for each input of a model, and `y`, which may be
 * left out where a run needs no labels.
 *
 *   numpy.savez('vectors.npz', x=x, y=y)
 *   numpy.savez('texts.npz', input_ids=ids, attention_mask=mask, y=y)
 *   numpy.savez('images.npz', x_train=x, y_train=y, x_test=u, y_test=v)
 *
 * The array of an input has its name; that of the only input may be called `x` or `images`, and `y` `labels`. The parts for
 * training and testing end in `_train` and `_test`, or begin with `train_` and `test_` as MedMNIST has them; without a part
 * for testing a tenth is held back. An array `group` of numbers says which samples belong together, such as those of one patient: what
 * is held back is whole groups.
 *
 * Where the only input takes real numbers in four dimensions, or where it is not known and the array has three or four, they
 * are images:
 * N × C × H × W, N × H × W × C or N × H × W, whichever the model's shape says; where it does not, the axis of 1, 3 or 4 is the
 * channels, and of two such axes that which is in the model. Bytes
 * count 255 as 1, other numbers are taken as they are. All other arrays are what the model gets, number by number; an input
 * of whole numbers gets an array of whole numbers. A model with several inputs may have some that are the same for all samples (shared.ts).
 */
import { type UnzipFileInfo, unzip, unzipSync } from 'fflate';
import { fail, MOST_PER_BYTE, refuseBomb } from '../base/index.js';
import { isFloat, type Value } from '../onnx/index.js';
import {
  type Dataset,
  type Image,
  type ImageShape,
  images,
  imagesOf,
  isUnlabelled,
  numbers,
  type SampleArray,
  type Split,
  splitTest,
  statistics,
} from './dataset.js';
import { type NumpyArray, readNpy } from './npy.js';
import { looksChannelsLast } from './pictures/axes.js';
import { isShared, sharedNumbers } from './shared.js';
import { expandHome, readBytes } from './source.js';

const MOST_CLASSES = 100_000;

/** Whole numbers up to here are the same in float32, in which the engine computes. */
const LARGEST_WHOLE = 2 ** 24;

/** What the only array and the labels may be called. */
const NAMES = ['x', 'images'];
const LABELS = ['y', 'labels'];
/** What tells samples that belong together. */
const GROUPS = ['group', 'groups'];

type Part = 'train' | 'test' | 'whole';

/** What the array called `name` is called in the file, for a part of the samples. */
const spellings = (name: string, part: Part): string[] =>
  part === 'whole' ? [name] : [`${name}_${part}`, `${part}_${name}`];

/** How a model takes images. */
interface Taken {
  shape?: Value['shape'];
  channelsLast: boolean;
}

/** An array that a sample needs. */
interface Wanted {
  /** The input it is for; absent where there is but one. */
  name?: string;
  names: readonly string[];
  isImages: (rank: number) => boolean;
  /** Whether the model takes whole numbers there. */
  whole: boolean;
  /** How it takes images. */
  model?: Taken;
  /** What the model declares of an input that may be the same for all samples. */
  declared?: Value['shape'];
}

interface NpzOptions {
  /** How the model takes images. */
  channelsLast?: boolean;
  /** Arrays of what a model should answer. */
  targets?: readonly string[];
  /** The array of an only input has the input's own name, and its numbers are taken as they are. */
  named?: boolean;
}

/**
 * Opens an .npz file, with the arrays for a model's `inputs` where these are known; `channelsLast` says how the model takes images,
 * and so how they lie in the file where their shape does not tell.
 * @throws UserError when it is damaged, or lacks arrays or has others than the inputs take.
 */
export async function openNpz(
  path: string,
  inputs?: readonly Value[],
  { channelsLast = false, targets = [], named = false }: NpzOptions = {},
): Promise<Dataset> {
  const file = expandHome(path);
  const wanted = wantedFor(inputs, channelsLast, named);
  const { arrays, members } = await unzipArrays(await readBytes(file), file, wanted, targets);
  const split = (part: Part) => splitOf(part, wanted, arrays, { file, targets });
  const whole = split('train') ?? split('whole') ?? failMissing(file, wanted, members);
  const tested = split('test');
  const alike = tested && isUnlabelled(tested.split) === isUnlabelled(whole.split);
  const testing = alike ? tested : undefined;
  const { train, test } = testing ? { train: whole.split, test: testing.split } : splitTest(whole.split);
  for (const [a, { name = 'x', kind, shape }] of train.arrays.entries()) {
    const other = test.arrays[a].shape;
    const what = kind === 'images' ? 'images' : `samples of ${name}`;
    if (shape.join() !== other.join())
      fail(
        `${file} has training ${what} of ${shape.join(' × ')} but test ${kind === 'images' ? 'images' : 'samples'} of ${other.join(' × ')}; make them alike.`,
      );
  }
  const scale = whole.bytes ? 255 : 1;
  const classes =
    Math.max(...[train, test].map((part) => part.labels.reduce((most, label) => Math.max(most, label), 0))) +
    1;
  return {
    name: 'npz',
    classes: Array.from({ length: classes }, (_, label) => String(label)),
    numbered: true,
    shape: train.arrays[0].shape,
    train,
    test,
    ...statistics(whole.split, scale),
    scale,
    white: whole.bytes ? 255 : whiteOf(train),
    augment: { train: {}, test: {} },
  };
}

/** Of images in real numbers: 1 or 255 where they lie between 0 and that; others have been prepared in a way that nobody knows. */
function whiteOf(split: Split): number | undefined {
  const images = imagesOf(split);
  let [least, most] = [0, 0];
  for (let index = 0; images && index < split.length; index++)
    for (const value of (images.at(index) as Image).data) {
      if (value < least) least = value;
      if (value > most) most = value;
    }
  return !images || least < 0 || most > 255 ? undefined : most > 1 ? 255 : 1;
}

function wantedFor(inputs: readonly Value[] | undefined, channelsLast: boolean, named: boolean): Wanted[] {
  if (!inputs)
    return [
      { names: NAMES, isImages: (rank) => rank === 3 || rank === 4, whole: false, model: { channelsLast } },
    ];
  if (inputs.length === 1 && !named) {
    const [{ name, dtype, shape }] = inputs;
    const whole = !isFloat(dtype);
    const isImages = () => !whole && (shape?.length ?? 4) === 4;
    return [{ names: [...NAMES, name], isImages, whole, model: { shape, channelsLast } }];
  }
  return inputs.map(({ name, dtype, shape }) => ({
    ...{ name, names: [name], isImages: () => false, whole: !isFloat(dtype), declared: shape },
  }));
}

function failMissing(file: string, wanted: readonly Wanted[], members: readonly string[]): never {
  const held = members.length > 0 ? `; it holds ${members.join(', ')}` : '';
  const [{ name }] = wanted;
  if (name === undefined)
    fail(
      `${file} lacks training arrays; it needs x_train and y_train, x and y, or images and labels (and may have x_test and y_test; without labels x alone)${held}.`,
    );
  const names = wanted.map((array) => array.name);
  const has = (all: readonly string[]) =>
    (['train', 'whole'] as const).some((part) =>
      all.some((one) => spellings(one, part).some((spelling) => members.includes(spelling))),
    );
  const missing = names.filter((one) => !has([one!]));
  fail(
    `${file} lacks ${missing.length > 0 ? missing.join(' and ') : 'one part of its arrays'}${held}: it needs an array by the name of each of the model's inputs (${names.join(', ')}), and the labels y where there are any, all with _train and _test at their ends where there is a part for testing.`,
  );
}

/** Unpacks the wanted members of a zip, without trusting the sizes that it claims. */
async function unzipArrays(
  bytes: Uint8Array,
  file: string,
  arrays: readonly Wanted[],
  targets: readonly string[],
): Promise<{ arrays: Map<string, Uint8Array>; members: string[] }> {
  const wanted = new Set(
    (['train', 'test', 'whole'] as const).flatMap((part) =>
      [...arrays.flatMap(({ names }) => names), ...LABELS, ...GROUPS, ...targets].flatMap((name) =>
        spellings(name, part),
      ),
    ),
  );
  const damaged = (error: unknown): never =>
    fail(
      `${file} is not a whole .npz archive (${(error as Error).message}); save it again with numpy.savez.`,
    );
  const all: string[] = [];
  const members: UnzipFileInfo[] = [];
  const isWanted = ({ name }: UnzipFileInfo) => name.endsWith('.npy') && wanted.has(name.slice(0, -4));
  try {
    unzipSync(bytes, {
      filter(member) {
        all.push(member.name.replace(/\.npy$/, ''));
        return isWanted(member) && members.push(member) < 0;
      },
    });
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
  const packed = members.filter(({ compression }) => compression !== 0);
  const promised = packed.reduce((sum, { originalSize }) => sum + originalSize, 0);
  refuseBomb(file, promised, 'save it without compression, with numpy.savez, or fewer samples');
  const unpacked = await new Promise<Record<string, Uint8Array>>((resolve, reject) =>
    unzip(bytes, { filter: isWanted }, (error, files) => (error ? reject(error) : resolve(files))),
  ).catch(damaged);
  return {
    arrays: new Map(Object.entries(unpacked).map(([name, data]) => [name.slice(0, -4), data])),
    members: all,
  };
}

interface Read {
  split: Split;
  /** Whether they are images of bytes. */
  bytes: boolean;
}

/** The samples of a part, undefined where the file has not all that they need. */
function splitOf(
  part: Part,
  wanted: readonly Wanted[],
  arrays: ReadonlyMap<string, Uint8Array>,
  { file, targets }: { file: string; targets: readonly string[] },
): Read | undefined {
  const found = (names: readonly string[]) =>
    names.flatMap((name) => spellings(name, part)).find((name) => arrays.has(name));
  const y = found(targets.length > 0 ? spellingsOf(targets[0]) : LABELS);
  const given = new Map<string, NumpyArray>();
  const read = (name: string): NumpyArray => {
    const array = given.get(name) ?? readNpy(arrays.get(name)!, `${name} in ${file}`);
    given.set(name, array);
    return array;
  };
  const declared = wanted.map((array) => array.declared);
  const shared = (name: string, { declared: own }: Wanted) => isShared(read(name).shape, own, declared);
  const xs = wanted.map((array) => {
    const forAll = array.names.find((name) => arrays.has(name) && shared(name, array));
    return found(array.names) ?? forAll;
  });
  const missing = wanted.findIndex((_, a) => xs[a] === undefined);
  if (y !== undefined && missing >= 0 && part === 'test')
    fail(
      `${file} has ${y} but lacks ${spellings(wanted[missing].names[0], part)[0]}; add it, or leave ${y} out.`,
    );
  if (missing >= 0) return undefined;
  const labels = y === undefined ? undefined : read(y);
  const compared = targets.length > 0 ? undefined : labels;
  const taken = wanted.map((array, a): ArrayRead => {
    const x = xs[a]!;
    const { declared: own } = array;
    const inFile = read(x);
    return isShared(inFile.shape, own, declared)
      ? { array: sharedNumbers(checked(inFile, array, `${x} in ${file}`), own, array.name) }
      : arrayOf(inFile, array, { x, y, labels: compared, file });
  });
  const counted = taken.find(({ count }) => count !== undefined);
  if (counted?.count === undefined)
    return fail(
      `All arrays of ${file} are the same for every sample, so nothing says how many samples there are; give one of them sample first.`,
    );
  const { count, noun = 'sample', bytes = false } = counted;
  const other = taken.findIndex((one) => one.count !== undefined && one.count !== count);
  if (other >= 0)
    fail(`${file} has ${count} samples but ${taken[other].count} in ${xs[other]}; there must be as many.`);
  const own = taken.map(({ array }) => array);
  const g = found(GROUPS);
  const groups = g === undefined ? undefined : groupsOf(read(g), count, file);
  if (targets.length > 0) {
    const given = targets.map((name) => {
      const own = found(spellingsOf(name));
      return {
        name,
        spelling: own,
        array: own === undefined ? undefined : read(own),
      };
    });
    return withTargets({ arrays: own, count, bytes, given, groups, file });
  }
  const bad =
    labels?.data.findIndex((label) => !(Number.isInteger(label) && label >= 0 && label < MOST_CLASSES)) ?? -1;
  if (bad >= 0)
    fail(
      `${y} in ${file} gives ${noun} ${bad} the label ${labels!.data[bad]}; labels are whole numbers from 0 to ${MOST_CLASSES - 1}, and numbers to predict take --learn regression.`,
    );
  const length = labels?.data.length ?? count;
  const split = {
    length,
    labels: labels ? Int32Array.from(labels.data) : new Int32Array(length).fill(-1),
    arrays: own,
    ...(groups && { groups }),
  };
  return { split, bytes };
}

/** What an input gets; neither a number of samples nor anything of pictures where it is the same for all of them. */
interface ArrayRead {
  array: SampleArray;
  count?: number;
  noun?: string;
  bytes?: boolean;
}

/** A number for each group. @throws UserError where there is not one for every sample. */
function groupsOf({ shape, data }: NumpyArray, count: number, file: string): Int32Array {
  if (shape.length !== 1 || shape[0] !== count)
    fail(
      `${file} has ${count} samples but groups of ${shape.join(' × ')}; give one number for each sample, that of its group.`,
    );
  const numbers = new Map<number, number>();
  return Int32Array.from(data, (group) => {
    if (!numbers.has(group)) numbers.set(group, numbers.size);
    return numbers.get(group)!;
  });
}

/** What targets may be called in the file. */
const spellingsOf = (target: string): readonly string[] => (target === 'y' ? LABELS : [target]);

interface GivenTarget {
  name: string;
  /** In the file. */
  spelling?: string;
  array?: NumpyArray;
}

/** Samples with arrays of numbers, of any shape, that a model should answer. */
function withTargets({
  arrays,
  count,
  bytes,
  given,
  groups,
  file,
}: {
  arrays: readonly SampleArray[];
  count: number;
  bytes: boolean;
  given: readonly GivenTarget[];
  groups?: Int32Array;
  file: string;
}): Read {
  const targets = given.map(({ name, spelling, array }) => {
    if (!array)
      return fail(`${file} lacks ${name}, which holds what the model should answer; add it, sample first.`);
    const { shape, data } = array;
    if (shape[0] !== count)
      fail(`${file} has ${count} samples but ${shape[0] ?? 0} in ${spelling}; there must be as many.`);
    const wild = data.findIndex((value) => !Number.isFinite(value));
    if (wild >= 0)
      fail(`${spelling} in ${file} holds ${data[wild]}; targets are finite numbers: remove or correct it.`);
    return numbers(Float32Array.from(data), shape.slice(1), name);
  });
  const split = {
    length: count,
    labels: new Int32Array(count).fill(-1),
    arrays,
    ...{ targets, ...(groups && { groups }) },
  };
  return { split, bytes };
}

function arrayOf(
  given: NumpyArray,
  wanted: Wanted,
  { x, y, labels, file }: { x: string; y?: string; labels?: NumpyArray; file: string },
): Required<ArrayRead> {
  const { name, isImages, model, declared } = wanted;
  const pictures = isImages(given.shape.length);
  const noun = pictures ? 'image' : 'sample';
  const where = `${x} in ${file}`;
  const { shape, data } = pictures
    ? channelsFirst(given, where, model)
    : plain(given, where, declared?.length === 0 ? 0 : 1);
  const count = given.shape[0];
  if (labels && labels.data.length !== count)
    fail(
      `${file} has ${count} ${noun}s in ${x} but ${labels.shape.join(' × ')} labels in ${y}; there must be one label, a whole number, per ${noun}${labels.shape[0] === count ? ' (numpy.argmax makes it of one number for each class)' : ''}.`,
    );
  checked({ ...given, data }, wanted, where, { noun, size: data.length / count });
  const array = pictures ? images(data, shape as ImageShape) : numbers(data, shape, name);
  return { array, noun, count, bytes: pictures && data instanceof Uint8Array };
}

/** The array, with such numbers in it as the model takes. */
function checked(
  array: NumpyArray,
  { whole }: Wanted,
  where: string,
  { noun, size }: { noun: string; size?: number } = { noun: 'sample' },
): NumpyArray {
  const { data } = array;
  if (whole && !array.whole)
    fail(`${where} holds real numbers where the model takes whole ones; save it with astype(numpy.int64).`);
  const wild =
    data instanceof Uint8Array
      ? -1
      : data.findIndex((value) => !Number.isFinite(value) || (whole && Math.abs(value) > LARGEST_WHOLE));
  if (wild >= 0)
    fail(
      `${where} holds ${data[wild]}${size === undefined ? '' : ` in ${noun} ${Math.floor(wild / size)}`}; ${noun}s are ${whole ? `whole numbers of at most ${LARGEST_WHOLE}` : 'finite numbers'}: remove or correct it.`,
    );
  return array;
}

/** @throws UserError where the array has nothing in it, or fewer than `axes` beside that of the samples. */
function plain({ shape, data }: NumpyArray, where: string, axes: 0 | 1): Pick<NumpyArray, 'shape' | 'data'> {
  if (shape.length < 1 + axes || data.length === 0)
    fail(
      `${where} is ${shape.join(' × ') || 'a single number'}; samples come first and have an axis at least, as in N × features or N × length, and none of these is 0.`,
    );
  return { shape: shape.slice(1), data };
}

/** Whether images lie with their channels last: by the only order that the model takes, else by which axis could be the channels. */
function liesChannelsLast(shape: readonly number[], { shape: declared, channelsLast }: Taken): boolean {
  const [count, a, b, c] = shape;
  const fits = (dims: readonly number[]) =>
    (declared ?? []).slice(1).every((dim, axis) => typeof dim !== 'number' || dim === dims[axis]);
  const asTaken = fits([a, b, c]);
  const turned = fits(channelsLast ? [b, c, a] : [c, a, b]);
  if (asTaken !== turned) return asTaken === channelsLast;
  return channelsLast ? !looksChannelsLast([count, c, b, a]) : looksChannelsLast(shape);
}

function channelsFirst(
  { shape, data }: NumpyArray,
  where: string,
  model: Taken = { channelsLast: false },
): { shape: ImageShape; data: NumpyArray['data'] } {
  const [count, a, b, c] = shape;
  if ((shape.length !== 3 && shape.length !== 4) || data.length === 0) {
    fail(
      `${where} is ${shape.join(' × ')}; images are N × C × H × W, N × H × W × C or N × H × W, and none of these is 0.`,
    );
  }
  if (shape.length === 3) return { shape: [1, a, b], data };
  if (!liesChannelsLast(shape, model)) return { shape: [a, b, c], data };
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
