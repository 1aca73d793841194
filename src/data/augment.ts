/**
 * Augmentation: functions from an image and a stream of random numbers to an image, composed from an options object.
 *
 * Each image has a stream of its own, so what happens to it does not depend on the others. Padding is black (0) and comes
 * before normalisation, as in torchvision, whose parameters these transforms share.
 */
import { fail, integer, type Random, uniform } from '../base/index.js';
import type { ResizeMode } from './pictures/card.js';
import type { Image, ImageShape } from './pictures/image.js';
import { centreBox, crop, fit, resize, resizeBox } from './pictures/resize.js';

/** What to do with an image before it enters a batch; the steps apply in the order of the fields. */
export interface Augmentation {
  /** Brings it to its size in the batch before anything else: see {@link fit}. */
  readonly fit?: ResizeMode;
  /** ImageNet's training crop: a random part of the area and aspect ratio, resized (`true`: 0.08–1 and 3/4–4/3). */
  readonly resizedCrop?:
    | boolean
    | { readonly scale?: readonly [number, number]; readonly ratio?: readonly [number, number] };
  /** ImageNet's evaluation crop: the shorter side resized to `resize` pixels, then the centre. */
  readonly centreCrop?: { readonly resize: number };
  /** CIFAR's crop: pad every side by `padding` pixels, then cut the image's size out at random. */
  readonly crop?: { readonly padding: number; readonly mode?: 'zero' | 'reflect' };
  /** Mirrors left and right half the time. */
  readonly flip?: boolean;
}

export type Transform = (image: Image, stream: Random) => Image;

/**
 * The transform that `options` describe, ending in an image of `shape`: one that still has another size is resized to
 * cover it and cropped at the centre.
 *
 * @throws UserError when an option is out of range.
 */
export function augmentation(options: Augmentation, shape: ImageShape): Transform {
  const [, height, width] = shape;
  const steps: Transform[] = [];
  const mode = options.fit;
  if (mode) steps.push((image) => fit(image, shape, mode));
  if (options.resizedCrop)
    steps.push(resizedCrop(options.resizedCrop === true ? {} : options.resizedCrop, shape));
  if (options.centreCrop) steps.push(centreCrop(options.centreCrop.resize, shape));
  if (options.crop) steps.push(paddedCrop(options.crop.padding, options.crop.mode));
  if (options.flip) steps.push((image, stream) => (uniform(stream) < 0.5 ? mirror(image) : image));
  return (image, stream) => {
    for (const step of steps) image = step(image, stream);
    return image.height === height && image.width === width ? image : fit(image, shape, 'crop');
  };
}

/** Cuts an image's own size out of it after padding every side; the top left corner is uniform over (2 · padding + 1)². */
export function paddedCrop(padding: number, mode: 'zero' | 'reflect' = 'zero'): Transform {
  if (!(Number.isInteger(padding) && padding >= 0)) {
    fail(`A random crop cannot pad by ${padding} pixels; give a whole number of at least 0.`);
  }
  return (image, stream) => {
    const top = integer(stream, 2 * padding + 1) - padding;
    const left = integer(stream, 2 * padding + 1) - padding;
    if (mode === 'reflect' && padding >= Math.min(image.height, image.width)) {
      fail(
        `A reflected padding of ${padding} does not fit an image of ${image.height} × ${image.width}; pad by less than its sides.`,
      );
    }
    return mode === 'reflect' ? shiftReflected(image, top, left) : shift(image, top, left);
  };
}

/**
 * The window of the image's own size whose top left corner is at (top, left); outside the image is 0.
 *
 * A plane moves as a whole, by top · width + left, which puts everything right but the columns that wrapped around into
 * the neighbouring row.
 */
function shift(image: Image, top: number, left: number): Image {
  const { channels, height, width, data } = image;
  const shifted = blank(image);
  const plane = height * width;
  const distance = Math.max(-plane, Math.min(plane, top * width + left));
  const wrapped = left < 0 ? [0, Math.min(width, -left)] : [Math.max(0, width - left), width];
  for (let begin = 0; begin < channels * plane; begin += plane) {
    const from = data.subarray(begin + Math.max(0, distance), begin + plane + Math.min(0, distance));
    shifted.set(from, begin + Math.max(0, -distance));
    if (left === 0) continue;
    for (let row = begin; row < begin + plane; row += width) {
      for (let x = wrapped[0]; x < wrapped[1]; x++) shifted[row + x] = 0;
    }
  }
  return { ...image, data: shifted };
}

/** As {@link shift}, but outside the image is its mirror image without the edge repeated. */
function shiftReflected(image: Image, top: number, left: number): Image {
  const { channels, height, width, data } = image;
  const shifted = blank(image);
  const columns = Int32Array.from({ length: width }, (_, x) => reflect(x + left, width));
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      const to = (c * height + y) * width;
      const from = (c * height + reflect(y + top, height)) * width;
      for (let x = 0; x < width; x++) shifted[to + x] = data[from + columns[x]];
    }
  }
  return { ...image, data: shifted };
}

const reflect = (i: number, n: number): number => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);

/** Left and right exchanged. */
export function mirror(image: Image): Image {
  const { channels, height, width, data } = image;
  const mirrored = blank(image);
  for (let row = 0; row < channels * height; row++) {
    const first = row * width;
    const last = first + width - 1;
    for (let x = 0; x < width; x++) mirrored[first + x] = data[last - x];
  }
  return { ...image, data: mirrored };
}

/**
 * A part of the image of random area (a fraction within `scale`) and random aspect ratio (log-uniform within `ratio`),
 * resized to `shape`. Ten tries to fit, then the largest centred part within the ratios (Szegedy et al. 2015, as in
 * torchvision's RandomResizedCrop).
 */
export function resizedCrop(
  options: { readonly scale?: readonly [number, number]; readonly ratio?: readonly [number, number] },
  shape: ImageShape,
): Transform {
  const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = options;
  if (!(0 < scale[0] && scale[0] <= scale[1] && scale[1] <= 1 && 0 < ratio[0] && ratio[0] <= ratio[1])) {
    fail(
      `A random resized crop cannot have scale ${scale.join('–')} and ratio ${ratio.join('–')}; give scales within 0–1 and positive ratios, the smaller first.`,
    );
  }
  const between = (stream: Random, [low, high]: readonly [number, number]) =>
    low + (high - low) * uniform(stream);
  const logarithms = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  return (image, stream) => {
    for (let attempt = 0; attempt < 10; attempt++) {
      const area = image.height * image.width * between(stream, scale);
      const aspect = Math.exp(between(stream, logarithms));
      const width = Math.round(Math.sqrt(area * aspect));
      const height = Math.round(Math.sqrt(area / aspect));
      if (width > 0 && width <= image.width && height > 0 && height <= image.height) {
        const top = integer(stream, image.height - height + 1);
        const left = integer(stream, image.width - width + 1);
        return resize(crop(image, { top, left, height, width }), shape);
      }
    }
    return resize(crop(image, largestCentre(image, ratio)), shape);
  };
}

/** The largest centred box whose aspect ratio lies within `ratio`, on whole pixels. */
function largestCentre({ height, width }: Image, [narrowest, widest]: readonly [number, number]) {
  const boxWidth = Math.min(width, Math.max(1, Math.round(height * widest)));
  const boxHeight = Math.min(height, Math.max(1, Math.round(width / narrowest)));
  return {
    top: (height - boxHeight) >> 1,
    left: (width - boxWidth) >> 1,
    height: boxHeight,
    width: boxWidth,
  };
}

/** Resizes the shorter side to `shorter` pixels and cuts `shape` out of the centre, in one interpolation. */
export function centreCrop(shorter: number, shape: ImageShape): Transform {
  if (!(shorter >= Math.max(shape[1], shape[2]))) {
    fail(
      `A centre crop of ${shape[1]} × ${shape[2]} does not fit a shorter side of ${shorter} pixels; resize to at least ${Math.max(shape[1], shape[2])}.`,
    );
  }
  return (image) => {
    const zoom = shorter / Math.min(image.height, image.width);
    return resizeBox(image, centreBox(image, shape, zoom), shape);
  };
}

function blank(image: Image): Uint8Array | Float32Array {
  return image.data instanceof Uint8Array
    ? new Uint8Array(image.data.length)
    : new Float32Array(image.data.length);
}
