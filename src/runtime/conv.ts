/** Lowers convolutions over planes: what the kernels are told, and where residuals are. */
import type { Line, Place } from '../engine/lowering/index.js';
import type { CoreNode } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import {
  at,
  biasOf,
  type Context,
  contents,
  hold,
  inPlanes,
  maskOf,
  phasesKey,
  planeAt,
  split,
} from './context.js';
import { channelStride, distanceOf } from './planes.js';
import { CUT, cutsOf, storedEnd, TILE, tilingOf } from './tiles.js';
import { blocksOf, countOf, type Distance, termsOf, type Weights } from './weights.js';

/** A convolution of images whose weights are known. */
export function lowerConv(c: Context, node: CoreNode<'conv'>): void {
  const { window, groups } = node.options;
  const [name, weight, bias] = node.inputs;
  const { place: x, plane: from, phases } = inPlanes(c, name, window);
  const [, outputs, height, width] = c.v.type(node.outputs[0]).shape;
  const plane = c.planes.of(height, width);
  const y = hold(c, outputs, plane);
  const shape = c.v.type(weight).shape;
  const weights: Weights = {
    data: contents(c, weight),
    groups,
    outputs: outputs / groups,
    channels: shape[1],
    taps: sizeOf(shape.slice(2)),
  };
  const distance: Distance = (group, channel, tap) =>
    (group * shape[1] + channel) * x.strides[1] + distanceOf(window, from, phases, tap);
  const { machine } = c.l;
  const count = countOf(weights.data);
  const size = weights.channels * weights.taps;
  const {
    way,
    tiles,
    height: block,
  } = tilingOf(machine, { from, to: plane, groups, outputs: weights.outputs, window: size, count });
  const { low, high } = c.tails.get(node)!;
  const dense = way === 'sparse' ? undefined : blocksOf(weights, distance, block);
  const units = dense ? dense.blocks * groups : outputs;
  const alike = from.pitch === plane.pitch;
  const cuts = cutsOf(tiles, units, c.parts, way !== 'points' && alike);
  const table = (data: Int32Array | Float32Array): Line => ({ buffer: c.l.table(data) });
  const common = {
    x: at(x),
    y: at(y),
    ...residualLines(c, node, y),
    bias: table(biasOf(c, node, bias, outputs)),
    tiles: table(tiles),
    cuts: table(cuts),
    cutCount: cuts.length / CUT,
    yChannel: channelStride(plane),
    run: storedEnd(plane, machine.lanesPerVector, way === 'points' || alike),
    margin: plane.margin,
    low,
    high,
  };
  const masked = () => ({ mask: maskOf(c, plane), tileCount: tiles.length / TILE });
  if (!dense) {
    const { terms, starts } = termsOf(weights, distance);
    c.l.call.planeSparse({ ...common, ...masked(), terms: table(terms), starts: table(starts) });
  } else {
    const packed = { weights: table(dense.packed), distances: table(dense.distances), taps: size };
    if (way === 'dense')
      c.l.call.planeDense({
        ...common,
        ...masked(),
        ...packed,
        group: weights.outputs,
        blocks: dense.blocks,
      });
    else c.l.call.planePoints({ ...common, ...packed, outputs, xRow: from.pitch, yRow: plane.pitch });
  }
  c.v.put(node.outputs[0], y);
}

/** Where a residual is, in planes like the result's. */
function residualOf(c: Context, node: CoreNode, y: Place): { place: Place; before: number } | undefined {
  const name = c.tails.get(node)?.residual;
  if (name === undefined) return undefined;
  const found = c.widened.get(name) ?? { place: c.v.place(name), before: 0 };
  const plane = c.held.get(y.buffer)!;
  const here = planeAt(c, found.place);
  if (here?.pitch === plane.pitch) return found;
  const key = phasesKey(name, [1, 1]);
  const copy = c.phased.get(key) ?? split(c, found.place, plane, [1, 1]);
  c.phased.set(key, copy);
  return { ...found, place: copy };
}

function residualLines(
  c: Context,
  node: CoreNode,
  y: Place,
): { residual: Line | undefined; residualOffsets: Line | undefined } {
  const found = residualOf(c, node, y);
  if (!found) return { residual: undefined, residualOffsets: undefined };
  const { place, before } = found;
  const offsets = Int32Array.from({ length: y.shape[1] }, (_, o) =>
    o < before || o - before >= place.shape[1] ? -1 : place.offset + (o - before) * place.strides[1],
  );
  return { residual: { buffer: place.buffer }, residualOffsets: { buffer: c.l.table(offsets) } };
}
