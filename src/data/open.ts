/** Opens a data set by what a person calls it on the command line. */
import { existsSync } from 'node:fs';
import { fail, nearest } from '../base/index.js';
import type { Value } from '../onnx/index.js';
import { type Dataset, imagesOf, type Split, withImages } from './dataset.js';
import { openDigits } from './digits.js';
import { openFolder } from './folder.js';
import { collect, isNamed, locate, NAMED, type SetName } from './named.js';
import { openNpz } from './npz.js';
import type { ResizeMode } from './pictures/card.js';

/** Options of {@link openDataset}. */
export interface OpenOptions {
  /** Instead of the data set's own. */
  readonly normalize?: { readonly mean: readonly number[]; readonly std: readonly number[] };
  /**
   * Of the images in a batch, a number for height and width alike; default their own (image folders whose pictures differ: 224).
   */
  readonly size?: number | readonly [height: number, width: number];
  /** How images of other sizes are brought to it; default crop. */
  readonly resize?: ResizeMode;
  /** Leaves out the pictures of a folder that cannot be decoded, which are an error otherwise. */
  readonly skipBroken?: boolean;
  /** Is told how many pictures of a folder have been looked at. */
  readonly onProgress?: (done: number, all: number) => void;
  /** The folder that holds data sets by name; ESPALIER_DATA when left out. */
  readonly directory?: string;
  /** Whether that model takes images with their channels last, as those of Keras do. */
  readonly channelsLast?: boolean;
  /** Inputs of the model that the data are for: what an .npz must hold (see npz.ts). Without them it holds one array x. */
  readonly inputs?: readonly Value[];
  /** An .npz has the array of an only input under the input's own name. */
  readonly named?: boolean;
  /** The `y` of an .npz holds numbers that the model should answer, not classes. */
  readonly targets?: readonly string[];
  /** Pictures of a folder have class maps beside them, which the model should answer. */
  readonly classMaps?: boolean;
}

/**
 * Opens `digits`, `cifar10[:DIR]`, `cifar100[:DIR]`, `mnist[:DIR]`, `fashion-mnist[:DIR]`, `images:DIR` or `npz:FILE`.
 * DIR is a folder or the archive the set is published as; without it the set is looked for in `directory`/NAME, then in
 * the cache.
 *
 * @throws UserError when there is no such data set, or it is missing or damaged.
 */
export async function openDataset(spec: string, options: OpenOptions = {}): Promise<Dataset> {
  const colon = spec.indexOf(':');
  const kind = colon < 0 ? spec : spec.slice(0, colon);
  const place = colon < 0 ? undefined : spec.slice(colon + 1);
  const { normalize, resize } = options;
  const size = typeof options.size === 'number' ? ([options.size, options.size] as const) : options.size;
  const wrong = size?.find((side) => !(Number.isInteger(side) && side > 0 && side <= 4096));
  if (wrong !== undefined) fail(`Images cannot be ${wrong} pixels wide; give a whole number from 1 to 4096.`);
  const dataset = await openKind(kind, place, spec, { ...options, size });
  const plain = size === undefined ? (normalize ? 'normalised' : undefined) : 'resized';
  if (plain && !imagesOf(dataset.train))
    fail(
      `The data in ${spec} are not images, and only images are ${plain}; leave that out and prepare the numbers in the file.`,
    );
  const channels = dataset.shape[0];
  if (normalize && ![1, channels].includes(normalize.mean.length)) {
    fail(
      `The normalisation has ${normalize.mean.length} channels but the images of ${spec} have ${channels}; give ${channels} means and ${channels} deviations.`,
    );
  }
  return { ...(size === undefined ? dataset : resized(dataset, size, resize)), ...normalize };
}

async function openKind(
  kind: string,
  place: string | undefined,
  spec: string,
  options: OpenOptions & { size?: readonly [number, number] },
): Promise<Dataset> {
  const classMaps = options.classMaps && kind === 'images';
  if (options.targets?.length && kind !== 'npz' && !classMaps)
    fail(
      `${spec} has class labels, but this objective learns numbers; give them as ${options.targets.join(' and ')} in npz:FILE.`,
    );
  if (spec === 'digits') return openDigits();
  if (kind === 'images' && place) return openFolder(place, options);
  if (kind === 'npz' && place) return openNpz(place, options.inputs, options);
  if (isNamed(kind)) return openNamed(kind, place, options.directory);
  return fail(
    `There is no data set '${spec}'${meant(kind, place)}; give digits, ${Object.keys(NAMED).join('[:DIR], ')}[:DIR], images:DIR or npz:FILE.`,
  );
}

/** What was probably meant: a set by its name, or a path that lacks its kind. */
function meant(kind: string, place?: string): string {
  const path = place === undefined && (/[\\/.]/.test(kind) || existsSync(kind));
  const guess = path
    ? `${/\.npz$/i.test(kind) ? 'npz' : 'images'}:${kind}`
    : nearest(kind, ['digits', ...Object.keys(NAMED), 'images', 'npz']);
  if (!guess || guess === kind) return '';
  return ` (did you mean ${guess}${place === undefined || guess === 'digits' ? '' : `:${place}`}?)`;
}

async function openNamed(name: SetName, place?: string, directory?: string): Promise<Dataset> {
  const { parse, classes, mean, std, augment } = NAMED[name];
  const { train, test } = parse(await collect(name, await locate(name, place, directory)));
  return {
    name,
    classes,
    shape: imagesOf(train)!.shape,
    train,
    test,
    mean,
    std,
    scale: 255,
    white: 255,
    augment: { train: augment, test: {} },
  };
}

/** The data set with batches of images at `size`; a folder's have it already. */
function resized(
  dataset: Dataset,
  [height, width]: readonly [number, number],
  resize: ResizeMode = 'crop',
): Dataset {
  const [channels, ...own] = dataset.shape;
  if (own[0] === height && own[1] === width) return dataset;
  const shape = [channels, height, width] as const;
  const at = (split: Split): Split => withImages(split, (images) => ({ ...images, shape }));
  const { train, test } = dataset.augment;
  return {
    ...{ ...dataset, shape, resize, train: at(dataset.train), test: dataset.test && at(dataset.test) },
    augment: { train: { ...train, fit: resize }, test: { ...test, fit: resize } },
  };
}
