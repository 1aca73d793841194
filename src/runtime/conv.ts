/** Lowers convolutions over planes: what the kernels are told, and where residuals are. */
import type { Place } from '../engine/lowering/place.js';
import type { Word } from '../engine/lowering/steps.js';
import type { CoreNode } from '../graph/core.js';
import { sizeOf } from '../onnx/tensor.js';
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
import { cutsOf, storedEnd, tilingOf } from './tiles.js';
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
  const blocks = way === 'sparse' ? undefined : blocksOf(weights, distance, block);
  const terms = way === 'sparse' ? termsOf(weights, distance) : undefined;
  const units = blocks ? blocks.blocks * groups : outputs;
  const alike = from.pitch === plane.pitch;
  const items = cutsOf(tiles, units, c.parts, way !== 'points' && alike);
  c.l.step(`plane_${way}`, items.length / 4, [
    at(x),
    at(y),
    ...residualWords(c, node, y),
    { buffer: c.l.table(terms ? terms.terms : blocks!.packed) },
    { buffer: c.l.table(biasOf(c, node, bias, outputs)) },
    ...residualOffsets(c, node, y),
    { buffer: c.l.table(tiles) },
    { buffer: c.l.table(items) },
    way === 'points' ? from.pitch : maskOf(c, plane),
    tiles.length / 3,
    channelStride(plane),
    storedEnd(plane, machine.lanesPerVector, way === 'points' || alike),
    plane.margin,
    { float: low },
    { float: high },
    ...(terms
      ? [{ buffer: c.l.table(terms.starts) }]
      : [{ buffer: c.l.table(blocks!.distances) }, size, weights.outputs, blocks!.blocks]),
    ...(way === 'points' ? [plane.pitch] : []),
  ]);
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

const residualWords = (c: Context, node: CoreNode, y: Place): Word[] => {
  const residual = residualOf(c, node, y);
  return [residual ? { buffer: residual.place.buffer } : -1];
};

function residualOffsets(c: Context, node: CoreNode, y: Place): Word[] {
  const residual = residualOf(c, node, y);
  if (!residual) return [-1];
  const { place, before } = residual;
  const offsets = Int32Array.from({ length: y.shape[1] }, (_, o) =>
    o < before || o - before >= place.shape[1] ? -1 : place.offset + (o - before) * place.strides[1],
  );
  return [{ buffer: c.l.table(offsets) }];
}
