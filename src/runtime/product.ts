/** Lowers products of matrices, leading axes as one, to the kernel `product`. */
import { dense } from '../engine/lowering/dense.js';
import { lowerCopy } from '../engine/lowering/map.js';
import { type Place, reshaped, wholePlace } from '../engine/lowering/place.js';
import type { CoreNode } from '../graph/core.js';
import { sizeOf } from '../onnx/tensor.js';
import { type Context, contents, isConstant } from './context.js';

/** Registers of columns of an item: kernels/single.c. */
const COLUMNS = 2;
const LINE = 16;

export function lowerProduct(c: Context, node: CoreNode<'matmul'>): void {
  const [left, right] = node.inputs;
  const { shape } = c.v.type(node.outputs[0]);
  const a = matrices(c, c.v.place(left));
  const [lead, rows, inner] = a.shape;
  const columns = shape[shape.length - 1];
  const b = isConstant(c, right) ? packed(c, right) : inRows(c, matrices(c, c.v.place(right)));
  const y = wholePlace({ laned: false, size: sizeOf(shape) }, shape);
  const blocks = Math.ceil(columns / (COLUMNS * c.l.machine.lanesPerVector));
  c.l.step('product', lead * blocks, [
    { buffer: a.buffer },
    { buffer: b.buffer },
    { buffer: y.buffer },
    -1,
    a.offset,
    b.offset,
    blocks,
    rows,
    inner,
    columns,
    ...a.strides,
    b.strides[0],
    b.strides[1],
    rows * columns,
    columns,
  ]);
  c.v.put(node.outputs[0], y);
}

const matrices = (c: Context, p: Place): Place => {
  const shape = [sizeOf(p.shape.slice(0, -2)), ...p.shape.slice(-2)];
  return reshaped(p, shape) ?? reshaped(dense(c.l, p), shape)!;
};

const roomy = (columns: number): number => Math.ceil(columns / LINE) * LINE;

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
