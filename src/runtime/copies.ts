/** Lowers copies of plain values to the kernel `copy`: which axes merge, and along which of them runs lie. */
import { COPY_AXES, COPY_ROW_AXES, type Lowering, type Place } from '../engine/lowering/index.js';
import { sizeOf } from '../onnx/index.js';

interface Axis {
  size: number;
  x: number;
  y: number;
}

/** Floats of an item, at least. */
const ITEM = 16384;

/** Copies one place into another of the same shape; false where they have more axes than the kernel. */
export function copyPlain(l: Lowering, from: Place, to: Place): boolean {
  if (from.buffer.laned || to.buffer.laned) return false;
  const axes = merged(to.shape.map((size, i) => ({ size, x: from.strides[i], y: to.strides[i] })));
  // Runs of the result last; where x lies along another axis, that before them.
  const last = unitAxis(axes, 'y');
  if (axes[last]?.x !== 1) toEnd(axes, unitAxis(axes, 'x'));
  toEnd(
    axes,
    axes.findIndex((axis) => axis.y === 1),
  );
  if (axes.length > COPY_AXES) return false;
  while (axes.length < COPY_AXES) axes.unshift({ size: 1, x: 0, y: 0 });
  const outer = sizeOf(axes.slice(0, COPY_ROW_AXES).map(({ size }) => size));
  l.call.copy({
    x: { buffer: from.buffer },
    xOffset: from.offset,
    y: { buffer: to.buffer },
    yOffset: to.offset,
    rowsPerItem: Math.max(1, Math.ceil((ITEM * outer) / Math.max(1, sizeOf(to.shape)))),
    sizes: axes.map(({ size }) => size),
    xStrides: axes.map(({ x }) => x),
    yStrides: axes.map(({ y }) => y),
  });
  return true;
}

const unitAxis = (axes: readonly Axis[], side: 'x' | 'y'): number =>
  axes.findIndex((axis) => axis[side] === 1);

function toEnd(axes: Axis[], at: number): void {
  if (at >= 0) axes.push(...axes.splice(at, 1));
}

function merged(axes: readonly Axis[]): Axis[] {
  const result: Axis[] = [];
  for (const axis of axes) {
    if (axis.size === 1) continue;
    const last = result.at(-1);
    if (last && last.x === axis.x * axis.size && last.y === axis.y * axis.size)
      result[result.length - 1] = { ...axis, size: last.size * axis.size };
    else result.push(axis);
  }
  return result;
}
