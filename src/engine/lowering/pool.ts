/** Lowers max-pooling and maps between positions: tables here, arithmetic in kernels/pool.c. */
import type { CoreOptions, Window } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { PositionStrides, RowStrides } from './calls.js';
import { densePlace } from './dense.js';
import { type Line, type Place, reshaped, rowMajor } from './place.js';
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
  const place = merged ? p : densePlace(l, p);
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
  const [to, won] = [rowsOf(l, y), rowsOf(l, winner)];
  l.call.maxPool({
    x: lineOf(x.place),
    y: lineOf(to.place),
    winner: lineOf(won.place),
    ...rowTables(
      l,
      under,
      under.flat().map((i) => at[i]),
      offsets(y),
    ),
    rows: x.rows,
    xBy: stridesOf(x),
    yBy: stridesOf(to),
    winnerBy: stridesOf(won),
    blocks: l.blocks,
  });
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
  const [dx, won] = [rowsOf(l, image), rowsOf(l, winner)];
  l.call.maxPoolInput({
    dx: lineOf(dx.place),
    dy: lineOf(dy.place),
    winner: lineOf(won.place),
    ...rowTables(
      l,
      reaching,
      pairs.map(([q]) => at[q]),
      offsets(image),
    ),
    taps: { buffer: l.table(taps) },
    rows: dx.rows,
    dxBy: stridesOf(dx),
    dyBy: stridesOf(dy),
    winnerBy: stridesOf(won),
    blocks: l.blocks,
  });
}

type Rows = ReturnType<typeof rowsOf>;

const stridesOf = ({ place, stride }: Rows): RowStrides => ({ row: stride, block: blockStride(place) });

/** The tables of positions with a list of entries each, and how many rows an item takes on. */
function rowTables(l: Lowering, lists: readonly (readonly unknown[])[], from: number[], to: number[]) {
  const table = (data: ArrayLike<number>): Line => ({ buffer: l.table(Int32Array.from(data)) });
  return {
    start: table(startsOf(lists)),
    from: table(from),
    to: table(to),
    positions: lists.length,
    rowsPerItem: Math.max(1, Math.floor(ITEM_LINES / Math.max(lists.length, from.length))),
  };
}

/** y[r, q, i] = Σ weight · x[r, from, i]. */
export function lowerPositions(l: Lowering, x: Place, y: Place, o: CoreOptions['positions']): void {
  const [rows, positions, inner] = y.shape;
  l.call.positions({
    x: lineOf(x),
    y: lineOf(y),
    start: { buffer: l.table(o.start) },
    from: { buffer: l.table(o.from) },
    weight: { buffer: l.table(o.weight) },
    rows,
    positions,
    inner,
    rowsPerItem: Math.max(1, Math.floor(ITEM_LINES / Math.max(1, o.from.length * inner))),
    xBy: positionStrides(x),
    yBy: positionStrides(y),
    blocks: l.blocks,
  });
}

const positionStrides = (p: Place): PositionStrides => ({
  row: p.strides[0],
  position: p.strides[1],
  inner: p.strides[2],
  block: blockStride(p),
});
