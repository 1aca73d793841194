/** Picture files: their sizes, and what is in them. */
import { fail } from '../base/index.js';
import { decoder } from './decoder.js';
import type { Image } from './pictures/image.js';

/** Kinds of pictures, as the library that decodes calls them. */
export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'heif';

/** Pictures of more pixels are refused: their size is a mistake or an attack. */
const LARGEST = 2 ** 27;

/** @throws UserError where pictures cannot be decoded. */
export const requireDecoder = async (): Promise<void> => void (await decoder());

/** Whether pictures of that kind, as the decoder calls it, are decoded here. */
export async function canDecode(format: PictureFormat): Promise<boolean> {
  const { default: sharp } = await decoder();
  return sharp.format[format].input.file;
}

const opened = async (path: string) => (await decoder()).default(path, { limitInputPixels: LARGEST });

/** Height and width of a picture as its camera meant it, by the head of its file alone. Throws what the decoder throws. */
export async function sizeOfPicture(path: string): Promise<readonly [height: number, width: number]> {
  const { autoOrient } = await (await opened(path)).metadata();
  return [autoOrient.height, autoOrient.width];
}

/**
 * Decodes a picture to RGB bytes, upright as its camera meant it and with transparency dropped. One whose shorter side is
 * longer than `limit` is shrunk to it, so that a camera's full size is never held in memory for a small crop of it. Throws what the decoder throws.
 */
export async function pixelsOfPicture(path: string, limit: number): Promise<Image> {
  const { data, info } = await (await opened(path))
    .autoOrient()
    .resize(limit, limit, { fit: 'outside', withoutEnlargement: true })
    .removeAlpha()
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const plane = width * height;
  const planar = new Uint8Array(3 * plane);
  for (let c = 0; c < 3; c++) {
    const from = Math.min(c, channels - 1);
    for (let i = 0; i < plane; i++) planar[c * plane + i] = data[i * channels + from];
  }
  return { data: planar, channels: 3, height, width };
}

/** Pixels of a picture brought to a size, no two of them mixed, `channels` numbers for each. Throws what the decoder throws. */
export async function nearestPixels(
  path: string,
  [height, width]: readonly [number, number],
): Promise<{ data: Uint8Array; channels: number }> {
  const { data, info } = await (await decoder())
    .default(path)
    .resize(width, height, { fit: 'fill', kernel: 'nearest' })
    .removeAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  return { data, channels: info.channels };
}

/** @throws UserError that names the file. */
export const refuseBroken = (path: string, error: unknown): never =>
  fail(`Cannot decode the image ${path} (${firstLine(error)}); replace or remove it.`);

/** Why a picture cannot be decoded, in a few words. */
export function whyBroken(error: unknown, bytes: number): string {
  if (bytes === 0) return 'empty';
  const line = firstLine(error);
  if (/unsupported image format/i.test(line)) return 'no picture inside, or of another kind than is read';
  if (/pixel limit/i.test(line)) return 'too many pixels';
  // The decoder's own words, but where they are about its settings.
  return /failOn/.test(line) ? 'damaged or cut short' : `damaged or cut short: ${line}`;
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0].replace(/:\s*$/, '');
