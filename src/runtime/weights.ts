/** The weights of a convolution as kernels/plane.c wants them: those that are not 0 in lists, or all in blocks of outputs. */

/** Where a weight's tap lies: floats from an output's pixel to the input pixel that it is multiplied with. */
export type Distance = (group: number, channel: number, tap: number) => number;

export interface Weights {
  data: Float32Array;
  groups: number;
  /** Per group. */
  outputs: number;
  channels: number;
  taps: number;
}

/** How many are not 0. */
export function countOf(data: Float32Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  return count;
}

/** Of each output where its terms start, and the terms, distance and value in turn. */
export function termsOf(w: Weights, distance: Distance): { starts: Int32Array; terms: Int32Array } {
  const { data, groups, outputs, channels, taps } = w;
  const starts = new Int32Array(groups * outputs + 1);
  const terms = new Int32Array(2 * countOf(data));
  const values = new Float32Array(terms.buffer);
  let at = 0;
  for (let o = 0, i = 0; o < groups * outputs; o++) {
    const group = Math.floor(o / outputs);
    for (let c = 0; c < channels; c++)
      for (let k = 0; k < taps; k++, i++) {
        if (data[i] === 0) continue;
        terms[at] = distance(group, c, k);
        values[at + 1] = data[i];
        at += 2;
      }
    starts[o + 1] = at / 2;
  }
  return { starts, terms };
}

/** Blocks of `height` outputs, [group][block][channel, tap][height], and the distances of each group. */
export function blocksOf(
  w: Weights,
  distance: Distance,
  height: number,
): { packed: Float32Array; distances: Int32Array; blocks: number } {
  const { data, groups, outputs, channels, taps } = w;
  const window = channels * taps;
  const blocks = Math.ceil(outputs / height);
  const packed = new Float32Array(groups * blocks * window * height);
  for (let g = 0; g < groups; g++)
    for (let first = 0; first < outputs; first += height) {
      const to = (g * blocks + first / height) * window * height;
      const from = (g * outputs + first) * window;
      const present = Math.min(height, outputs - first);
      for (let k = 0; k < window; k++)
        for (let o = 0; o < present; o++) packed[to + k * height + o] = data[from + o * window + k];
    }
  const distances = Int32Array.from({ length: groups * window }, (_, i) =>
    distance(Math.floor(i / window), Math.floor(i / taps) % channels, i % taps),
  );
  return { packed, distances, blocks };
}
