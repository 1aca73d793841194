/** From pixels to the numbers that a network gets. */
import { fail } from '../../base/index.js';
import type { Normalization } from '../dataset.js';
import type { Image, ImageShape } from './image.js';

/**
 * Writes an image of `shape` as (p / scale − mean) / std, with its channels last where that is asked for; bytes go through a table.
 *
 * @throws UserError when the normalisation has another number of channels, or a standard deviation that is not positive.
 */
export function normalizer(
  shape: ImageShape,
  normalize: Normalization,
  channelsLast = false,
): (image: Image, out: Float32Array) => void {
  const [channels, height, width] = shape;
  const { mean, std, scale = 255 } = normalize;
  if (
    ![1, channels].includes(mean.length) ||
    ![1, channels].includes(std.length) ||
    !std.every((s) => s > 0)
  ) {
    fail(
      `The normalisation ${mean.join(',')}/${std.join(',')} does not fit images of ${channels} channels; give ${channels} means and as many positive deviations.`,
    );
  }
  const value = (c: number, p: number) => (p / scale - (mean[c] ?? mean[0])) / (std[c] ?? std[0]);
  const plane = height * width;
  const tables = Array.from({ length: channels }, (_, c) =>
    Float32Array.from({ length: 256 }, (_, p) => value(c, p)),
  );
  const step = channelsLast ? channels : 1;
  return ({ data }, out) => {
    for (let c = 0; c < channels; c++) {
      const end = (c + 1) * plane;
      let at = channelsLast ? c : c * plane;
      if (data instanceof Uint8Array) {
        const table = tables[c];
        for (let i = c * plane; i < end; i++, at += step) out[at] = table[data[i]];
      } else {
        for (let i = c * plane; i < end; i++, at += step) out[at] = value(c, data[i]);
      }
    }
  };
}
