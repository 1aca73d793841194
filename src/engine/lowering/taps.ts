/**
 * The geometry of convolutions: which taps of the window are valid for which output pixels.
 *
 * Along one axis, conv reads input i = o·stride − pad + k·dilation for tap k; its transpose, computing input i from outputs,
 * reads output o for the taps with o·stride = i + pad − k·dilation. Either way each target coordinate has a list of
 * (tap, source). Coordinates with the same taps at the same distances form a class; classes of several axes multiply.
 */
import type { Window } from '../../graph/index.js';

/** One axis: for each target coordinate its valid taps and their source coordinates. */
type Axis = { tap: number; source: number }[][];

export function forwardAxis(w: Window, axis: number, input: number, output: number): Axis {
  return Array.from({ length: output }, (_, o) =>
    tapsWhere(w.kernel[axis], (k) => o * w.strides[axis] - w.padsBefore[axis] + k * w.dilations[axis], input),
  );
}

export function transposedAxis(w: Window, axis: number, input: number, output: number): Axis {
  return Array.from({ length: input }, (_, i) =>
    tapsWhere(
      w.kernel[axis],
      (k) => (i + w.padsBefore[axis] - k * w.dilations[axis]) / w.strides[axis],
      output,
    ),
  );
}

/** In order of their sources: memory is read forwards. */
const tapsWhere = (kernel: number, source: (tap: number) => number, size: number) =>
  Array.from({ length: kernel }, (_, tap) => ({ tap, source: source(tap) }))
    .filter(({ source: s }) => Number.isInteger(s) && s >= 0 && s < size)
    .sort((a, b) => a.source - b.source);

export interface Class {
  /** Per tap: index into the window, and offset of its source from the pixel's base source, in strides. */
  taps: { index: number; offset: number }[];
  pixels: { source: number; target: number }[];
}

/** A coordinate class of one axis. */
interface AxisClass {
  taps: { tap: number; distance: number }[];
  coordinates: { base: number; target: number }[];
}

function axisClasses(axis: Axis): AxisClass[] {
  const classes = new Map<string, AxisClass>();
  axis.forEach((list, target) => {
    const base = list[0]?.source ?? 0;
    const taps = list.map(({ tap, source }) => ({ tap, distance: source - base }));
    const key = taps.map(({ tap, distance }) => `${tap}:${distance}`).join();
    const found = classes.get(key) ?? { taps, coordinates: [] };
    found.coordinates.push({ base, target });
    classes.set(key, found);
  });
  return [...classes.values()];
}

/**
 * The classes of an n-dimensional window.
 * @param sourceStrides, targetStrides strides of the spatial axes of what is read and what is written, in lines.
 */
export function classesOf(
  axes: readonly Axis[],
  kernel: readonly number[],
  sourceStrides: readonly number[],
  targetStrides: readonly number[],
): Class[] {
  let classes: Class[] = [{ taps: [{ index: 0, offset: 0 }], pixels: [{ source: 0, target: 0 }] }];
  axes.forEach((axis, i) => {
    classes = classes.flatMap((c) =>
      axisClasses(axis).map((a) => ({
        taps: c.taps.flatMap((t) =>
          a.taps.map(({ tap, distance }) => ({
            index: t.index * kernel[i] + tap,
            offset: t.offset + distance * sourceStrides[i],
          })),
        ),
        pixels: c.pixels.flatMap((p) =>
          a.coordinates.map(({ base, target }) => ({
            source: p.source + base * sourceStrides[i],
            target: p.target + target * targetStrides[i],
          })),
        ),
      })),
    );
  });
  return classes;
}

/** The classes over several further axes (samples, blocks) along which everything repeats: [size, source stride, target stride]. */
export function repeated(
  classes: readonly Class[],
  times: readonly (readonly [number, number, number])[],
): Class[] {
  return times.reduceRight<Class[]>(
    (all, [size, source, target]) =>
      all.map((c) => ({
        taps: c.taps,
        pixels: Array.from({ length: size }, (_, i) =>
          c.pixels.map((p) => ({ source: p.source + i * source, target: p.target + i * target })),
        ).flat(),
      })),
    [...classes],
  );
}

/** The classes as the kernels read them (kernels/conv.c). */
export function tapTable(classes: readonly Class[]): Int32Array {
  const words: number[] = [classes.length];
  let next = 1 + 4 * classes.length;
  for (const c of classes) {
    words.push(c.taps.length, next, c.pixels.length, next + 2 * c.taps.length);
    next += 2 * (c.taps.length + c.pixels.length);
  }
  for (const c of classes) {
    for (const t of c.taps) words.push(t.offset, t.index);
    for (const p of c.pixels) words.push(p.source, p.target);
  }
  return Int32Array.from(words);
}
