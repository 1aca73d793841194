/** Pictures as a program has them: pixels, or in a page anything that can be drawn. */
import { fail } from '../base/index.js';
import type { Image } from '../data/pictures/index.js';

/** Rows of pixels, their channels side by side: an ImageData, or what a decoder gives. */
export interface Pixels {
  /** width × height × 4 bytes (red, green, blue, transparency), × 3 without transparency, or × 1 for grey. */
  readonly data: Uint8Array | Uint8ClampedArray;
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** What a page can draw: an ImageBitmap, a canvas, a video frame, an <img> that has loaded. */
export interface Drawable {
  /** Width in pixels. */
  readonly width: number;
  /** Height in pixels. */
  readonly height: number;
}

/** In a page also a Blob, and so a File that somebody has chosen. */
export type Picture = Pixels | Drawable | Blob;

/** The picture's red, green and blue, or grey; transparency is dropped, as in training. */
export async function imageOf(picture: Picture): Promise<Image> {
  const { data, width, height } = isPixels(picture) ? picture : await drawn(picture);
  const channels = data.length / (width * height);
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && [1, 3, 4].includes(channels)))
    fail(
      `A picture of ${width} × ${height} pixels has ${width * height} × 4 bytes, × 3 without transparency or × 1 in grey, but this one has ${data.length}.`,
    );
  const plane = width * height;
  const kept = channels === 1 ? 1 : 3;
  const planar = new Uint8Array(kept * plane);
  for (let c = 0; c < kept; c++)
    for (let i = 0; i < plane; i++) planar[c * plane + i] = data[i * channels + c];
  return { data: planar, channels: kept, height, width };
}

function isPixels(picture: Picture): picture is Pixels {
  const { data } = Object(picture) as Partial<Pixels>;
  return data instanceof Uint8Array || data instanceof Uint8ClampedArray;
}

const isBlob = (picture: unknown): picture is Blob => typeof Blob === 'function' && picture instanceof Blob;

/** Sides of what is drawn, which elements call by names of their own. */
const SIDES = [
  ['naturalWidth', 'naturalHeight'],
  ['videoWidth', 'videoHeight'],
  ['displayWidth', 'displayHeight'],
  ['width', 'height'],
] as const;

/** Draws it at its own size, to read the pixels. */
async function drawn(picture: Drawable | Blob): Promise<Pixels> {
  if (typeof createImageBitmap !== 'function')
    fail(
      'A picture is { data, width, height } here, its data the bytes of a Uint8Array: files and elements are decoded in browsers only.',
    );
  const source = isBlob(picture) ? await decoded(picture) : picture;
  const sides = Object(source) as Partial<Record<string, number>>;
  const [wide, high] = SIDES.find(([name]) => typeof sides[name] === 'number') ?? [];
  const [width, height] = [sides[wide ?? ''] ?? 0, sides[high ?? ''] ?? 0];
  if (!(width > 0 && height > 0))
    fail(
      'This is not a picture, or it has not loaded yet: give an ImageData, an ImageBitmap, a canvas, a loaded <img>, a File, or { data, width, height }.',
    );
  const context = canvasOf(width, height);
  try {
    context.drawImage(source as CanvasImageSource, 0, 0);
    return context.getImageData(0, 0, width, height);
  } catch (error) {
    return fail(
      `The picture cannot be drawn (${(error as Error).message}); give an ImageData, an ImageBitmap, a canvas or a File, from the page's own site.`,
    );
  } finally {
    if (source !== picture) (source as ImageBitmap).close();
  }
}

/** Upright, as in training, and with the colours of what is transparent as they are. */
const decoded = (file: Blob): Promise<ImageBitmap> =>
  createImageBitmap(file, { imageOrientation: 'from-image', premultiplyAlpha: 'none' }).catch(() =>
    fail(
      `${(file as File).name ?? 'The file'} cannot be decoded as a picture; give a PNG, a JPEG, a WebP, or another kind that this browser shows.`,
    ),
  );

function canvasOf(
  width: number,
  height: number,
): OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D {
  const canvas =
    typeof OffscreenCanvas === 'function'
      ? new OffscreenCanvas(width, height)
      : Object.assign(document.createElement('canvas'), { width, height });
  const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D | null;
  return (
    context ?? fail(`This browser cannot draw a picture of ${width} × ${height} pixels; make it smaller.`)
  );
}
