/**
 * How images lie when a single sample is computed: lanes run along the plane (see kernels/plane.c).
 *
 * A channel is `run` floats: rows of `pitch` floats, the pixels first, then zeros; and after it `margin` zeros, as many also
 * before the first channel. So what lies a row above or a column to the left of a pixel is one constant distance away, for
 * border pixels too, where 0 is found there. `pitch` and `margin` are the most that any window over images of that size needs.
 */

import { type Buffer, LANES, type Place } from '../engine/lowering/index.js';
import type { CoreNode, CoreOptions, Window } from '../graph/index.js';

/** How far windows reach over the edges of an image: columns to one side, and rows, above or below. */
export interface Reach {
  columns: number;
  rows: number;
}

export interface Plane {
  height: number;
  width: number;
  pitch: number;
  /** Floats of the rows, rounded up to a line. */
  run: number;
  /** Zeros behind each channel and before the first, whole lines. */
  margin: number;
  /** Floats behind the last channel, whole lines: what vectors that begin inside may read, for pixels that are none. */
  tail: number;
  /** Whether padding between rows, or rounding, leaves floats in the run that are no pixels. */
  gaps: boolean;
}

const lines = (n: number): number => Math.ceil(n / LANES) * LANES;

export function planeOf(
  height: number,
  width: number,
  { columns, rows }: Reach,
  pitch = width + columns,
): Plane {
  const run = lines(height * pitch);
  // Where rows are computed one by one, the last one's last vector may end behind the run.
  const overhang = lines((height - 1) * pitch + lines(pitch)) - run;
  let margin = Math.max(lines(rows * pitch + columns), overhang);
  // Channels a multiple of 4096 bytes apart would meet in the same sets of the L1 cache.
  if ((run + margin) % 1024 === 0) margin += LANES;
  return { height, width, pitch, run, margin, tail: 0, gaps: run !== height * width };
}

/** Floats from channel to channel. */
export const channelStride = (plane: Plane): number => plane.run + plane.margin;

/** A new buffer of planes, and the place of the pixels in it. `phases`: planes that a channel has. */
export function freshPlanes(channels: number, plane: Plane, phases = 1): Place {
  const stride = channelStride(plane);
  const { height, width, pitch, margin, tail } = plane;
  const buffer: Buffer = { laned: false, size: margin + channels * phases * stride + tail };
  return {
    buffer,
    offset: margin,
    shape: [1, channels, height, width],
    strides: [channels * phases * stride, phases * stride, pitch, 1],
  };
}

/** The remainder and quotient of a tap's place by the stride: in which phase it is, and how far away there. */
export function tapAt(w: Window, axis: number, tap: number): { phase: number; shift: number } {
  const at = tap * w.dilations[axis] - w.padsBefore[axis];
  const shift = Math.floor(at / w.strides[axis]);
  return { phase: at - shift * w.strides[axis], shift };
}

/** How far a tap's pixel lies from an output's, in planes of one phase or of all of a window's. */
export function distanceOf(w: Window, plane: Plane, phases: number, tap: number): number {
  const row = tapAt(w, 0, Math.floor(tap / w.kernel[1]));
  const column = tapAt(w, 1, tap % w.kernel[1]);
  const phase = phases === 1 ? 0 : row.phase * w.strides[1] + column.phase;
  return phase * channelStride(plane) + row.shift * plane.pitch + column.shift;
}

/** Rows or columns of a phase of an axis. */
export const phaseSize = (size: number, stride: number): number => Math.ceil(size / stride);

/** How far a window's taps reach over the edges of its (phase) planes along one axis. */
function reachAlong(w: Window, axis: number, size: number, outputs: number): number {
  const inner = phaseSize(size, w.strides[axis]);
  let reach = 0;
  for (let tap = 0; tap < w.kernel[axis]; tap++) {
    const { shift } = tapAt(w, axis, tap);
    reach = Math.max(reach, -shift, outputs - 1 + shift - (inner - 1));
  }
  return reach;
}

/** Images with two spatial axes, one sample. */
export const isImage = (shape: readonly number[]): boolean => shape.length === 4 && shape[0] === 1;

const isWindowed = ({ op }: CoreNode): boolean => op === 'conv' || op === 'maxPool';

const isStrided = (w: Window): boolean => w.strides.some((s) => s > 1);

/** The planes of all images of a model, and of their phases, by size. */
export interface Planes {
  of(height: number, width: number): Plane;
  phases(height: number, width: number, window: Window): Plane;
}

/** Looks at all windows of a model, so that images of one size lie alike and their tables are shared. */
export function planesOf(nodes: readonly CoreNode[], shape: (name: string) => readonly number[]): Planes {
  const reaches = new Map<string, Reach & { pitch: number }>();
  const widen = (key: string, reach: Reach, pitch: number) => {
    const old = reaches.get(key) ?? { columns: 0, rows: 0, pitch: 0 };
    reaches.set(key, {
      columns: Math.max(old.columns, reach.columns),
      rows: Math.max(old.rows, reach.rows),
      pitch: Math.max(old.pitch, pitch),
    });
  };
  const keyOf = (height: number, width: number, strides?: readonly number[]) =>
    `${height}x${width}${strides ? `/${strides}` : ''}`;
  for (const node of nodes) {
    if (!isWindowed(node)) continue;
    const [x, y] = [shape(node.inputs[0]), shape(node.outputs[0])];
    if (!isImage(x)) continue;
    const { window } = node.options as CoreOptions['conv'];
    const [rows, columns] = [0, 1].map((axis) => reachAlong(window, axis, x[axis + 2], y[axis + 2]));
    const width = phaseSize(x[3], window.strides[1]);
    const strided = isStrided(window);
    widen(keyOf(x[2], x[3], strided ? window.strides : undefined), { rows, columns }, width + columns);
    // The result's rows are as far apart as those of what it is made of: then the whole plane is one run.
    widen(keyOf(y[2], y[3]), { rows: 0, columns: 0 }, strided ? width + columns : 0);
  }
  const plain = (height: number, width: number): Plane => {
    const reach = reaches.get(keyOf(height, width)) ?? { columns: 0, rows: 0, pitch: 0 };
    return planeOf(height, width, reach, Math.max(width + reach.columns, reach.pitch));
  };
  const phases = (height: number, width: number, { strides }: Window): Plane => {
    const reach = reaches.get(keyOf(height, width, strides))!;
    const [h, w] = [phaseSize(height, strides[0]), phaseSize(width, strides[1])];
    return planeOf(h, w, reach, Math.max(w + reach.columns, plain(h, w).pitch));
  };
  // A vector of a row of results begins at a pixel of x at the latest, or at most a row of either behind it.
  const widest = Math.max(
    0,
    ...nodes.filter(isWindowed).flatMap(({ inputs, outputs, options }) => {
      const [x, y] = [shape(inputs[0]), shape(outputs[0])];
      if (!isImage(x)) return [];
      const { window } = options as CoreOptions['conv'];
      const from = isStrided(window) ? phases(x[2], x[3], window) : plain(x[2], x[3]);
      return [from.pitch, plain(y[2], y[3]).pitch];
    }),
  );
  const tail = lines(widest) + LANES;
  return {
    of: (height, width) => ({ ...plain(height, width), tail }),
    phases: (height, width, window) => ({ ...phases(height, width, window), tail }),
  };
}
