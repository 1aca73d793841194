/**
 * Image folders: a folder per class, of PNG, JPEG, WebP, GIF (the first frame), TIFF and AVIF files, read and decoded when they
 * are needed. Files of other kinds are left out, which the data set's notes say.
 *
 * With a folder `train` the classes are in there, and the test images in `test`, `val` or `validation` (the first that is
 * there) in folders of the same names; otherwise a tenth, always the same, is held back for testing.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { fail } from '../base/errors.js';
import { reason } from '../base/files.js';
import { type Dataset, IMAGENET, type Image, type ImageShape, type Split, splitTest } from './dataset.js';
import { decodable, decoder, type LeftOut, notesOn } from './kinds.js';
import { expandHome, kindOf } from './source.js';

/** Files that are looked at together. */
const AT_A_TIME = 64;

/** Pictures of more pixels are refused: their size is a mistake or an attack. */
const LARGEST = 2 ** 27;

/**
 * Opens a folder of images; batches hold them at `size` × `size`.
 *
 * @throws UserError when there are no class folders, one of them has no image, or a test class is unknown. An image that
 * cannot be decoded is named when its turn comes.
 */
export async function openFolder(path: string, size = 224): Promise<Dataset> {
  await decoder();
  const root = expandHome(path);
  const below = await folders(root);
  const trainRoot = below.includes('train') ? join(root, 'train') : root;
  const testName = trainRoot !== root && ['test', 'val', 'validation'].find((name) => below.includes(name));
  const classes = trainRoot === root ? below : await folders(trainRoot);
  if (!classes.length) {
    fail(`${trainRoot} holds no class folders; give a folder with one folder of images per class.`);
  }
  const shape: ImageShape = [3, size, size];
  const leftOut: LeftOut = new Map();
  const train = await openSplit(trainRoot, { classes, shape, leftOut });
  const parts = testName
    ? { train, test: await openSplit(join(root, testName), { classes, shape, leftOut }) }
    : splitTest(train);
  return {
    name: 'images',
    classes,
    shape,
    ...parts,
    notes: notesOn(leftOut, root),
    ...IMAGENET,
    scale: 255,
    augment: {
      train: { resizedCrop: true, flip: true },
      test: { centreCrop: { resize: Math.round((size * 256) / 224) } },
    },
  };
}

async function openSplit(
  root: string,
  { classes, shape, leftOut }: { classes: readonly string[]; shape: ImageShape; leftOut: LeftOut },
): Promise<Split> {
  const stranger = (await folders(root)).find((name) => !classes.includes(name));
  if (stranger !== undefined) {
    fail(
      `${join(root, stranger)} is not a class of the training images (${classes.join(', ')}); rename or remove it.`,
    );
  }
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    const folder = join(root, name);
    const names = (await list(folder)).filter((file) => !file.startsWith('.'));
    const pictures = await decodable(names, leftOut);
    if (!pictures.length) {
      fail(
        `${folder} holds no PNG, JPEG, WebP, GIF, TIFF or AVIF image; every class needs at least one: add some or remove the folder.`,
      );
    }
    files.push(...pictures.map((file) => join(folder, file)));
    labels.push(...pictures.map(() => label));
  }
  const limit = 2 * Math.max(shape[1], shape[2]);
  return {
    length: files.length,
    labels: Int32Array.from(labels),
    arrays: [
      {
        ...{ kind: 'images', shape },
        at: (index) => decode(files[index], limit),
        digest: () => digestOfFiles(root, files),
      },
    ],
  };
}

/** Of names and sizes: reading all pictures of a large folder would take as long as an epoch. */
async function digestOfFiles(root: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (let from = 0; from < files.length; from += AT_A_TIME) {
    const some = files.slice(from, from + AT_A_TIME);
    const sizes = await Promise.all(some.map((file) => stat(file).then(({ size }) => size)));
    for (const [i, file] of some.entries())
      hash.update(JSON.stringify([relative(root, file).split(sep), sizes[i]]));
  }
  return hash.digest('hex');
}

async function folders(root: string): Promise<string[]> {
  const names = (await list(root)).filter((name) => !name.startsWith('.'));
  const kinds = await Promise.all(names.map((name) => kindOf(join(root, name))));
  return names.filter((_, i) => kinds[i] === 'folder');
}

/** The names in a folder, sorted by code unit so that they come in the same order everywhere. */
async function list(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error) =>
    fail(
      `Cannot read the image folder ${folder}: ${reason(error)}; give a folder with one folder of images per class.`,
    ),
  );
  return names.sort();
}

/**
 * Decodes a picture to RGB bytes, upright as its camera meant it and with transparency dropped. One whose shorter side is
 * longer than `limit` is shrunk to it, so that a camera's full size is never held in memory for a small crop of it.
 *
 * @throws UserError, naming the file, when it cannot be decoded.
 */
export async function decode(path: string, limit: number): Promise<Image> {
  const { default: sharp } = await decoder();
  const { data, info } = await sharp(path, { limitInputPixels: LARGEST })
    .autoOrient()
    .resize(limit, limit, { fit: 'outside', withoutEnlargement: true })
    .removeAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((error) =>
      fail(
        `Cannot decode the image ${path} (${(error as Error).message.split('\n')[0]}); replace or remove it.`,
      ),
    );
  const { width, height, channels } = info;
  const plane = width * height;
  const planar = new Uint8Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const from = Math.min(c, channels - 1);
    for (let i = 0; i < plane; i++) planar[c * plane + i] = data[i * channels + from];
  }
  return { data: planar, channels: 3, height, width };
}
