/** Lowers convolution, its transpose and its weight gradient: geometry here, arithmetic in kernels/conv.c. */
import type { Window } from '../../graph/core.js';
import { sizeOf } from '../../onnx/tensor.js';
import { lowerCopy } from './map.js';
import { type Buffer, isDense, type Place, wholePlace } from './place.js';
import { blockStride, type Lowering, lineOf } from './steps.js';
import { type Class, classesOf, forwardAxis, repeated, tapTable, transposedAxis } from './taps.js';

interface Options {
  window: Window;
  groups: number;
}

/** Pixels an item should have at least, so that register tiles are full: small images take several blocks together. */
const ITEM_PIXELS = 128;
/** Work items a convolution is cut into at least; fixed, so that results do not depend on the number of threads. */
const ITEMS = 16;
/** Pixels in a table of the weight gradient: enough that its rare classes, the corners, have some too. */
const WEIGHT_PIXELS = 8192;
/** Scratch of conv_weight, lines for one run of channels. */
const WEIGHT_RUN_LINES = 4096;

/** y = conv(x, w) + bias. */
export function lowerConv(
  l: Lowering,
  [x, w, bias]: readonly Place[],
  y: Place,
  { window, groups }: Options,
): void {
  const axes = window.kernel.map((_, i) => forwardAxis(window, i, x.shape[i + 2], y.shape[i + 2]));
  const blocks = blocksPerItem(l, sizeOf(y.shape.slice(2)) * y.shape[0]);
  const classes = repeated(classesOf(axes, window.kernel, x.strides.slice(2), y.strides.slice(2)), [
    [blocks, blockStride(x), blockStride(y)],
    [x.shape[0], x.strides[0], y.strides[0]],
  ]);
  const outputs = w.shape[0] / groups;
  gather(l, classes, blocks, x, y, bias, kernelPlace(l, w), {
    groups,
    outputs,
    channels: w.shape[1],
    transposed: false,
  });
}

/** x = the transpose of conv applied to dy: for every input pixel the sum over the outputs that it reaches. */
export function lowerConvInput(
  l: Lowering,
  [dy, w]: readonly Place[],
  x: Place,
  { window, groups }: Options,
): void {
  const axes = window.kernel.map((_, i) => transposedAxis(window, i, x.shape[i + 2], dy.shape[i + 2]));
  const blocks = blocksPerItem(l, sizeOf(x.shape.slice(2)) * x.shape[0]);
  const classes = repeated(classesOf(axes, window.kernel, dy.strides.slice(2), x.strides.slice(2)), [
    [blocks, blockStride(dy), blockStride(x)],
    [dy.shape[0], dy.strides[0], x.strides[0]],
  ]);
  const channels = w.shape[0] / groups;
  gather(l, classes, blocks, dy, x, undefined, kernelPlace(l, w), {
    groups,
    outputs: w.shape[1],
    channels,
    transposed: true,
  });
}

interface Roles {
  groups: number;
  /** Per group, of what is written; and channels per group of what is read. */
  outputs: number;
  channels: number;
  transposed: boolean;
}

function gather(
  l: Lowering,
  classes: Class[],
  blocks: number,
  x: Place,
  y: Place,
  bias: Place | undefined,
  w: Place,
  r: Roles,
): void {
  const mr = tileHeight(l, r.outputs);
  const tiles = Math.ceil(r.outputs / mr);
  const window = sizeOf(w.shape.slice(2));
  const [os, cs] = r.transposed ? [w.strides[1], w.strides[0]] : [w.strides[0], w.strides[1]];
  const gs = r.transposed ? r.channels * w.strides[0] : r.outputs * w.strides[0];
  const packed: Buffer = { laned: false, size: r.groups * tiles * r.channels * window * mr };
  l.step('conv_pack', r.groups * tiles, [
    { buffer: w.buffer },
    w.offset,
    { buffer: packed },
    r.outputs,
    r.channels,
    window,
    mr,
    tiles,
    gs,
    os,
    cs,
  ]);
  const base = Math.ceil(l.blocks / blocks) * r.groups;
  const per = Math.ceil(tiles / Math.min(tiles, Math.max(1, Math.ceil(ITEMS / base))));
  l.step('conv', base * Math.ceil(tiles / per), [
    lineOf(x),
    lineOf(y),
    { buffer: packed },
    bias ? lineOf(bias) : -1,
    { buffer: l.table(tapTable(classes)) },
    r.channels,
    tiles,
    r.outputs,
    r.groups,
    window,
    mr,
    x.strides[1],
    blockStride(x),
    x.strides[1] * r.channels,
    y.strides[1],
    blockStride(y),
    y.strides[1] * r.outputs,
    l.blocks,
    blocks,
    per,
  ]);
}

/** dw[o][c][k] = Σ dy · x over samples and pixels. */
export function lowerConvWeight(
  l: Lowering,
  [x, dy]: readonly Place[],
  dw: Place,
  { window, groups }: Options,
): void {
  const axes = window.kernel.map((_, i) => forwardAxis(window, i, x.shape[i + 2], dy.shape[i + 2]));
  const blocks = Math.min(l.blocks, Math.ceil(WEIGHT_PIXELS / (sizeOf(dy.shape.slice(2)) * x.shape[0])));
  const classes = repeated(classesOf(axes, window.kernel, x.strides.slice(2), dy.strides.slice(2)), [
    [blocks, blockStride(x), blockStride(dy)],
    [x.shape[0], x.strides[0], dy.strides[0]],
  ]);
  const taps = sizeOf(window.kernel);
  const channels = dw.shape[1];
  const outputs = dw.shape[0] / groups;
  const high = l.machine.lanesPerVector === 16 ? 8 : 4;
  const tiles = Math.ceil(outputs / high);
  const wanted = Math.min(channels, Math.max(1, Math.ceil(ITEMS / (tiles * groups))));
  const run = Math.max(
    1,
    Math.min(Math.ceil(channels / wanted), Math.floor(WEIGHT_RUN_LINES / (high * taps))),
  );
  const runs = Math.ceil(channels / run);
  const lines = 8 * run * taps;
  l.step('conv_weight', groups * tiles * runs, [
    lineOf(x),
    lineOf(dy),
    lineOf(dw),
    { buffer: l.table(tapTable(classes)) },
    { buffer: l.scratch(lines) },
    lines,
    channels,
    outputs,
    groups,
    taps,
    x.strides[1],
    blockStride(x),
    x.strides[1] * channels,
    dy.strides[1],
    blockStride(dy),
    dy.strides[1] * outputs,
    l.blocks,
    blocks,
    run,
    runs,
  ]);
}

const blocksPerItem = (l: Lowering, pixels: number) =>
  Math.min(l.blocks, Math.max(1, Math.ceil(ITEM_PIXELS / pixels / 2)));

/** Rows of the register tile: the machine's own, or less for few outputs (kernels/conv.c: CONV_MR). */
function tileHeight(l: Lowering, outputs: number): number {
  const { lanesPerVector } = l.machine;
  const most = lanesPerVector === 16 ? 8 : lanesPerVector === 8 ? 6 : 4;
  return outputs > 4 ? most : outputs > 2 ? 4 : outputs;
}

/** Weights whose window lies densely, as conv_pack reads them. */
function kernelPlace(l: Lowering, w: Place): Place {
  if (isDense({ ...w, shape: w.shape.slice(2), strides: w.strides.slice(2) })) return w;
  const copy = wholePlace({ laned: false, size: sizeOf(w.shape) }, w.shape);
  lowerCopy(l, w, copy);
  return copy;
}
