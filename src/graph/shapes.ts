/** Arithmetic on shapes: broadcasting, and what windows make of them. */
import type { Window } from './core.js';

type Shape = readonly number[];

/** NumPy's broadcast of two shapes; undefined where they do not fit. */
export function broadcast(a: Shape, b: Shape): number[] | undefined {
  const rank = Math.max(a.length, b.length);
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x !== y && x !== 1 && y !== 1) return undefined;
    shape.push(x === 1 ? y : x);
  }
  return shape;
}

/** Elements of one value, at most: what a program's words can count. */
export const mostElements = 2 ** 31 - 1;

/** Spatial size of a convolution's or pool's output; `ceil` rounds up, but no window starts in the padding behind. */
export function windowOutput(spatial: Shape, w: Window, ceil = false): number[] {
  return spatial.map((size, i) => {
    const reach = w.dilations[i] * (w.kernel[i] - 1) + 1;
    const span = size + w.padsBefore[i] + w.padsAfter[i] - reach;
    if (!ceil) return Math.floor(span / w.strides[i]) + 1;
    const count = Math.ceil(span / w.strides[i]) + 1;
    return (count - 1) * w.strides[i] >= size + w.padsBefore[i] ? count - 1 : count;
  });
}
