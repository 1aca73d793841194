/**
 * From a core graph of one sample to steps. Images that convolutions read or write lie in planes (planes.ts), where the
 * kernels of kernels/plane.c work on them; all else is left to the engine's own lowering, to which planes are strided places
 * like any other.
 */
import { dense } from '../engine/lowering/dense.js';
import type { Pass, Unit } from '../engine/lowering/fuse.js';
import { lower, type Values } from '../engine/lowering/lower.js';
import { lowerCopy, lowerFill, lowerMap } from '../engine/lowering/map.js';
import { type Buffer, type Place, reshaped, wholePlace } from '../engine/lowering/place.js';
import { fresh, type Lowering, type Word } from '../engine/lowering/steps.js';
import type { CoreNode, Window } from '../graph/core.js';
import { call, type Expression, evaluate, input } from '../graph/expression.js';
import { floats, sizeOf } from '../onnx/tensor.js';
import type { Tail } from './fuse.js';
import { channelStride, freshPlanes, isImage, type Plane, type Planes, phaseSize, tapAt } from './planes.js';
import { blocksOf, type Distance, termsOf, type Weights } from './weights.js';

export interface Context {
  l: Lowering;
  v: Values;
  planes: Planes;
  tails: ReadonlyMap<CoreNode, Tail>;
  /** Parts that a step is cut into, so that threads share it. */
  parts: number;
  /** Of the buffers that hold planes. */
  held: Map<Buffer, Plane>;
  /** Phases of a value that were made already. */
  phased: Map<string, Place>;
  /** Values that are others with channels of zeros before and behind: what a residual may be. */
  widened: Map<string, { place: Place; before: number }>;
  /** Values that only stand as residuals. */
  residuals: ReadonlySet<string>;
}

/** What a multiplication costs in plane_sparse beside plane_dense. */
const SPARSE_COST = 1.5;
/** Vectors of a tile, and outputs of a dense one: kernels/plane.c. */
const TILE = 12;
const DENSE_TILE = 3;
const denseHeight = (vector: number): number => (vector === 16 ? 8 : 4);
const LINEAR_ROWS = 16;

export function lowerPlanes(c: Context, units: readonly Unit[]): void {
  for (const unit of units) {
    const done = 'pass' in unit ? lowerPass(c, unit.pass) : lowerNode(c, unit.node);
    if (!done) lower(c.l, [unit], c.v);
  }
}

function lowerNode(c: Context, node: CoreNode): boolean {
  const shape = node.inputs[0] === undefined ? [] : c.v.type(node.inputs[0]).shape;
  switch (node.op) {
    case 'conv':
      if (isLinear(c, node)) lowerLinear(c, node as CoreNode<'conv'>);
      else if (isImage(shape) && isConstant(c, node.inputs[1])) lowerConv(c, node as CoreNode<'conv'>);
      else lowerElsewhere(c, node as CoreNode<'conv'>);
      return true;
    case 'maxPool':
      return isImage(shape) && lowerMaxPool(c, node as CoreNode<'maxPool'>);
    case 'slice':
      return isImage(shape) && lowerSlice(c, node as CoreNode<'slice'>);
    case 'pad':
      return lowerPad(c, node as CoreNode<'pad'>);
    case 'gather':
      lowerGather(c, node);
      return true;
    default:
      return false;
  }
}

/** The engine looks up in lanes: indices are spread over them, and what is found is the same in all. */
function lowerGather(c: Context, node: CoreNode): void {
  const [name] = node.outputs;
  const [, indices] = node.inputs;
  const spread = fresh(c.v.type(indices).shape, true);
  lowerCopy(c.l, c.v.place(indices), spread);
  const found = fresh(c.v.type(name).shape, true);
  const place = (other: string) => (other === indices ? spread : c.v.place(other));
  lower(c.l, [{ node }], { ...c.v, place, put: () => {}, destined: () => found });
  const own = fresh(found.shape, false);
  lowerMap(c.l, own.shape, [found], [{ expression: input(0), how: 'max', place: own, across: true }], false);
  c.v.put(name, own);
}

const isConstant = (c: Context, name: string): boolean => c.v.type(name).constant !== undefined;

const contents = (c: Context, name: string): Float32Array => floats(c.v.type(name).constant!);

/** A linear layer on one vector: its window, if it has one, covers the whole of the input. */
function isLinear(c: Context, node: CoreNode): boolean {
  const { window, groups } = (node as CoreNode<'conv'>).options;
  const [x, y] = [c.v.type(node.inputs[0]).shape, c.v.type(node.outputs[0]).shape];
  return (
    groups === 1 &&
    y[0] === 1 &&
    sizeOf(y.slice(2)) === 1 &&
    window.kernel.every((k, i) => k === x[i + 2]) &&
    [...window.padsBefore, ...window.padsAfter].every((p) => p === 0) &&
    isConstant(c, node.inputs[1]) &&
    !c.tails.get(node)!.residual
  );
}

function lowerLinear(c: Context, node: CoreNode<'conv'>): void {
  const { l } = c;
  const [name, weight, bias] = node.inputs;
  const x = c.v.place(name);
  const { shape } = c.v.type(node.outputs[0]);
  const flat = reshaped(x, [sizeOf(x.shape)]);
  const vector = flat && (flat.strides[0] === 1 || flat.shape[0] === 1) ? flat : dense(l, x);
  const [inputs, outputs] = [sizeOf(x.shape), shape[1]];
  const y: Place = { buffer: { laned: false, size: outputs }, offset: 0, shape, strides: shape.map(() => 1) };
  const { low, high } = c.tails.get(node)!;
  l.step('linear', Math.ceil(outputs / LINEAR_ROWS), [
    { buffer: vector.buffer },
    vector.offset,
    { buffer: y.buffer },
    0,
    { buffer: l.table(contents(c, weight)) },
    { buffer: l.table(biasOf(c, node, bias, outputs)) },
    inputs,
    outputs,
    inputs,
    { float: low },
    { float: high },
  ]);
  c.v.put(node.outputs[0], y);
}

const biasOf = (
  c: Context,
  node: CoreNode<'conv'>,
  name: string | undefined,
  outputs: number,
): Float32Array =>
  name !== undefined && name !== c.tails.get(node)?.residual ? contents(c, name) : new Float32Array(outputs);

/** By the engine's kernels, which know no tails. */
function lowerElsewhere(c: Context, node: CoreNode<'conv'>): void {
  const { residual, low, high } = c.tails.get(node)!;
  const inputs = node.inputs.filter((name, i) => i < 2 || name !== residual);
  const [output] = node.outputs;
  lower(c.l, [{ node: { ...node, inputs } }], c.v);
  const own = c.v.place(output);
  const bounded = (x: Expression): Expression => {
    const above = low === Number.NEGATIVE_INFINITY ? x : call('max', x, low);
    return high === Number.POSITIVE_INFINITY ? above : call('min', above, high);
  };
  const expression = bounded(residual ? call('add', input(0), input(1)) : input(0));
  if (typeof expression === 'object' && 'input' in expression) return;
  const operands = residual ? [own, c.v.place(residual)] : [own];
  const place = wholePlace({ laned: false, size: sizeOf(own.shape) }, own.shape);
  lowerMap(c.l, own.shape, operands, [{ expression, how: 'store', place }], false);
  c.v.put(output, place);
}

/** The plane of a place whose images can be read with borders, as they are. */
function planeAt(c: Context, p: Place): Plane | undefined {
  const plane = c.held.get(p.buffer);
  if (!plane || !isImage(p.shape)) return undefined;
  const [, , row, column] = p.strides;
  const whole = p.shape[2] === plane.height && p.shape[3] === plane.width;
  return whole && row === plane.pitch && column === 1 ? plane : undefined;
}

const hold = (c: Context, channels: number, plane: Plane, phases = 1): Place => {
  const place = freshPlanes(channels, plane, phases);
  c.held.set(place.buffer, plane);
  return place;
};

/** The value in planes fit for a window: as it lies, or copied, each phase of a stride in a plane of its own. */
function inPlanes(c: Context, name: string, window: Window): { place: Place; plane: Plane; phases: number } {
  const from = c.v.place(name);
  const [, channels, height, width] = from.shape;
  const strided = window.strides.some((s) => s > 1);
  const here = strided ? undefined : planeAt(c, from);
  const wanted = strided ? c.planes.phases(height, width, window) : c.planes.of(height, width);
  if (here && here.pitch === wanted.pitch && here.margin >= wanted.margin)
    return { place: from, plane: here, phases: 1 };
  const phases = window.strides[0] * window.strides[1];
  const key = `${name}/${window.strides}`;
  const made = c.phased.get(key) ?? split(c, from, channels, wanted, window.strides);
  c.phased.set(key, made);
  return { place: made, plane: wanted, phases };
}

function split(c: Context, from: Place, channels: number, plane: Plane, strides: readonly number[]): Place {
  const x = from.strides[3] === 1 || from.shape[3] === 1 ? from : dense(c.l, from);
  const to = hold(c, channels, plane, strides[0] * strides[1]);
  c.l.step('plane_phases', channels, [
    { buffer: x.buffer },
    x.offset,
    at(to),
    x.shape[2],
    x.shape[3],
    ...strides,
    x.strides[1],
    x.strides[2],
    channelStride(plane),
    plane.pitch,
    plane.height,
    plane.run,
    plane.margin,
    { float: 0 },
  ]);
  return to;
}

/** A place whose first pixel begins a line, as all planes do. */
function at(p: Place): Word {
  if (p.offset % 16 !== 0) throw new Error('Planes must begin at a line');
  return { buffer: p.buffer, plus: p.offset / 16 };
}

function lowerConv(c: Context, node: CoreNode<'conv'>): void {
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
  const [, columns] = window.kernel;
  const distance: Distance = (group, channel, tap) => {
    const row = tapAt(window, 0, Math.floor(tap / columns));
    const column = tapAt(window, 1, tap % columns);
    const phase = phases === 1 ? 0 : row.phase * window.strides[1] + column.phase;
    const start = (group * shape[1] + channel) * x.strides[1] + phase * channelStride(from);
    return start + row.shift * from.pitch + column.shift;
  };
  const vector = c.l.machine.lanesPerVector;
  const sparse = isSparse(weights, vector);
  const tiles = tilesOf(from, plane, vector, sparse ? TILE : DENSE_TILE);
  const { low, high } = c.tails.get(node)!;
  const blocks = sparse ? undefined : blocksOf(weights, distance, denseHeight(vector));
  const terms = sparse ? termsOf(weights, distance) : undefined;
  const units = blocks ? blocks.blocks * groups : outputs;
  const items = cutsOf(tiles, units, c.parts, from.pitch === plane.pitch);
  c.l.step(sparse ? 'plane_sparse' : 'plane_dense', items.length / 4, [
    at(x),
    at(y),
    ...residualWords(c, node, y),
    { buffer: c.l.table(terms ? terms.terms : blocks!.packed) },
    { buffer: c.l.table(biasOf(c, node, bias, outputs)) },
    ...residualOffsets(c, node, y),
    { buffer: c.l.table(tiles) },
    { buffer: c.l.table(items) },
    maskOf(c, plane),
    tiles.length / 3,
    channelStride(plane),
    plane.run,
    plane.margin,
    { float: low },
    { float: high },
    ...(terms
      ? [{ buffer: c.l.table(terms.starts) }]
      : [
          { buffer: c.l.table(blocks!.distances) },
          weights.channels * weights.taps,
          weights.outputs,
          blocks!.blocks,
        ]),
  ]);
  c.v.put(node.outputs[0], y);
}

/** Whether leaving zeros out is cheaper than tiles of several outputs, some of which may be unused. */
function isSparse({ data, groups, outputs }: Weights, vector: number): boolean {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  const height = denseHeight(vector);
  const padded = (data.length * Math.ceil(outputs / height) * height) / outputs;
  return groups > 1 && outputs < height ? true : count * SPARSE_COST < padded;
}

/** Tiles of at most `most` vectors: of the whole run where rows lie alike in both planes, else row by row. */
function tilesOf(from: Plane, to: Plane, vector: number, most: number): Int32Array {
  const tiles: number[] = [];
  const cut = (start: number, target: number, length: number) => {
    const vectors = Math.ceil(length / vector);
    const count = Math.ceil(vectors / most);
    for (let i = 0; i < count; i++) {
      const [a, b] = [i, i + 1].map((k) => Math.floor((vectors * k) / count));
      tiles.push(start + a * vector, target + a * vector, b - a);
    }
  };
  if (from.pitch === to.pitch) cut(0, 0, to.run);
  else for (let row = 0; row < to.height; row++) cut(row * from.pitch, row * to.pitch, to.pitch);
  return Int32Array.from(tiles);
}

/** Items: parts of the tiles, or, where rows overlap behind their ends and so have an order, of the outputs. */
function cutsOf(tiles: Int32Array, outputs: number, parts: number, free: boolean): Int32Array {
  const count = tiles.length / 3;
  const byTiles = free && count >= 4 * parts;
  const units = byTiles ? count : outputs;
  const items = Array.from({ length: Math.min(parts, units) }, (_, i, n = Math.min(parts, units)) => {
    const [a, b] = [i, i + 1].map((k) => Math.floor((units * k) / n));
    return byTiles ? [a, b, 0, outputs] : [0, count, a, b];
  });
  return Int32Array.from(items.flat());
}

/** −1 for each pixel of the run, 0 between rows and beyond; a few vectors more, which row-wise tiles may touch. */
function maskOf(c: Context, plane: Plane): Word {
  if (!plane.gaps) return -1;
  const mask = new Int32Array(plane.run + 2 * 16 * TILE);
  for (let row = 0; row < plane.height; row++)
    mask.fill(-1, row * plane.pitch, row * plane.pitch + plane.width);
  return { buffer: c.l.table(mask) };
}

/** Where a residual is, in planes like the result's. */
function residualOf(c: Context, node: CoreNode, y: Place): { place: Place; before: number } | undefined {
  const name = c.tails.get(node)?.residual;
  if (name === undefined) return undefined;
  const found = c.widened.get(name) ?? { place: c.v.place(name), before: 0 };
  const plane = c.held.get(y.buffer)!;
  const here = planeAt(c, found.place);
  if (here?.pitch === plane.pitch) return found;
  const key = `${name}/1,1`;
  const copy = c.phased.get(key) ?? split(c, found.place, found.place.shape[1], plane, [1, 1]);
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

/** Windows that stay within the image. */
function lowerMaxPool(c: Context, node: CoreNode<'maxPool'>): boolean {
  const { window } = node.options;
  const [name] = node.inputs;
  const [x, y] = [c.v.type(name).shape, c.v.type(node.outputs[0]).shape];
  const inside = window.kernel.every(
    (k, i) =>
      window.padsBefore[i] === 0 &&
      (y[i + 2] - 1) * window.strides[i] + (k - 1) * window.dilations[i] < x[i + 2],
  );
  if (!inside) return false;
  const { place, plane: from, phases } = inPlanes(c, name, window);
  const plane = c.planes.of(y[2], y[3]);
  const to = hold(c, y[1], plane);
  const vector = c.l.machine.lanesPerVector;
  const tiles = tilesOf(from, plane, vector, TILE);
  const items = cutsOf(tiles, y[1], c.parts, from.pitch === plane.pitch);
  const distances = Int32Array.from({ length: sizeOf(window.kernel) }, (_, tap) => {
    const row = tapAt(window, 0, Math.floor(tap / window.kernel[1]));
    const column = tapAt(window, 1, tap % window.kernel[1]);
    const phase = phases === 1 ? 0 : row.phase * window.strides[1] + column.phase;
    return phase * channelStride(from) + row.shift * from.pitch + column.shift;
  });
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
    plane.run,
    plane.margin,
    { float: Number.NEGATIVE_INFINITY },
    { float: Number.POSITIVE_INFINITY },
    { buffer: c.l.table(distances) },
    distances.length,
    place.strides[1],
  ]);
  c.v.put(node.outputs[0], to);
  return true;
}

/** Every s-th row and column of an image is one of the phases that convolutions of stride s read. */
function lowerSlice(c: Context, node: CoreNode<'slice'>): boolean {
  const { starts, steps, sizes } = node.options;
  const [name] = node.inputs;
  const made = c.phased.get(`${name}/${steps.slice(2)}`);
  const x = c.v.place(name);
  if (!made || starts[1] !== 0 || steps[1] !== 1 || sizes[1] !== x.shape[1]) return false;
  const plane = c.held.get(made.buffer)!;
  const [row, column] = starts.slice(2);
  const whole = [0, 1].every(
    (i) => starts[i + 2] < steps[i + 2] && sizes[i + 2] === phaseSize(x.shape[i + 2], steps[i + 2]),
  );
  if (!whole) return false;
  const offset = made.offset + (row * steps[3] + column) * channelStride(plane);
  c.v.put(node.outputs[0], { ...made, offset, shape: sizes });
  return true;
}

/** Channels of zeros around a residual are said by its offsets. */
function lowerPad(c: Context, node: CoreNode<'pad'>): boolean {
  const { before, after, value } = node.options;
  const [name] = node.outputs;
  const channelsOnly = [...before, ...after].every((n, i) => n === 0 || (n > 0 && i % before.length === 1));
  if (!c.residuals.has(name) || value !== 0 || !channelsOnly || before.length !== 4) return false;
  c.widened.set(name, { place: c.v.place(node.inputs[0]), before: before[1] });
  return true;
}

/**
 * A formula over planes that lie alike keeps them: it runs over the whole of them in one go, borders and all, where it makes
 * 0 of their zeros. Sums over the image are taken likewise. What has one number a channel is spread over the plane.
 */
function lowerPass(c: Context, pass: Pass): boolean {
  if (!isImage(pass.shape)) return false;
  const operands = pass.operands.map((name) => c.v.place(name));
  const full = operands.filter((p) => sizeOf(p.shape.slice(2)) > 1);
  const [first] = full;
  const plane = first && planeAt(c, first);
  const alike =
    plane &&
    first.shape[1] === pass.shape[1] &&
    plane.height === pass.shape[2] &&
    plane.width === pass.shape[3] &&
    full.every(
      (p) => isWhole(c, p) && `${p.strides}` === `${first.strides}` && `${p.shape}` === `${first.shape}`,
    );
  const zeroed = pass.results.every(({ expression }) =>
    [1, -2.5].every(
      (x) =>
        evaluate(
          expression,
          operands.map((p) => (full.includes(p) ? 0 : x)),
        ) === 0,
    ),
  );
  const stores = pass.results.every((r) => r.how === 'store');
  const sums = pass.results.every(
    (r) => r.how === 'sum' && `${c.v.type(r.output).shape.slice(1)}` === `${[pass.shape[1], 1, 1]}`,
  );
  if (!alike || !zeroed || !(stores || sums)) return false;
  const channels = pass.shape[1];
  const flat = operands.map((p) => (full.includes(p) ? flattened(p, plane) : perChannel(p)));
  const results = pass.results.map((r) => {
    const place = stores
      ? hold(c, channels, plane)
      : ({
          buffer: { laned: false, size: channels },
          offset: 0,
          shape: [1, channels, 1, 1],
          strides: [channels, 1, 1, 1],
        } as Place);
    c.v.put(r.output, place);
    if (stores && plane.margin > 0)
      lowerFill(c.l, { ...place, offset: 0, shape: [plane.margin], strides: [1] }, 0);
    return {
      ...r,
      place: stores ? flattened(place, plane) : { ...place, shape: [channels, 1], strides: [1, 1] },
    };
  });
  lowerMap(c.l, [channels, channelStride(plane)], flat, results, false);
  return true;
}

/** Planes one after another, as they are made; not phases or every other channel. */
function isWhole(c: Context, p: Place): boolean {
  const plane = planeAt(c, p);
  return plane !== undefined && p.strides[1] === channelStride(plane);
}

const flattened = (p: Place, plane: Plane): Place => ({
  ...p,
  shape: [p.shape[1], channelStride(plane)],
  strides: [p.strides[1], 1],
});

const perChannel = (p: Place): Place => {
  const lead = 4 - p.shape.length;
  const channel = 1 - lead;
  const size = p.shape[channel] ?? 1;
  return { ...p, shape: [size, 1], strides: [p.strides[channel] ?? 0, 0] };
};
