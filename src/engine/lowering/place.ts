/**
 * Where a value lives: a view of a buffer by strides. Reshapes, transpositions, slices and broadcasts are views and cost
 * nothing; only what no stride can say is copied.
 *
 * Units are lines (of sixteen lanes) in laned buffers, floats in plain ones. A laned buffer holds `size` lines for each
 * block of sixteen samples, block after block.
 */
import { sizeOf } from '../../onnx/index.js';
import { LANES } from './contract.js';

export { LANES };

export interface Buffer {
  laned: boolean;
  /** Lines per block, or floats. */
  size: number;
  /** The line where it begins, when it is not for the plan to say: parameters, gradients, tables. */
  fixed?: number;
  /** Written before the program runs: its memory is taken from the first step on. */
  given?: boolean;
  /** Read after the program has run. */
  kept?: boolean;
}

/** The line where a buffer (plus some lines) begins. */
export interface Line {
  buffer: Buffer;
  plus?: number;
}

/** An argument: a number as it is, a float, or a line. */
export type Word = number | { float: number } | Line;

export interface Place {
  buffer: Buffer;
  offset: number;
  shape: readonly number[];
  strides: readonly number[];
}

/** Row-major strides. */
export function rowMajor(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i];
  }
  return strides;
}

/**
 * A new buffer and the place that fills it. A laned image [B, C, H, W] whose channels are a multiple of 4096 bytes apart
 * gets one more line a channel: power-of-two strides meet in the same sets of the L1 cache.
 */
export function freshPlace(shape: readonly number[], laned: boolean): Place {
  const strides = rowMajor(shape);
  let size = sizeOf(shape);
  if (laned && shape.length >= 3 && shape[1] > 1 && strides[1] % 64 === 0) {
    strides[1] += 1;
    strides[0] = strides[1] * shape[1];
    size = strides[0] * shape[0];
  }
  return { buffer: { laned, size }, offset: 0, shape, strides };
}

/** A place that fills a given buffer row-major. */
export const wholePlace = (buffer: Buffer, shape: readonly number[]): Place => ({
  buffer,
  offset: 0,
  shape,
  strides: rowMajor(shape),
});

export const transposed = (p: Place, order: readonly number[]): Place => ({
  ...p,
  shape: order.map((i) => p.shape[i]),
  strides: order.map((i) => p.strides[i]),
});

export const sliced = (
  p: Place,
  starts: readonly number[],
  steps: readonly number[],
  sizes: readonly number[],
): Place => ({
  buffer: p.buffer,
  offset: p.offset + starts.reduce((sum, s, i) => sum + s * p.strides[i], 0),
  shape: sizes,
  strides: p.strides.map((s, i) => s * steps[i]),
});

/** NumPy's broadcast_to: new axes in front, stride 0 along axes of one element. */
export function broadcasted(p: Place, shape: readonly number[]): Place {
  const lead = shape.length - p.shape.length;
  const strides = shape.map((_, i) => (i < lead || p.shape[i - lead] === 1 ? 0 : p.strides[i - lead]));
  return { ...p, shape, strides };
}

/** The same elements under another shape; undefined where strides cannot say it. */
export function reshaped(p: Place, shape: readonly number[]): Place | undefined {
  const from = mergedAxes(p.shape, p.strides);
  const strides = new Array<number>(shape.length).fill(0);
  let axis = from.length - 1;
  let left = axis >= 0 ? from[axis].size : 1;
  let step = axis >= 0 ? from[axis].stride : 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] === 1) continue;
    if (left === 1 && axis > 0) {
      axis--;
      left = from[axis].size;
      step = from[axis].stride;
    }
    if (left % shape[i] !== 0) return undefined;
    strides[i] = step;
    step *= shape[i];
    left /= shape[i];
  }
  return { ...p, shape, strides };
}

/** The axes of more than one element, neighbours merged where the strides let them. */
function mergedAxes(
  shape: readonly number[],
  strides: readonly number[],
): { size: number; stride: number }[] {
  const axes: { size: number; stride: number }[] = [];
  for (let i = 0; i < shape.length; i++) {
    if (shape[i] === 1) continue;
    const last = axes.at(-1);
    if (last && last.stride === strides[i] * shape[i]) {
      last.size *= shape[i];
      last.stride = strides[i];
    } else axes.push({ size: shape[i], stride: strides[i] });
  }
  return axes;
}

/** Whether the elements lie one after another in row-major order from the place's offset. */
export const isDense = (p: Place): boolean => {
  const axes = mergedAxes(p.shape, p.strides);
  return axes.length === 0 || (axes.length === 1 && axes[0].stride === 1);
};
