/** Samples into lanes, and values out of memory. */
import { sizeOf } from '../onnx/index.js';
import { LANES, type Place } from './lowering/place.js';

/** Samples into lanes. Lanes without a sample repeat the first, so that they compute with sound numbers. */
export function lanesOf(memory: Float32Array, size: number, data: ArrayLike<number>, count: number): void {
  const lanes = memory.length / size;
  for (let lane = 0; lane < lanes; lane++) {
    const from = (lane < count ? lane : 0) * size;
    const to = Math.floor(lane / LANES) * size * LANES + (lane % LANES);
    for (let i = 0; i < size; i++) memory[to + i * LANES] = data[from + i];
  }
}

/** Where in its buffer each element of a place lies, row-major. */
function offsetsOf(p: Place): Int32Array {
  const offsets = new Int32Array(sizeOf(p.shape));
  const index = p.shape.map(() => 0);
  for (let i = 0, at = p.offset; i < offsets.length; i++) {
    offsets[i] = at;
    for (let axis = p.shape.length - 1; axis >= 0; axis--) {
      at += p.strides[axis];
      if (++index[axis] < p.shape[axis]) break;
      at -= p.strides[axis] * p.shape[axis];
      index[axis] = 0;
    }
  }
  return offsets;
}

/** The lines of a laned place, in stretches that lie side by side. */
export function linesAt(memory: Float32Array, p: Place, blocks: number): Float32Array {
  const offsets = offsetsOf(p);
  const size = offsets.length;
  const lines = new Float32Array(blocks * size * LANES);
  for (let from = 0; from < size; ) {
    let to = from + 1;
    while (to < size && offsets[to] === offsets[from] + to - from) to++;
    for (let block = 0; block < blocks; block++) {
      const at = (block * p.buffer.size + offsets[from]) * LANES;
      lines.set(memory.subarray(at, at + (to - from) * LANES), (block * size + from) * LANES);
    }
    from = to;
  }
  return lines;
}

/** A value, dense and sample first; of what all samples share once. */
export function readPlace(memory: Float32Array, p: Place, count: number): Float32Array {
  if (!p.buffer.laned) return gathered(memory, p);
  const offsets = offsetsOf(p);
  const size = offsets.length;
  const result = new Float32Array(size * count);
  for (let n = 0; n < count; n++) {
    const lane = Math.floor(n / LANES) * p.buffer.size * LANES + (n % LANES);
    for (let i = 0; i < size; i++) result[n * size + i] = memory[lane + offsets[i] * LANES];
  }
  return result;
}

/** The elements of a place that is not in lanes, row by row. */
export function gathered(memory: Float32Array, p: Place): Float32Array {
  const result = new Float32Array(sizeOf(p.shape));
  const rank = p.shape.length;
  // Inner axes that lie as they should are one run.
  let inner = rank;
  let run = 1;
  while (inner > 0 && (p.shape[inner - 1] === 1 || p.strides[inner - 1] === run)) run *= p.shape[--inner];
  const last = run === 1 && inner > 0 ? inner - 1 : inner;
  const copy = (axis: number, from: number, to: number, size: number): void => {
    if (axis < last) {
      const part = size / p.shape[axis];
      for (let i = 0; i < p.shape[axis]; i++) copy(axis + 1, from + i * p.strides[axis], to + i * part, part);
    } else if (last === inner) result.set(memory.subarray(from, from + run), to);
    else for (let i = 0, at = from; i < size; i++, at += p.strides[last]) result[to + i] = memory[at];
  };
  if (result.length > 0) copy(0, p.offset, 0, result.length);
  return result;
}
