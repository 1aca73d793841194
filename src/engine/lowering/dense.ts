/** Places brought into an order that kernels read: copies where views do not suffice. */
import { sizeOf } from '../../onnx/index.js';
import { lowerCopy } from './map.js';
import { isDense, type Place, reshaped, wholePlace } from './place.js';
import type { Lowering } from './steps.js';

/** The elements row by row without gaps: the place itself where it is so already, else a copy. */
export function densePlace(l: Lowering, p: Place): Place {
  if (isDense(p) && (p.buffer.laned || p.offset === 0)) return p;
  const copy = wholePlace({ laned: p.buffer.laned, size: sizeOf(p.shape) }, p.shape);
  lowerCopy(l, p, copy);
  return copy;
}

/** A reshaped view, of a copy where no strides can say it. */
export const viewed = (l: Lowering, p: Place, shape: readonly number[]): Place =>
  reshaped(p, shape) ?? reshaped(densePlace(l, p), shape)!;
