/** Lowers maxima over windows, and weighted sums along an axis: average pools and resizing. */
import { dense } from '../engine/lowering/dense.js';
import { type Place, wholePlace } from '../engine/lowering/place.js';
import type { CoreNode } from '../graph/core.js';
import { sizeOf } from '../onnx/tensor.js';
import { at, type Context, hold, inPlanes, maskOf } from './context.js';
import { channelStride, distanceOf } from './planes.js';
import { cutsOf, POOL_TILE, runTiles, storedEnd } from './tiles.js';

/** Outputs of a window that reaches over the edge are found among pixels alone: what surrounds those is −∞ then. */
export function lowerMaxPool(c: Context, node: CoreNode<'maxPool'>): void {
  const { window } = node.options;
  const [name] = node.inputs;
  const [x, y] = [c.v.type(name).shape, c.v.type(node.outputs[0]).shape];
  const inside = window.kernel.every(
    (k, i) =>
      window.padsBefore[i] === 0 &&
      (y[i + 2] - 1) * window.strides[i] + (k - 1) * window.dilations[i] < x[i + 2],
  );
  const fill = inside ? 0 : Number.NEGATIVE_INFINITY;
  const { place, plane: from, phases } = inPlanes(c, name, window, fill);
  const plane = c.planes.of(y[2], y[3]);
  const to = hold(c, y[1], plane);
  const vector = c.l.machine.lanesPerVector;
  const tiles = runTiles(from, plane, vector, POOL_TILE);
  const alike = from.pitch === plane.pitch;
  const items = cutsOf(tiles, y[1], c.parts, alike);
  const distances = Int32Array.from({ length: sizeOf(window.kernel) }, (_, tap) =>
    distanceOf(window, from, phases, tap),
  );
  c.l.step('plane_max', items.length / 4, [
    at(place),
    at(to),
    -1,
    -1,
    -1,
    -1,
    { buffer: c.l.table(tiles) },
    { buffer: c.l.table(items) },
    maskOf(c, plane),
    tiles.length / 3,
    channelStride(plane),
    storedEnd(plane, vector, alike),
    plane.margin,
    { float: Number.NEGATIVE_INFINITY },
    { float: Number.POSITIVE_INFINITY },
    { buffer: c.l.table(distances) },
    distances.length,
    place.strides[1],
  ]);
  c.v.put(node.outputs[0], to);
}

/** Rows of an item: kernels/plane.c. */
const BLENDS = 512;

/** y[r, q, i] = Σ weight · x[r, from, i]. */
export function lowerPositions(c: Context, node: CoreNode<'positions'>): void {
  const { start, from, weight } = node.options;
  const [name] = node.outputs;
  const { shape } = c.v.type(name);
  const [rows, positions, inner] = shape;
  const x = dense(c.l, c.v.place(node.inputs[0]));
  const y: Place = wholePlace({ laned: false, size: sizeOf(shape) }, shape);
  c.l.step('blend', Math.ceil((rows * positions) / BLENDS), [
    { buffer: x.buffer },
    { buffer: y.buffer },
    { buffer: c.l.table(start) },
    { buffer: c.l.table(from) },
    { buffer: c.l.table(weight) },
    rows * positions,
    positions,
    inner,
    x.shape[1] * inner,
  ]);
  c.v.put(name, y);
}
