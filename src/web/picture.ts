/** Picture files in a page, decoded by the browser: what picture.ts of the data is in Node. */
import { fail } from '../base/index.js';
import type { Image } from '../data/index.js';
import { bytesAt, entryOf } from './files.js';

/** Pictures of more pixels are refused: their size is a mistake or an attack. */
const LARGEST = 2 ** 27;

/** TIFF alone of what sharp decodes is not for browsers. */
export const canDecode = async (format: string): Promise<boolean> => format !== 'tiff';

export async function requireDecoder(): Promise<void> {
  if (typeof createImageBitmap !== 'function' || typeof OffscreenCanvas !== 'function')
    fail('Pictures cannot be decoded here: update the browser, or give the data as an .npz file.');
}

async function bitmapOf(path: string, options: ImageBitmapOptions = {}): Promise<ImageBitmap> {
  const { content } = entryOf(path);
  const blob = content instanceof Blob ? content : new Blob([await bytesAt(path)]);
  const bitmap = await createImageBitmap(blob, {
    imageOrientation: 'from-image',
    premultiplyAlpha: 'none',
    ...options,
  });
  if (bitmap.width * bitmap.height > LARGEST) throw new Error('pixel limit');
  return bitmap;
}

export async function sizeOfPicture(path: string): Promise<readonly [height: number, width: number]> {
  const bitmap = await bitmapOf(path);
  const size = [bitmap.height, bitmap.width] as const;
  bitmap.close();
  return size;
}

export async function pixelsOfPicture(path: string, limit: number): Promise<Image> {
  const bitmap = await bitmapOf(path);
  const shrink = Math.min(1, limit / Math.min(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * shrink)));
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const plane = width * height;
  const planar = new Uint8Array(3 * plane);
  for (let c = 0; c < 3; c++) for (let i = 0; i < plane; i++) planar[c * plane + i] = data[4 * i + c];
  return { data: planar, channels: 3, height, width };
}

export async function nearestPixels(
  path: string,
  [height, width]: readonly [number, number],
): Promise<{ data: Uint8Array; channels: number }> {
  const bitmap = await bitmapOf(path, { colorSpaceConversion: 'none' });
  const context = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  context.imageSmoothingEnabled = false;
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return { data: new Uint8Array(context.getImageData(0, 0, width, height).data), channels: 4 };
}

/** @throws UserError that names the file. */
export const refuseBroken = (path: string): never =>
  fail(`Cannot decode the image ${path}; replace or remove it.`);

/** Why a picture cannot be decoded, in a few words. */
export function whyBroken(error: unknown, bytes: number): string {
  if (bytes === 0) return 'empty';
  return /pixel limit/.test((error as Error).message)
    ? 'too many pixels'
    : 'damaged, cut short, or no picture';
}
