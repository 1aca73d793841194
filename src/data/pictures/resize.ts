/**
 * Bilinear resizing with anti-aliasing, as Pillow and torchvision do it.
 *
 * An output pixel at i + ½ looks at the input around (i + ½) · ratio, ratio = input / output, through a triangle whose
 * half width is max(ratio, 1): plain bilinear interpolation when enlarging, a weighted mean of all that is covered when
 * shrinking. The two axes are independent, so each is filtered on its own.
 */
import type { ResizeMode } from './card.js';
import type { Image, ImageShape } from './image.js';

/** A rectangle in pixels; it may begin and end between them. */
export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** The whole image at the height and width of `shape`; float32 in the image's scale. */
export function resize(image: Image, shape: ImageShape): Image {
  return resizeBox(image, { top: 0, left: 0, height: image.height, width: image.width }, shape);
}

/**
 * The image brought to the height and width of `shape`: `squash` stretches all of it, `crop` keeps its proportions and the middle that
 * fills the shape, `pad` keeps its proportions and all of it, in the middle of black. One that has the size stays as it is.
 */
export function fit(image: Image, shape: ImageShape, mode: ResizeMode): Image {
  const [, height, width] = shape;
  if (image.height === height && image.width === width) return image;
  if (mode === 'squash') return resize(image, shape);
  if (mode === 'crop') return resizeBox(image, centreBox(image, shape), shape);
  return pad(image, shape);
}

function pad(image: Image, [, height, width]: ImageShape): Image {
  const { channels } = image;
  const zoom = Math.min(height / image.height, width / image.width);
  const side = (length: number, most: number) => Math.min(most, Math.max(1, Math.round(length * zoom)));
  const inner = resize(image, [channels, side(image.height, height), side(image.width, width)]);
  const [top, left] = [(height - inner.height) >> 1, (width - inner.width) >> 1];
  const data = new Float32Array(channels * height * width);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < inner.height; y++) {
      const from = (c * inner.height + y) * inner.width;
      data.set(inner.data.subarray(from, from + inner.width), (c * height + top + y) * width + left);
    }
  }
  return { data, channels, height, width };
}

/** The part of the image in `box` at the height and width of `shape`; the filter sees the pixels around the box. */
export function resizeBox(image: Image, box: Box, [, height, width]: ImageShape): Image {
  const rows = filter(box.top, box.height, height, image.height);
  const columns = filter(box.left, box.width, width, image.width);
  const top = rows.first[0];
  const band = rows.first[height - 1] + rows.count[height - 1] - top;
  const narrow = new Float32Array(band * width);
  const data = new Float32Array(image.channels * height * width);
  for (let c = 0; c < image.channels; c++) {
    filterRows(image, c * image.height + top, band, columns, narrow);
    for (let y = 0; y < height; y++) {
      const to = (c * height + y) * width;
      for (let tap = 0; tap < rows.count[y]; tap++) {
        const weight = rows.weights[y * rows.taps + tap];
        const from = (rows.first[y] - top + tap) * width;
        for (let x = 0; x < width; x++) data[to + x] += weight * narrow[from + x];
      }
    }
  }
  return { data, channels: image.channels, height, width };
}

/** The part of the image in a box of whole pixels. */
export function crop(image: Image, box: Box): Image {
  const { top, left, height, width } = box;
  const data = new (image.data instanceof Uint8Array ? Uint8Array : Float32Array)(
    image.channels * height * width,
  );
  for (let c = 0; c < image.channels; c++) {
    for (let y = 0; y < height; y++) {
      const from = (c * image.height + top + y) * image.width + left;
      data.set(image.data.subarray(from, from + width), (c * height + y) * width);
    }
  }
  return { data, channels: image.channels, height, width };
}

/** The centred box that fills `shape` when enlarged by `zoom`; by default the largest with the aspect ratio of `shape`. */
export function centreBox(
  image: Image,
  [, height, width]: ImageShape,
  zoom = cover(image, height, width),
): Box {
  const box = { height: height / zoom, width: width / zoom };
  return { ...box, top: (image.height - box.height) / 2, left: (image.width - box.width) / 2 };
}

const cover = (image: Image, height: number, width: number) =>
  Math.max(height / image.height, width / image.width);

/** For every output pixel: the first input pixel, how many, and their weights (`taps` apart). */
interface Filter {
  first: Int32Array;
  count: Int32Array;
  weights: Float32Array;
  taps: number;
}

function filter(start: number, length: number, outputs: number, inputs: number): Filter {
  const ratio = length / outputs;
  const support = Math.max(ratio, 1);
  const taps = Math.ceil(2 * support) + 1;
  const first = new Int32Array(outputs);
  const count = new Int32Array(outputs);
  const weights = new Float32Array(outputs * taps);
  for (let i = 0; i < outputs; i++) {
    const centre = start + (i + 0.5) * ratio;
    first[i] = Math.max(0, Math.floor(centre - support + 0.5));
    count[i] = Math.min(inputs, Math.floor(centre + support + 0.5)) - first[i];
    const triangle = Array.from({ length: count[i] }, (_, tap) =>
      Math.max(0, 1 - Math.abs(first[i] + tap + 0.5 - centre) / support),
    );
    const total = triangle.reduce((sum, weight) => sum + weight, 0);
    triangle.forEach((weight, tap) => {
      weights[i * taps + tap] = weight / total;
    });
  }
  return { first, count, weights, taps };
}

/** Filters `band` rows of the image along x, from row `row` (counted over all channels), into `narrow`. */
function filterRows(image: Image, row: number, band: number, columns: Filter, narrow: Float32Array): void {
  const { first, count, weights, taps } = columns;
  const width = first.length;
  const { data, width: pitch } = image;
  for (let y = 0; y < band; y++) {
    const line = (row + y) * pitch;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let tap = 0; tap < count[x]; tap++) sum += weights[x * taps + tap] * data[line + first[x] + tap];
      narrow[y * width + x] = sum;
    }
  }
}
