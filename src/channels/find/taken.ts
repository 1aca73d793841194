/** Taking positions out of tensors. */
import type { Kept } from '../../graph/index.js';
import { emptyData, sizeOf, type Tensor } from '../../onnx/index.js';

/** The tensor with only the kept positions of every axis; the same tensor where all stay. */
export const sliced = (tensor: Tensor, kept: Kept): Tensor =>
  kept.reduce(
    (t, positions, axis) => (positions.length === t.shape[axis] ? t : along(t, axis, positions)),
    tensor,
  );

function along({ dtype, shape, data }: Tensor, axis: number, positions: readonly number[]): Tensor {
  const inside = sizeOf(shape.slice(axis + 1));
  const outside = sizeOf(shape.slice(0, axis));
  const to = emptyData(dtype, outside * positions.length * inside);
  let at = 0;
  for (let o = 0; o < outside; o++) {
    for (const p of positions) {
      const from = (o * shape[axis] + p) * inside;
      for (let i = 0; i < inside; i++) to[at++] = data[from + i];
    }
  }
  return { dtype, shape: shape.map((dim, i) => (i === axis ? positions.length : dim)), data: to };
}

/** Whether two tensors have the same shape and numbers. */
export const equal = (a: Tensor | undefined, b: Tensor | undefined): boolean =>
  a === b ||
  (a !== undefined &&
    b !== undefined &&
    a.shape.length === b.shape.length &&
    a.shape.every((dim, i) => dim === b.shape[i]) &&
    a.data.length === b.data.length &&
    Array.prototype.every.call(a.data, (value, i) => Object.is(value, b.data[i])));
