/** Lowers products of matrices, leading axes as one, to the kernel `product`. */
import { densePlace, LANES, lowerCopy, type Place, reshaped, wholePlace } from '../engine/lowering/index.js';
import type { CoreNode } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { type Context, contents, isConstant } from './context.js';

export function lowerProduct(c: Context, node: CoreNode<'matmul'>): void {
  const [left, right] = node.inputs;
  const { shape } = c.v.type(node.outputs[0]);
  const a = matrices(c, c.v.place(left));
  const [leading, rows, inner] = a.shape;
  const columns = shape[shape.length - 1];
  const b = isConstant(c, right) ? packed(c, right) : inRows(c, matrices(c, c.v.place(right)));
  const y = wholePlace({ laned: false, size: sizeOf(shape) }, shape);
  c.l.call.product({
    a: { buffer: a.buffer },
    aOffset: a.offset,
    b: { buffer: b.buffer },
    bOffset: b.offset,
    c: { buffer: y.buffer },
    leading,
    rows,
    inner,
    columns,
    aLeading: a.strides[0],
    aRow: a.strides[1],
    aInner: a.strides[2],
    bLeading: b.strides[0],
    bRow: b.strides[1],
  });
  c.v.put(node.outputs[0], y);
}

const matrices = (c: Context, p: Place): Place => {
  const shape = [sizeOf(p.shape.slice(0, -2)), ...p.shape.slice(-2)];
  return reshaped(p, shape) ?? reshaped(densePlace(c.l, p), shape)!;
};

const roomy = (columns: number): number => Math.ceil(columns / LANES) * LANES;

/** Weights with rows of whole lines; those of all leading indices once. */
function packed(c: Context, name: string): Place {
  const { shape } = c.v.type(name);
  const [rows, columns] = shape.slice(-2);
  const data = contents(c, name);
  const lead = data.length / (rows * columns);
  const pitch = roomy(columns);
  const table = new Float32Array(lead * rows * pitch);
  for (let row = 0; row < lead * rows; row++)
    table.set(data.subarray(row * columns, (row + 1) * columns), row * pitch);
  return {
    buffer: c.l.table(table),
    offset: 0,
    shape: [lead, rows, columns],
    strides: [rows * pitch, pitch, 1],
  };
}

/** Rows of neighbours with room behind each: the place itself, or a copy. */
function inRows(c: Context, p: Place): Place {
  const [lead, rows, columns] = p.shape;
  const pitch = roomy(columns);
  if (p.strides[2] === 1 && columns === pitch) return p;
  const buffer = { laned: false, size: lead * rows * pitch };
  const copy: Place = { buffer, offset: 0, shape: p.shape, strides: [rows * pitch, pitch, 1] };
  lowerCopy(c.l, p, copy);
  return copy;
}
