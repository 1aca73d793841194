/** Lowers max-pooling and maps between positions: tables here, arithmetic in kernels/pool.c. */
import type { CoreOptions, Window } from '../../graph/core.js';
import { sizeOf } from '../../onnx/tensor.js';
import { dense } from './dense.js';
import { type Place, reshaped, rowMajor } from './place.js';
import { blockStride, type Lowering, lineOf } from './steps.js';
import { classesOf, forwardAxis } from './taps.js';

/** Rows that an item takes on. */
const ITEM_LINES = 2048;

/** For every output position the input positions under its window, both row-major within an image. */
function windows(window: Window, input: readonly number[], output: readonly number[]) {
  const axes = window.kernel.map((_, i) => forwardAxis(window, i, input[i], output[i]));
  const under: number[][] = Array.from({ length: sizeOf(output) }, () => []);
  for (const c of classesOf(axes, window.kernel, rowMajor(input), rowMajor(output))) {
    for (const p of c.pixels) under[p.target] = c.taps.map((t) => p.source + t.offset);
  }
  return under;
}

/** Line offset of every position of an image within its row. */
function offsets(p: Place): number[] {
  const shape = p.shape.slice(2);
  const strides = p.strides.slice(2);
  const steps = rowMajor(shape);
  return Array.from({ length: sizeOf(shape) }, (_, i) =>
    shape.reduce((sum, size, axis) => sum + (Math.floor(i / steps[axis]) % size) * strides[axis], 0),
  );
}

const startsOf = (lists: readonly (readonly unknown[])[]): Int32Array => {
  const start = new Int32Array(lists.length + 1);
  for (const [i, list] of lists.entries()) start[i + 1] = start[i] + list.length;
  return start;
};

/** Samples and channels as one axis of rows; a copy where strides cannot say it. */
function rowsOf(l: Lowering, p: Place): { place: Place; stride: number; rows: number } {
  const rows = p.shape[0] * p.shape[1];
  const merged = reshaped({ ...p, shape: p.shape.slice(0, 2), strides: p.strides.slice(0, 2) }, [rows]);
  const place = merged ? p : dense(l, p);
  return { place, rows, stride: merged ? merged.strides[0] : place.strides[1] };
}

export function lowerMaxPool(
  l: Lowering,
  image: Place,
  y: Place,
  winner: Place,
  o: CoreOptions['maxPool'],
): void {
  const x = rowsOf(l, image);
  const under = windows(o.window, image.shape.slice(2), y.shape.slice(2));
  const at = offsets(x.place);
  pool(
    l,
    'max_pool',
    x,
    rowsOf(l, y),
    rowsOf(l, winner),
    startsOf(under),
    under.flat().map((i) => at[i]),
    offsets(y),
  );
}

export function lowerMaxPoolInput(
  l: Lowering,
  gradient: Place,
  winner: Place,
  image: Place,
  o: CoreOptions['maxPoolInput'],
): void {
  const dy = rowsOf(l, gradient);
  const at = offsets(dy.place);
  const from = offsets(winner);
  const reaching: [number, number][][] = Array.from({ length: sizeOf(o.spatial) }, () => []);
  for (const [q, list] of windows(o.window, o.spatial, gradient.shape.slice(2)).entries())
    for (const [k, i] of list.entries()) reaching[i].push([q, k]);
  const pairs = reaching.flat();
  const taps = Int32Array.from(pairs.flatMap(([q, k]) => [from[q], k]));
  pool(
    l,
    'max_pool_input',
    rowsOf(l, image),
    dy,
    rowsOf(l, winner),
    startsOf(reaching),
    pairs.map(([q]) => at[q]),
    offsets(image),
    taps,
  );
}

type Rows = ReturnType<typeof rowsOf>;

function pool(
  l: Lowering,
  kernel: string,
  x: Rows,
  y: Rows,
  winner: Rows,
  start: Int32Array,
  from: number[],
  to: number[],
  taps?: Int32Array,
): void {
  const positions = start.length - 1;
  const per = Math.max(1, Math.floor(ITEM_LINES / Math.max(positions, from.length)));
  const table = (data: ArrayLike<number>) => ({ buffer: l.table(Int32Array.from(data)) });
  l.step(kernel, Math.ceil((x.rows * l.blocks) / per), [
    lineOf(x.place),
    lineOf(y.place),
    lineOf(winner.place),
    table(start),
    table(from),
    x.rows,
    positions,
    per,
    x.stride,
    blockStride(x.place),
    y.stride,
    blockStride(y.place),
    winner.stride,
    blockStride(winner.place),
    l.blocks,
    taps ? table(taps) : -1,
    table(to),
  ]);
}

/** y[r, q, i] = Σ weight · x[r, from, i]. */
export function lowerPositions(l: Lowering, x: Place, y: Place, o: CoreOptions['positions']): void {
  const [rows, positions, inner] = y.shape;
  const per = Math.max(1, Math.floor(ITEM_LINES / Math.max(1, o.from.length * inner)));
  l.step('positions', Math.ceil((rows * l.blocks) / per), [
    lineOf(x),
    lineOf(y),
    { buffer: l.table(o.start) },
    { buffer: l.table(o.from) },
    { buffer: l.table(o.weight) },
    rows,
    positions,
    inner,
    per,
    ...x.strides,
    blockStride(x),
    ...y.strides,
    blockStride(y),
    l.blocks,
  ]);
}
