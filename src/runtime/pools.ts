/** Lowers maxima over windows, and weighted sums along an axis: average pools and resizing. */
import { densePlace, PLANE_TILE, type Place, wholePlace } from '../engine/lowering/index.js';
import type { CoreNode } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { at, type Context, hold, inPlanes, maskOf } from './context.js';
import { channelStride, distanceOf } from './planes.js';
import { CUT, cutsOf, runTiles, storedEnd, TILE } from './tiles.js';

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
  const tiles = runTiles(from, plane, vector, PLANE_TILE);
  const alike = from.pitch === plane.pitch;
  const cuts = cutsOf(tiles, y[1], c.parts, alike);
  const distances = Int32Array.from({ length: sizeOf(window.kernel) }, (_, tap) =>
    distanceOf(window, from, phases, tap),
  );
  c.l.call.planeMax({
    x: at(place),
    y: at(to),
    distances: { buffer: c.l.table(distances) },
    tiles: { buffer: c.l.table(tiles) },
    cuts: { buffer: c.l.table(cuts) },
    mask: maskOf(c, plane),
    tileCount: tiles.length / TILE,
    cutCount: cuts.length / CUT,
    xChannel: place.strides[1],
    yChannel: channelStride(plane),
    run: storedEnd(plane, vector, alike),
    margin: plane.margin,
    taps: distances.length,
  });
  c.v.put(node.outputs[0], to);
}

/** y[r, q, i] = Σ weight · x[r, from, i]. */
export function lowerPositions(c: Context, node: CoreNode<'positions'>): void {
  const { start, from, weight } = node.options;
  const [name] = node.outputs;
  const { shape } = c.v.type(name);
  const [rows, positions, inner] = shape;
  const x = densePlace(c.l, c.v.place(node.inputs[0]));
  const y: Place = wholePlace({ laned: false, size: sizeOf(shape) }, shape);
  c.l.call.blend({
    x: { buffer: x.buffer },
    y: { buffer: y.buffer },
    start: { buffer: c.l.table(start) },
    from: { buffer: c.l.table(from) },
    weight: { buffer: c.l.table(weight) },
    rows: rows * positions,
    positions,
    inner,
    xRow: x.shape[1] * inner,
  });
  c.v.put(name, y);
}
