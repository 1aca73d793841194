/**
 * Lowers convolution, its transpose and its weight gradient: geometry here, arithmetic in kernels/conv.c and, for weights
 * of which many are 0, in kernels/sparse.c.
 */
import type { Window } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { ImageStrides, WeightStrides } from './calls.js';
import { lowerCopy } from './map.js';
import { type Buffer, isDense, type Line, type Place, wholePlace } from './place.js';
import { blockStride, has, type Lowering, lineOf, type WrittenWay } from './steps.js';
import { type Class, classesOf, forwardAxis, repeated, tapTable, transposedAxis } from './taps.js';
import {
  emitWinograd,
  emitWinogradWeight,
  isWinograd,
  WINOGRAD_DENSITY,
  type WinogradConv,
  type WinogradWeight,
  winogradPays,
  winogradWeightPays,
} from './winograd.js';

interface Options {
  window: Window;
  groups: number;
}

/** Pixels an item should have at least, so that register tiles are full: small images take several blocks together. */
const ITEM_PIXELS = 128;
/** Work items a convolution is cut into at least; fixed, so that results do not depend on the number of threads. */
const ITEMS = 16;
/**
 * Pixels of a part of the blocks in the weight gradient, at least: enough that rare classes, the corners, have some too, and
 * few enough that there are several parts to work on.
 */
const WEIGHT_PIXELS = 512;
/** Scratch of conv_weight, lines for one run of channels. */
const WEIGHT_RUN_LINES = 4096;
/** Pixels that an item of conv_sparse should have, lest listing the weights take longer than the work with them. */
const SPARSE_PIXELS = 512;
/** Items that sparse kernels are cut into at least. */
const SPARSE_ITEMS = 8;
/** Weights that conv_sparse has room to list at once, and conv_weight_sparse has sums for. */
const SPARSE_LIST = 131072;
const SPARSE_SUMS = 4096;
/** Lines of the input that a run of channels of conv_weight_sparse may have: half of an L2 cache. */
const SPARSE_LINES = 8192;

/** y = conv(x, w) + bias. */
export function lowerConv(
  l: Lowering,
  [x, w, bias]: readonly Place[],
  y: Place,
  { window, groups }: Options,
): void {
  const axes = window.kernel.map((_, i) => forwardAxis(window, i, x.shape[i + 2], y.shape[i + 2]));
  const roles = {
    groups,
    outputs: w.shape[0] / groups,
    channels: w.shape[1],
    transposed: false,
    pads: isWinograd(window, groups, x, y) ? window.padsBefore : undefined,
  };
  gather(l, classesOf(axes, window.kernel, x.strides.slice(2), y.strides.slice(2)), x, y, bias, w, roles);
}

/** x = the transpose of conv applied to dy: for every input pixel the sum over the outputs that it reaches. */
export function lowerConvInput(
  l: Lowering,
  [dy, w]: readonly Place[],
  x: Place,
  { window, groups }: Options,
): void {
  const axes = window.kernel.map((_, i) => transposedAxis(window, i, x.shape[i + 2], dy.shape[i + 2]));
  const roles = {
    groups,
    outputs: w.shape[1],
    channels: w.shape[0] / groups,
    transposed: true,
    pads: isWinograd(window, groups, dy, x) ? window.padsBefore.map((p) => 2 - p) : undefined,
  };
  gather(
    l,
    classesOf(axes, window.kernel, dy.strides.slice(2), x.strides.slice(2)),
    dy,
    x,
    undefined,
    w,
    roles,
  );
}

interface Roles {
  groups: number;
  /** Per group, of what is written; and channels per group of what is read. */
  outputs: number;
  channels: number;
  transposed: boolean;
  /** Rows and columns of zeros before the image, where Winograd's kernels could do it. */
  pads?: readonly number[];
}

/** What both kernels of a convolution are told of. */
interface Gather extends Roles {
  x: Place;
  y: Place;
  w: Place;
  bias: Line | undefined;
  window: number;
  weightsBy: WeightStrides;
  /** The table for so many blocks at a time. */
  table(blocks: number): Buffer;
}

function gather(
  l: Lowering,
  classes: Class[],
  x: Place,
  y: Place,
  bias: Place | undefined,
  weights: Place,
  r: Roles,
): void {
  const w = kernelPlace(l, weights);
  const [os, cs] = r.transposed ? [w.strides[1], w.strides[0]] : [w.strides[0], w.strides[1]];
  const gs = r.transposed ? r.channels * w.strides[0] : r.outputs * w.strides[0];
  const table = (blocks: number) =>
    l.table(
      tapTable(
        repeated(classes, [
          [blocks, blockStride(x), blockStride(y)],
          [x.shape[0], x.strides[0], y.strides[0]],
        ]),
      ),
    );
  const window = sizeOf(w.shape.slice(2));
  const weightsBy = { group: gs, output: os, channel: cs };
  const g: Gather = { ...r, x, y, w, window, table, weightsBy, bias: bias && lineOf(bias) };
  const tiles = Math.ceil(r.outputs / tileHeight(l, r.outputs));
  const tile = sparseTile(l, g);
  const winograd = winogradOf(l, g, sum(classes.map((c) => c.taps.length * c.pixels.length)));
  const instead = winograd && { weights: w, density: WINOGRAD_DENSITY };
  const dense: WrittenWay = { counts: r.groups * tiles, emit: (counts) => gatherDense(l, g, counts) };
  const sparse: WrittenWay = {
    counts: r.groups * Math.ceil(r.outputs / tile),
    emit: (counts) => gatherSparse(l, g, tile, counts),
  };
  l.either(
    { weights: sizeOf(w.shape), gradient: false, instead },
    has(l, 'conv_sparse') ? [dense, sparse] : [dense],
    winograd && (() => emitWinograd(l, winograd)),
  );
}

/** The same for Winograd's kernels, where they can do it and it pays: weights must be there before the run, to be judged. */
function winogradOf(l: Lowering, g: Gather, taps: number): WinogradConv | undefined {
  if (!g.pads || g.w.buffer.fixed === undefined || !isDense(g.w)) return undefined;
  if (!has(l, 'winograd_pack', 'winograd')) return undefined;
  const c = { ...g, pads: g.pads, turned: g.transposed, high: tileHeight(l, g.outputs) };
  return winogradPays(l, c, taps) ? c : undefined;
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** Of images with so many channels in a group. */
const stridesOf = (p: Place, channels: number): ImageStrides => ({
  channel: p.strides[1],
  block: blockStride(p),
  group: p.strides[1] * channels,
});

const pixelsOf = ({ y }: Gather) => sizeOf(y.shape.slice(2)) * y.shape[0];

function gatherDense(l: Lowering, g: Gather, counts: Buffer): void {
  const { groups, outputs, channels, window } = g;
  const blocks = Math.min(l.blocks, Math.max(1, Math.ceil(ITEM_PIXELS / pixelsOf(g) / 2)));
  const height = tileHeight(l, outputs);
  const tiles = Math.ceil(outputs / height);
  const packed: Buffer = { laned: false, size: groups * tiles * channels * window * height };
  l.call.convPack({
    weights: { buffer: g.w.buffer },
    offset: g.w.offset,
    packed: { buffer: packed },
    counts: { buffer: counts },
    channels,
    outputs,
    groups,
    window,
    height,
    by: g.weightsBy,
  });
  const base = Math.ceil(l.blocks / blocks) * groups;
  l.call.conv({
    x: lineOf(g.x),
    y: lineOf(g.y),
    weights: { buffer: packed },
    bias: g.bias,
    table: { buffer: g.table(blocks) },
    channels,
    outputs,
    groups,
    window,
    height,
    xBy: stridesOf(g.x, channels),
    yBy: stridesOf(g.y, outputs),
    blocks: l.blocks,
    blocksPerItem: blocks,
    tilesPerItem: Math.ceil(tiles / Math.min(tiles, Math.max(1, Math.ceil(ITEMS / base)))),
  });
}

const sparseBlocks = (l: Lowering, g: Gather) => Math.min(l.blocks, Math.ceil(SPARSE_PIXELS / pixelsOf(g)));

/** Outputs of an item: as many as there is room for and as leave enough items. */
function sparseTile(l: Lowering, g: Gather): number {
  const { groups, outputs, channels, window } = g;
  const items = Math.ceil(SPARSE_ITEMS / (Math.ceil(l.blocks / sparseBlocks(l, g)) * groups));
  return Math.max(1, Math.min(Math.floor(SPARSE_LIST / (channels * window)), Math.ceil(outputs / items)));
}

function gatherSparse(l: Lowering, g: Gather, tile: number, counts: Buffer): void {
  const { groups, outputs, channels, window } = g;
  const blocks = sparseBlocks(l, g);
  l.call.convSparse({
    x: lineOf(g.x),
    y: lineOf(g.y),
    weights: { buffer: g.w.buffer },
    offset: g.w.offset,
    bias: g.bias,
    table: { buffer: g.table(blocks) },
    counts: { buffer: counts },
    channels,
    outputs,
    groups,
    window,
    tile,
    xBy: stridesOf(g.x, channels),
    yBy: stridesOf(g.y, outputs),
    blocks: l.blocks,
    blocksPerItem: blocks,
    by: g.weightsBy,
    backwards: g.transposed ? 1 : 0,
  });
}

/** dw[o][c][k] = Σ dy · x over samples and pixels. Where a mask is given, pruned weights have 0 unless they are asked for. */
export function lowerConvWeight(
  l: Lowering,
  [image, dy]: readonly Place[],
  dw: Place,
  { window, groups }: Options,
  mask?: Place,
): void {
  const x = channelsApart(l, image);
  const axes = window.kernel.map((_, i) => forwardAxis(window, i, x.shape[i + 2], dy.shape[i + 2]));
  const pixels = sizeOf(dy.shape.slice(2)) * dy.shape[0];
  const blocks = Math.min(l.blocks, Math.ceil(WEIGHT_PIXELS / pixels));
  const classes = repeated(classesOf(axes, window.kernel, x.strides.slice(2), dy.strides.slice(2)), [
    [blocks, blockStride(x), blockStride(dy)],
    [dy.shape[0], x.strides[0], dy.strides[0]],
  ]);
  const [outputs, channels] = [dw.shape[0] / groups, dw.shape[1]];
  const table = l.table(tapTable(classes));
  const g: Sums = {
    x,
    dy,
    dw,
    mask,
    groups,
    outputs,
    channels,
    window: sizeOf(window.kernel),
    blocks,
    table,
  };
  const winograd = winogradWeightOf(
    l,
    g,
    window,
    sum(classes.map((c) => (c.taps.length * c.pixels.length) / blocks)),
  );
  if (!mask) {
    if (winograd) emitWinogradWeight(l, winograd);
    else weightDense(l, g);
    return;
  }
  const { runs, tiles } = denseRuns(l, g);
  const sparse = sparseRuns(l, g, sizeOf(x.shape.slice(2)) * x.shape[0]);
  const instead = winograd && { weights: mask, density: WINOGRAD_DENSITY };
  const ways: WrittenWay[] = [
    { counts: groups * tiles * runs, emit: (counts) => weightDense(l, g, counts) },
    { counts: groups * sparse.runs, emit: (counts) => weightSparse(l, g, sparse, counts) },
  ];
  l.either(
    { weights: sizeOf(dw.shape), gradient: true, instead },
    has(l, 'conv_weight_sparse', 'sum_parts') ? ways : ways.slice(0, 1),
    winograd && (() => emitWinogradWeight(l, winograd)),
  );
}

/**
 * The image with a place for each channel, by which the sparse kernel tells them apart: where all have the same, a single one gets a
 * stride, and several are copied.
 */
function channelsApart(l: Lowering, x: Place): Place {
  if (x.strides[1] !== 0) return x;
  if (x.shape[1] === 1) return { ...x, strides: x.strides.map((stride, axis) => (axis === 1 ? 1 : stride)) };
  const copy = wholePlace({ laned: x.buffer.laned, size: sizeOf(x.shape) }, x.shape);
  lowerCopy(l, x, copy);
  return copy;
}

/** The same for Winograd's kernels, where they can do it and it pays; the mask must be there before the run, to be judged. */
function winogradWeightOf(l: Lowering, g: Sums, w: Window, taps: number): WinogradWeight | undefined {
  if (!isWinograd(w, g.groups, g.x, g.dy) || (g.mask && g.mask.buffer.fixed === undefined)) return undefined;
  if (!has(l, 'winograd_weight', 'winograd_weight_sum')) return undefined;
  const c = { ...g, pads: w.padsBefore };
  return winogradWeightPays(l, c, taps) ? c : undefined;
}

interface Sums {
  x: Place;
  dy: Place;
  dw: Place;
  mask?: Place;
  groups: number;
  /** Both per group. */
  outputs: number;
  channels: number;
  window: number;
  /** Of a part, and the table for so many. */
  blocks: number;
  table: Buffer;
}

function denseRuns(l: Lowering, { groups, outputs, channels, window }: Sums) {
  const high = l.machine.told.CW_MO;
  const tiles = Math.ceil(outputs / high);
  const wanted = Math.min(channels, Math.max(1, Math.ceil(ITEMS / (tiles * groups))));
  const most = Math.floor(WEIGHT_RUN_LINES / (high * window));
  const run = Math.max(1, Math.min(Math.ceil(channels / wanted), most));
  return { run, runs: Math.ceil(channels / run), tiles };
}

function weightDense(l: Lowering, g: Sums, counts?: Buffer): void {
  l.call.convWeight({
    x: lineOf(g.x),
    dy: lineOf(g.dy),
    dw: lineOf(g.dw),
    table: { buffer: g.table },
    mask: g.mask && lineOf(g.mask),
    every: { buffer: l.every },
    counts: counts && { buffer: counts },
    channels: g.channels,
    outputs: g.outputs,
    groups: g.groups,
    window: g.window,
    xBy: stridesOf(g.x, g.channels),
    dyBy: stridesOf(g.dy, g.outputs),
    blocks: l.blocks,
    blocksPerPart: g.blocks,
    run: denseRuns(l, g).run,
  });
}

/** Runs of channels short enough for the cache and for enough items. */
function sparseRuns(l: Lowering, g: Sums, pixels: number) {
  const parts = Math.ceil(l.blocks / g.blocks);
  const wanted = Math.ceil(SPARSE_ITEMS / (parts * g.groups));
  const most = Math.max(16, Math.floor(SPARSE_LINES / (pixels * g.blocks)));
  const run = Math.max(1, Math.min(most, Math.ceil(g.channels / wanted)));
  return { parts, run, runs: Math.ceil(g.channels / run) };
}

function weightSparse(l: Lowering, g: Sums, { parts, run }: ReturnType<typeof sparseRuns>, counts: Buffer) {
  const { groups, outputs, channels, window } = g;
  const size = groups * outputs * channels * window;
  const sums: Buffer = { laned: false, size: size * parts };
  const room = Math.min(outputs * run * window, Math.max(SPARSE_SUMS, run * window));
  l.call.convWeightSparse({
    x: lineOf(g.x),
    dy: lineOf(g.dy),
    parts: parts > 1 ? { buffer: sums } : lineOf(g.dw),
    mask: lineOf(g.mask!),
    table: { buffer: g.table },
    counts: { buffer: counts },
    channels,
    outputs,
    groups,
    window,
    xBy: stridesOf(g.x, channels),
    dyBy: stridesOf(g.dy, outputs),
    blocks: l.blocks,
    blocksPerPart: g.blocks,
    run,
    room,
  });
  if (parts > 1) l.call.sumParts({ dw: lineOf(g.dw), parts: { buffer: sums }, count: parts, elements: size });
}

/** Rows of the register tile: the machine's own, or less for few outputs. */
function tileHeight(l: Lowering, outputs: number): number {
  return outputs > 4 ? l.machine.told.CONV_MR : outputs > 2 ? 4 : outputs;
}

/** Weights whose window lies densely, as conv_pack reads them. */
function kernelPlace(l: Lowering, w: Place): Place {
  if (isDense({ ...w, shape: w.shape.slice(2), strides: w.strides.slice(2) })) return w;
  const copy = wholePlace({ laned: false, size: sizeOf(w.shape) }, w.shape);
  lowerCopy(l, w, copy);
  return copy;
}
