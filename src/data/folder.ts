/**
 * Image folders: a folder per class, of PNG, JPEG, WebP, GIF (the first frame), TIFF and AVIF files. All of them are looked at when the folder
 * is opened (see check-up.ts), and decoded again when they are needed where not all fit into memory. Files of other kinds are left
 * out, which the data set's notes say.
 *
 * Without folders of classes, pictures that lie in the folder itself are samples without labels.
 *
 * With a folder `train` the classes are in there, and the test images in `test`, `val`, `valid` or `validation` (the first that is
 * there) in folders of the same names; otherwise a tenth, always the same, is held back for testing.
 */
import { createHash } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fail, reason } from '../base/index.js';
import type { Augmentation } from './augment.js';
import {
  type Broken,
  decodeAll,
  type OnProgress,
  openStore,
  type PictureHead,
  readHeads,
  type Store,
} from './check-up.js';
import { classMapsOf, MAPS, PICTURES, readClassMap } from './class-maps.js';
import { type Dataset, IMAGENET, type ImageShape, type Split, splitTest } from './dataset.js';
import { decodable, isPicture, type LeftOut, notesOn } from './kinds.js';
import { refuseBroken, requireDecoder } from './picture.js';
import type { ResizeMode } from './pictures/card.js';
import { expandHome, kindOf } from './source.js';

/** Files that are looked at together. */
const AT_A_TIME = 64;

/** What pictures of different sizes become where nobody says otherwise. */
const USUAL_SIZE = 224;

export interface FolderOptions {
  /** Of the images in a batch; default that of the pictures, where all have the same, else 224 × 224. */
  readonly size?: readonly [height: number, width: number];
  /** How pictures of other sizes are brought to it; default crop. */
  readonly resize?: ResizeMode;
  /** Leaves out the pictures that cannot be decoded. */
  readonly skipBroken?: boolean;
  /** Pictures have class maps beside them (see class-maps.ts). */
  readonly classMaps?: boolean;
  readonly onProgress?: OnProgress;
}

/** The picture files of a part, with the numbers of their classes. */
interface Part {
  /** The folder in which those of the classes are. */
  readonly root: string;
  readonly files: readonly string[];
  readonly labels: readonly number[];
}

/** What is in a folder of pictures. */
export interface CheckUp {
  readonly root: string;
  readonly classes: readonly string[];
  /** As many pictures of each class as are whole. */
  readonly train: Part;
  readonly test?: Part;
  /** The folder that the part for testing is in; absent where a tenth of all is held back for it. */
  readonly testFolder?: string;
  /** Folders of further parts, which are not used. */
  readonly unused: readonly string[];
  /** Of the pictures that are whole. */
  readonly heads: ReadonlyMap<string, PictureHead>;
  readonly broken: readonly Broken[];
  /** Files that are not looked at, by the ends of their names. */
  readonly leftOut: LeftOut;
  /** Pictures beside the folders of the classes, and folders inside of these, which are not looked at either. */
  readonly strays: readonly string[];
  /** In a batch. */
  readonly shape: ImageShape;
  readonly store: Store;
  /** By picture, where they have any. */
  readonly classMaps?: ReadonlyMap<string, string>;
}

/**
 * Opens a folder of images.
 *
 * @throws UserError when there are neither class folders nor images, one of them has no image, a test class is unknown, or pictures are broken, all of
 * which are named.
 */
export async function openFolder(path: string, options: FolderOptions = {}): Promise<Dataset> {
  const found = await checkUp(path, options);
  if (found.broken.length > 0 && !options.skipBroken) fail(brokenSentence(found));
  return datasetOf(found, options.resize);
}

/**
 * The data set of all pictures that are whole.
 * @throws UserError when a class has none.
 */
export function datasetOf(found: CheckUp, resize: ResizeMode = 'crop'): Dataset {
  const { root, classes, shape, broken } = found;
  refuseEmpty(found);
  const train = splitOf(found.train, found);
  const asTheyAre = [...found.heads.values()].every(
    ({ height, width }) => height === shape[1] && width === shape[2],
  );
  const mode = asTheyAre ? undefined : resize;
  return {
    ...{ name: 'images', classes, shape },
    ...(classes.length === 0 && { numbered: true as const }),
    ...(found.test ? { train, test: splitOf(found.test, found) } : splitTest(train)),
    notes: [
      ...skipped(broken, root),
      ...notesOn(found.leftOut, root),
      ...unusedNote(found),
      ...strayNote(found),
    ],
    ...IMAGENET,
    ...{ scale: 255, white: 255, resize: mode },
    augment: { train: training(mode, shape), test: mode ? { fit: mode } : {} },
  };
}

/**
 * ImageNet's random crops where pictures are cropped anyway; otherwise they are moved by up to an eighth, so that pictures which have the
 * size already are never resized.
 */
const training = (mode: ResizeMode | undefined, [, height, width]: ImageShape): Augmentation =>
  mode === 'crop'
    ? { resizedCrop: true, flip: true }
    : { fit: mode, crop: { padding: Math.round(Math.min(height, width) / 8) }, flip: true };

/**
 * Looks at all pictures of a folder.
 * @throws UserError when the folder cannot be read, holds no class folders, or a test class is unknown.
 */
export async function checkUp(path: string, options: FolderOptions = {}): Promise<CheckUp> {
  await requireDecoder();
  const root = resolve(expandHome(path));
  const layout = await (options.classMaps ? mapsLayoutOf(root) : layoutOf(root));
  const leftOut: LeftOut = new Map();
  const strays: string[] = [];
  const listed = async (folder: string) => {
    const { stray, ...part } = await listPart(folder, layout.classes, leftOut);
    strays.push(...stray.map((name) => relative(root, join(folder, name))));
    return part;
  };
  const train = await listed(layout.train);
  const test = layout.test === undefined ? undefined : await listed(layout.test);
  const files = [...train.files, ...(test?.files ?? [])];
  const { heads, broken: headless } = await readHeads(root, files);
  const shape: ImageShape = [3, ...(options.size ?? commonSize(heads))];
  const store = openStore(2 * Math.max(shape[1], shape[2]));
  const undecodable = await decodeAll(root, heads, { store, onProgress: options.onProgress });
  for (const { file } of undecodable) heads.delete(join(root, file));
  const classMaps = options.classMaps ? await classMapsOf(root, [...heads.keys()]) : undefined;
  const broken = [...headless, ...undecodable].sort((a, b) => (a.file < b.file ? -1 : 1));
  return {
    ...{ root, classes: layout.classes, testFolder: layout.test, unused: layout.unused },
    ...{ train: whole(train, heads), test: test && whole(test, heads) },
    ...{ heads, broken, leftOut, strays, shape, store, classMaps },
  };
}

/** The part without what is broken. */
function whole(part: Part, heads: ReadonlyMap<string, PictureHead>): Part {
  const kept = part.files.map((file) => heads.has(file));
  return {
    root: part.root,
    files: part.files.filter((_, i) => kept[i]),
    labels: part.labels.filter((_, i) => kept[i]),
  };
}

/** The size that all pictures have, where it is none that asks to be made smaller. */
function commonSize(heads: ReadonlyMap<string, PictureHead>): [number, number] {
  const [first] = heads.values();
  const { height, width } = first ?? { height: 0, width: 0 };
  const same = [...heads.values()].every((head) => head.height === height && head.width === width);
  return first && same && Math.max(height, width) <= USUAL_SIZE ? [height, width] : [USUAL_SIZE, USUAL_SIZE];
}

interface Layout {
  classes: readonly string[];
  /** Folders. */
  train: string;
  test?: string;
  /** Names of folders. */
  unused: readonly string[];
}

/** Pictures in one folder and their class maps in another, in parts or not. */
async function mapsLayoutOf(root: string): Promise<Layout> {
  const { folders: below } = await list(root);
  const inParts = below.includes('train');
  const [test, ...unused] = inParts ? TESTING.filter((name) => below.includes(name)) : [];
  const parts = inParts ? [join(root, 'train'), ...(test ? [join(root, test)] : [])] : [root];
  for (const part of parts) {
    const { folders } = await list(part);
    const missing = [PICTURES, MAPS].filter((name) => !folders.includes(name));
    if (missing.length > 0)
      fail(
        `${part} has no folder ${missing.join(' and no folder ')}; give pictures in ${PICTURES} and in ${MAPS} a PNG for each, of the same name, whose pixels are numbers of classes.`,
      );
  }
  const [train, tested] = parts.map((part) => join(part, PICTURES));
  return { classes: [], train, test: tested, unused };
}

const TESTING = ['test', 'val', 'valid', 'validation'];

async function layoutOf(root: string): Promise<Layout> {
  const { folders: below } = await list(root);
  const inParts = below.includes('train');
  const train = inParts ? join(root, 'train') : root;
  const { files, folders: classes } = await list(train);
  if (!classes.length && !files.some(isPicture))
    fail(
      `${train} holds no class folders; give a folder with one folder of images per class, or with images alone where no labels are needed.`,
    );
  if (`${classes}` === `${[PICTURES, MAPS]}`)
    fail(
      `${train} has pictures in ${PICTURES} and class maps in ${MAPS}: give --learn dense, which learns a class for every pixel, or ${join(train, PICTURES)} for the pictures alone.`,
    );
  const [test, ...unused] = inParts ? TESTING.filter((name) => below.includes(name)) : [];
  return { classes, train, test: test && join(root, test), unused };
}

async function listPart(
  root: string,
  classes: readonly string[],
  leftOut: LeftOut,
): Promise<Part & { stray: string[] }> {
  const here = await list(root);
  if (classes.length === 0) return withoutLabels(root, here, leftOut);
  const stray = here.files.filter(isPicture);
  const stranger = here.folders.find((name) => !classes.includes(name));
  if (stranger !== undefined) {
    fail(
      `${join(root, stranger)} is not a class of the training images (${classes.join(', ')}); rename or remove it.`,
    );
  }
  const files: string[] = [];
  const labels: number[] = [];
  for (const [label, name] of classes.entries()) {
    if (!here.folders.includes(name)) continue;
    const folder = join(root, name);
    const inside = await list(folder);
    stray.push(...inside.folders.map((inner) => join(name, inner)));
    const pictures = await decodable(inside.files, leftOut);
    files.push(...pictures.map((file) => join(folder, file)));
    labels.push(...pictures.map(() => label));
  }
  return { root, files, labels, stray };
}

/** The pictures that lie in the folder itself. */
async function withoutLabels(
  root: string,
  { files, folders }: Listing,
  leftOut: LeftOut,
): Promise<Part & { stray: string[] }> {
  const pictures = (await decodable(files, leftOut)).map((file) => join(root, file));
  return { root, files: pictures, labels: pictures.map(() => -1), stray: folders };
}

/** @throws UserError when a class has no picture to train on, or there is none to test on. */
function refuseEmpty({ train, test, classes, broken }: CheckUp): void {
  const found = new Set(train.labels);
  const empty = classes.findIndex((_, label) => !found.has(label));
  const kinds = `${broken.length > 0 ? 'whole ' : ''}PNG, JPEG, WebP, GIF, TIFF or AVIF image`;
  if (empty >= 0)
    fail(
      `${join(train.root, classes[empty])} holds no ${kinds}; every class needs at least one: add some or remove the folder.`,
    );
  if (train.files.length === 0)
    fail(`${train.root} holds no ${kinds}; add some, or folders of images of each class.`);
  if (test?.files.length === 0)
    fail(`${test.root} holds no ${kinds} in folders of the classes; add some or remove the folder.`);
}

/** Files that a sentence lists. */
const LISTED = 10;

/** Files by what is wrong with them. */
function listing(broken: readonly Broken[]): string {
  const reasons = [...new Set(broken.map(({ why }) => why))];
  const listed = reasons.flatMap((why) => broken.filter((one) => one.why === why)).slice(0, LISTED);
  const groups = reasons
    .map((why) => ({ why, files: listed.filter((one) => one.why === why).map(({ file }) => file) }))
    .filter(({ files }) => files.length > 0);
  const more = broken.length > LISTED ? `, and ${broken.length - LISTED} more` : '';
  return groups
    .map(({ why, files }) => `${files.join(', ')} (${why})`)
    .join(', ')
    .concat(more);
}

export const brokenSentence = ({ root, heads, broken }: CheckUp): string =>
  `${broken.length} of the ${heads.size + broken.length} pictures in ${root} cannot be decoded: ${listing(broken)}; replace or remove them, or leave them out with --skip-broken ('espalier data images:${root}' lists them all).`;

const skipped = (broken: readonly Broken[], root: string): string[] =>
  broken.length > 0
    ? [
        `${broken.length} ${broken.length === 1 ? 'picture' : 'pictures'} left out of ${root}, not to be decoded: ${listing(broken)}.`,
      ]
    : [];

const unusedNote = ({ root, unused, testFolder }: CheckUp): string[] =>
  unused.length > 0
    ? [
        `Not used: ${unused.map((name) => join(root, name)).join(', ')}, since ${testFolder} is the part for testing.`,
      ]
    : [];

function strayNote({ root, strays }: CheckUp): string[] {
  if (strays.length === 0) return [];
  const more = strays.length > LISTED ? `, and ${strays.length - LISTED} more` : '';
  return [
    `Not looked at in ${root}, as they are in no folder of a class or in folders inside of one: ${strays.slice(0, LISTED).join(', ')}${more}.`,
  ];
}

function splitOf({ root, files, labels }: Part, { shape, store, classMaps }: CheckUp): Split {
  const target = classMaps && {
    ...({ kind: 'classes', name: 'y', shape: [shape[1], shape[2]] } as const),
    async at(index: number) {
      const { height, width } = await store.at(files[index]);
      return readClassMap(classMaps.get(files[index])!, height, width);
    },
    digest: () =>
      digestOfFiles(
        root,
        files.map((file) => classMaps.get(file)!),
      ),
  };
  return {
    length: files.length,
    labels: Int32Array.from(labels),
    ...(target && { targets: [target] }),
    arrays: [
      {
        ...{ kind: 'images', shape },
        at: (index) => store.at(files[index]).catch((error) => refuseBroken(files[index], error)),
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

/** Names in a folder. */
interface Listing {
  files: string[];
  folders: string[];
}

/** What is in a folder, but for what is hidden, sorted by code unit so that it comes in the same order everywhere. */
async function list(folder: string): Promise<Listing> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) =>
    fail(
      `Cannot read the image folder ${folder}: ${reason(error)}; give a folder with one folder of images per class.`,
    ),
  );
  const seen = entries.filter(({ name }) => !name.startsWith('.'));
  const kinds = await Promise.all(
    seen.map((entry) =>
      entry.isSymbolicLink() ? kindOf(join(folder, entry.name)) : entry.isDirectory() ? 'folder' : 'file',
    ),
  );
  const of = (kind: string) => seen.flatMap(({ name }, i) => (kinds[i] === kind ? [name] : [])).sort();
  return { files: of('file'), folders: of('folder') };
}
