/**
 * Class maps: PNG files whose pixels are numbers of classes, beside the pictures that they are of.
 *
 *   DIR/images/NAME.jpg   DIR/masks/NAME.png
 *   DIR/train/images/…    DIR/train/masks/…    DIR/test/images/…    DIR/test/masks/…
 *
 * A grey pixel is the number itself, one of a palette its place in that, as in the PASCAL VOC data.
 */
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, extname, join, relative } from 'node:path';
import { fail, latin1 } from '../base/index.js';
import { nearestPixels, refuseBroken, sizeOfPicture } from './picture.js';
import type { Image } from './pictures/image.js';

/** Folders of pictures and of their class maps, side by side. */
export const PICTURES = 'images';
export const MAPS = 'masks';

/** No class is known there; also beyond the edge of a picture. */
export const UNKNOWN = 255;

/** Files that a sentence lists. */
const LISTED = 5;

/**
 * The class map of every picture, by the picture's file.
 * @throws UserError where one is missing, or has another size.
 */
export async function classMapsOf(root: string, files: readonly string[]): Promise<Map<string, string>> {
  const folders = new Set(files.map((file) => join(dirname(dirname(file)), MAPS)));
  const maps = new Map<string, string>();
  for (const folder of folders)
    for (const name of await readdir(folder))
      if (extname(name).toLowerCase() === '.png') maps.set(join(folder, stem(name)), join(folder, name));
  const pairs = files.map((file) => [file, maps.get(join(dirname(dirname(file)), MAPS, stem(file)))]) as [
    string,
    string | undefined,
  ][];
  const without = pairs.filter(([, map]) => map === undefined).map(([file]) => relative(root, file));
  if (without.length > 0)
    fail(
      `${listed(without)} in ${root} ${without.length === 1 ? 'has' : 'have'} no class map; give a PNG of the same name in ${MAPS}, or remove ${without.length === 1 ? 'it' : 'them'}.`,
    );
  const found = new Map(pairs as [string, string][]);
  const classes = new Set<number>();
  for (const [file, map] of found) {
    const [own, theirs] = await Promise.all([
      sizeOfPicture(file),
      sizeOfPicture(map).catch((error) => refuseBroken(map, error)),
    ]);
    if (`${own}` !== `${theirs}`)
      fail(
        `${map} has ${theirs.join(' × ')} pixels but its picture ${own.join(' × ')}; a class map has a number for every pixel.`,
      );
    for (const number of (await readClassMap(map, theirs[0], theirs[1])).data) classes.add(number);
  }
  if (classes.size === 2 && classes.has(0) && classes.has(UNKNOWN))
    fail(
      `The class maps in ${root} hold 0 and ${UNKNOWN} only, and ${UNKNOWN} is where no class is known; save the second class as 1.`,
    );
  return found;
}

const stem = (file: string): string => basename(file, extname(file));

const listed = (names: readonly string[]): string =>
  `${names.slice(0, LISTED).join(', ')}${names.length > LISTED ? ` and ${names.length - LISTED} more` : ''}`;

/** A class map at a height and width, one channel; no two numbers are mixed. @throws UserError where it is none. */
export async function readClassMap(file: string, height: number, width: number): Promise<Image> {
  const palette = await paletteOf(file);
  const { data, channels } = await nearestPixels(file, [height, width]).catch((error) =>
    refuseBroken(file, error),
  );
  const at = (pixel: number, channel: number) => data[pixel * channels + Math.min(channel, channels - 1)];
  const classes = Uint8Array.from({ length: height * width }, (_, i) => {
    const colour = colourOf(at(i, 0), at(i, 1), at(i, 2));
    if (palette) return palette.get(colour) ?? UNKNOWN;
    if (at(i, 0) !== at(i, 1) || at(i, 0) !== at(i, 2))
      fail(
        `${file} has colours, but pixels of a class map are numbers of classes; save it as a grey PNG, or one with a palette.`,
      );
    return at(i, 0);
  });
  return { data: classes, channels: 1, height, width };
}

const colourOf = (red: number, green: number, blue: number): number => (red * 256 + green) * 256 + blue;

const SIGNATURE = 8;
/** Of a chunk: its length, and its kind, before what is in it; and a checksum after that. */
const [HEAD, CHECK] = [8, 4];
/** Of the header: its length, and where the kind of the colours is. */
const [HEADER, COLOURS] = [13, 9];
const BY_PALETTE = 3;

/** Numbers by colour, the first where several are alike; undefined where a PNG has no palette. */
async function paletteOf(file: string): Promise<Map<number, number> | undefined> {
  const handle = await open(file);
  try {
    const read = async (from: number, length: number) => {
      const bytes = new Uint8Array(length);
      await handle.read(bytes, 0, length, from);
      return bytes;
    };
    const header = await read(SIGNATURE + HEAD, HEADER);
    if (header[COLOURS] !== BY_PALETTE) return undefined;
    for (let at = SIGNATURE; ; ) {
      const head = await read(at, HEAD);
      const [length, kind] = [new DataView(head.buffer).getUint32(0), latin1(head.subarray(4))];
      if (kind === 'PLTE') return numbered(await read(at + HEAD, length));
      if (length === 0 || kind === 'IDAT') return undefined;
      at += HEAD + length + CHECK;
    }
  } finally {
    await handle.close();
  }
}

function numbered(colours: Uint8Array): Map<number, number> {
  const numbers = new Map<number, number>();
  for (let i = 0; 3 * i < colours.length; i++) {
    const colour = colourOf(colours[3 * i], colours[3 * i + 1], colours[3 * i + 2]);
    if (!numbers.has(colour)) numbers.set(colour, i);
  }
  return numbers;
}

/**
 * A class map moved as pictures are: every class by itself, as a picture of ones and zeros, and then the one that has most of each
 * pixel; unknown where the picture has been filled up.
 */
export function movedClassMap(map: Image, move: (image: Image) => Image): Image {
  const classes = [...new Set(map.data)];
  const channels = classes.length;
  const plane = map.height * map.width;
  const data = new Uint8Array(channels * plane);
  for (let i = 0; i < plane; i++) data[classes.indexOf(map.data[i]) * plane + i] = 1;
  const moved = move({ ...map, data, channels });
  const size = moved.height * moved.width;
  const chosen = Uint8Array.from({ length: size }, (_, i) => {
    let [best, most] = [UNKNOWN, 0];
    for (let c = 0; c < channels; c++)
      if (moved.data[c * size + i] > most) [best, most] = [classes[c], moved.data[c * size + i]];
    return best;
  });
  return { ...moved, data: chosen, channels: 1 };
}
