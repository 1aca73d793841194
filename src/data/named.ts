/**
 * The data sets known by name: what their files are called, where they are published, how they are read and normalised.
 *
 * Normalisation: the mean and standard deviation of the training pixels, as customary for each.
 */
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../base/index.js';
import type { Augmentation } from './augment.js';
import { cifarSplit } from './cifar.js';
import type { Split } from './dataset.js';
import { idxSplit } from './idx.js';
import {
  archiveSource,
  cacheDirectory,
  expandHome,
  type Found,
  folderSource,
  kindOf,
  type Source,
} from './source.js';

export type SetName = 'cifar10' | 'cifar100' | 'mnist' | 'fashion-mnist';

export interface NamedSet {
  readonly title: string;
  /** What to fetch, and from which page. */
  readonly download: string;
  readonly archive?: string;
  /** Folders the files may be in, as the archive makes them. */
  readonly subfolders: readonly string[];
  /** The files the set may consist of, each under its alternative names, the usual one first. */
  readonly layouts: readonly (readonly (readonly string[])[])[];
  readonly classes: readonly string[];
  readonly mean: readonly number[];
  readonly std: readonly number[];
  readonly augment: Augmentation;
  /** Makes the splits of the files of one layout, in its order. */
  parse(files: readonly Found[]): { train: Split; test: Split };
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** Rows to train on, then the one file to test on. */
const cifar = (labelBytes: 1 | 2, classes: number) => (files: readonly Found[]) => ({
  train: cifarSplit(files.slice(0, -1), labelBytes, classes),
  test: cifarSplit(files.slice(-1), labelBytes, classes),
});

const idxFiles = ['train-images idx3', 'train-labels idx1', 't10k-images idx3', 't10k-labels idx1'].map(
  (file) => [`${file.replace(' ', '-')}-ubyte`, `${file.replace(' ', '.')}-ubyte`],
);

const idx = (files: readonly Found[]) => ({
  train: idxSplit(files[0], files[1], 10),
  test: idxSplit(files[2], files[3], 10),
});

const CIFAR_AUGMENT: Augmentation = { crop: { padding: 4 }, flip: true };

export const NAMED: Readonly<Record<SetName, NamedSet>> = {
  cifar10: {
    title: 'CIFAR-10',
    download: 'cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html',
    archive: 'cifar-10-binary.tar.gz',
    subfolders: ['cifar-10-batches-bin'],
    layouts: [
      [['train.bin'], ['test.bin']],
      [...[1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`]), ['test_batch.bin']],
    ],
    classes: words('airplane automobile bird cat deer dog frog horse ship truck'),
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.2435, 0.2616],
    augment: CIFAR_AUGMENT,
    parse: cifar(1, 10),
  },
  cifar100: {
    title: 'CIFAR-100',
    download: 'cifar-100-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html',
    archive: 'cifar-100-binary.tar.gz',
    subfolders: ['cifar-100-binary'],
    layouts: [[['train.bin'], ['test.bin']]],
    classes: words(`
      apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
      caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
      forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
      mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
      possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
      sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale
      willow_tree wolf woman worm`),
    mean: [0.5071, 0.4865, 0.4409],
    std: [0.2673, 0.2564, 0.2762],
    augment: CIFAR_AUGMENT,
    parse: cifar(2, 100),
  },
  mnist: {
    title: 'MNIST',
    download: 'the four *-ubyte.gz files of MNIST (http://yann.lecun.com/exdb/mnist or a mirror)',
    subfolders: [],
    layouts: [idxFiles],
    classes: words('0 1 2 3 4 5 6 7 8 9'),
    mean: [0.1307],
    std: [0.3081],
    augment: {},
    parse: idx,
  },
  'fashion-mnist': {
    title: 'Fashion-MNIST',
    download: 'the four *-ubyte.gz files from https://github.com/zalandoresearch/fashion-mnist',
    subfolders: [],
    layouts: [idxFiles],
    classes: words('T-shirt/top Trouser Pullover Dress Coat Sandal Shirt Sneaker Bag Ankle_boot'),
    mean: [0.286],
    std: [0.353],
    augment: {},
    parse: idx,
  },
};

export const isNamed = (name: string): name is SetName => Object.hasOwn(NAMED, name);

/** The files of one layout, each with the name it usually has. */
export type SetFiles = (Found & { name: string })[];

/** The place of a named set: the one given, else under `directory` (ESPALIER_DATA), else in the cache. */
export async function locate(
  name: SetName,
  explicit?: string,
  directory = process.env.ESPALIER_DATA,
): Promise<string> {
  const places = explicit
    ? [expandHome(explicit)]
    : [...(directory ? [join(expandHome(directory), name)] : []), cacheDirectory(name)];
  for (const place of places) {
    if (
      await access(place).then(
        () => true,
        () => false,
      )
    )
      return place;
  }
  return fail(missing(name, `is not at ${places.join(' or ')}`));
}

/**
 * Collects the files of a named set from a folder or an archive.
 *
 * @throws UserError when none or not all are there, or one cannot be unpacked.
 */
export async function collect(name: SetName, place: string): Promise<SetFiles> {
  const { archive, subfolders, layouts } = NAMED[name];
  const from = async (source: Source) => {
    for (const layout of layouts) {
      const files = await collectLayout(name, place, layout, source);
      if (files) return files;
    }
    return undefined;
  };
  if ((await kindOf(place)) === 'file') {
    return (await from(await archiveSource(place))) ?? fail(missing(name, `is not in the archive ${place}`));
  }
  const packed = join(place, archive ?? '');
  return (
    (await from(folderSource(place, subfolders))) ??
    ((await kindOf(packed)) === 'file' ? await from(await archiveSource(packed)) : undefined) ??
    fail(
      missing(
        name,
        `has none of its files in ${place} (looked for ${layouts.map((l) => l[0][0]).join(' or ')})`,
      ),
    )
  );
}

async function collectLayout(
  name: SetName,
  place: string,
  layout: readonly (readonly string[])[],
  source: Source,
): Promise<SetFiles | undefined> {
  const found: SetFiles = [];
  const absent: string[] = [];
  for (const names of layout) {
    const file = await source(names);
    if (file) found.push({ ...file, name: names[0] });
    else absent.push(names[0]);
  }
  if (!found.length) return undefined;
  return absent.length
    ? fail(missing(name, `is not whole in ${place}: ${absent.join(', ')} not found`))
    : found;
}

function missing(name: SetName, what: string): string {
  const { title, download } = NAMED[name];
  return `${title} ${what}; download ${download} and run 'espalier data ${name} --from DIR' with the folder it is in, or name its folder as ${name}:DIR.`;
}
