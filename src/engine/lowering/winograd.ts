/**
 * Lowers 3×3 convolutions of stride 1 to kernels/winograd.c, where that pays.
 *
 * Winograd's sums have other bits than the sum of taps. So whether it is taken must not be for the clock to say: it follows
 * from the shapes, by the estimate below, and in use from the weights (steps.ts: `instead`), because zeros among the
 * weights are of no use to it.
 */
import type { Window } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { Image, WeightStrides } from './calls.js';
import { WINO_POINTS, WINO_TILE } from './contract.js';
import { type Buffer, LANES, type Line, type Place } from './place.js';
import { blockStride, type Lowering, lineOf } from './steps.js';

/**
 * What transforms cost, in multiplications of a line: of a tile's input and output for a channel, and of a filter.
 * Estimated from the instructions of the AVX-512 kernels, not fitted to times; the same on every machine, lest the bits of
 * a run depend on it.
 */
const SPOT_COST = 500;
const FILTER_COST = 25;
/** Winograd must promise to take this share of the direct way's time at most. */
const WORTH = 0.8;
/** The share of weights that must not be 0: with fewer of them the sparse kernels are expected to be as fast; not measured. */
export const WINOGRAD_DENSITY = 0.4;
/** Lines of scratch that an item should keep to, lest transformed pixels leave the L2 cache; spots it has at least and at most. */
const SCRATCH_LINES = 10240;
const LEAST_SPOTS = 3;
const MOST_SPOTS = 12;
/** Items there should be. */
const ITEMS = 8;

export interface WinogradConv {
  x: Place;
  y: Place;
  bias: Line | undefined;
  w: Place;
  weightsBy: WeightStrides;
  /** Whether the window is turned round, as it is for the input gradient. */
  turned: boolean;
  outputs: number;
  channels: number;
  pads: readonly number[];
  /** Outputs of a register tile. */
  high: number;
}

/** Whether a window is one that Winograd's kernels know, on images of one sample each. */
export const isWinograd = (w: Window, groups: number, ...images: readonly Place[]): boolean =>
  groups === 1 &&
  w.kernel.length === 2 &&
  w.kernel.every((k) => k === 3) &&
  [...w.strides, ...w.dilations].every((s) => s === 1) &&
  w.padsBefore.every((p) => p <= 2) &&
  images.every((p) => p.shape[0] === 1 && p.buffer.laned);

/** How the spots and the outputs are dealt out to items. */
function cut(l: Lowering, c: WinogradConv) {
  const spots = l.blocks * sizeOf(c.y.shape.slice(2).map((n) => Math.ceil(n / WINO_TILE)));
  const most = Math.floor(SCRATCH_LINES / (WINO_POINTS * (c.channels + c.outputs)));
  const wide = most < LEAST_SPOTS ? MOST_SPOTS : Math.min(MOST_SPOTS, most - (most % LEAST_SPOTS));
  const per = Math.min(spots, wide);
  const tiles = Math.ceil(c.outputs / c.high);
  const parts = Math.min(tiles, Math.ceil(ITEMS / Math.ceil(spots / per)));
  const run = Math.ceil(tiles / parts) * c.high;
  return { spots, per, run, runs: Math.ceil(c.outputs / run) };
}

/** Whether Winograd is estimated to be the faster by enough. @param taps valid taps of all pixels of an image. */
export function winogradPays(l: Lowering, c: WinogradConv, taps: number): boolean {
  const { spots, runs } = cut(l, c);
  const pairs = c.channels * c.outputs;
  const direct = taps * l.blocks * pairs;
  const transforms = SPOT_COST * spots * (c.channels * runs + c.outputs) * 0.5;
  return WINO_POINTS * spots * pairs + transforms + FILTER_COST * pairs < WORTH * direct;
}

const imageOf = (p: Place): Image => ({
  channel: p.strides[1],
  block: blockStride(p),
  row: p.strides[2],
  column: p.strides[3],
  height: p.shape[2],
  width: p.shape[3],
});

export function emitWinograd(l: Lowering, c: WinogradConv): void {
  const { channels, outputs, high, weightsBy: by } = c;
  const { per, run } = cut(l, c);
  const tiles = Math.ceil(outputs / high);
  const point = Math.ceil((tiles * channels * high) / LANES) * LANES + LANES;
  const filters: Buffer = { laned: false, size: WINO_POINTS * point };
  l.call.winogradPack({
    weights: { buffer: c.w.buffer },
    offset: c.w.offset,
    filters: { buffer: filters },
    channels,
    outputs,
    height: high,
    point,
    byOutput: by.output,
    byChannel: by.channel,
    turned: c.turned ? 1 : 0,
  });
  l.call.winograd({
    x: lineOf(c.x),
    y: lineOf(c.y),
    filters: { buffer: filters },
    bias: c.bias,
    channels,
    outputs,
    height: high,
    point,
    xImage: imageOf(c.x),
    yImage: imageOf(c.y),
    top: c.pads[0],
    left: c.pads[1],
    blocks: l.blocks,
    spots: per,
    run,
  });
}

export interface WinogradWeight {
  x: Place;
  dy: Place;
  dw: Place;
  mask?: Place;
  channels: number;
  outputs: number;
  pads: readonly number[];
}

/** Sums over lanes that are spared, and the rate that they cost the direct way, in its favour. */
const DOTS_GAIN = 1.3;
/** Sums of an item are to be no more than so many weights'. */
const PART_PAIRS = 128 * 128;

const panelled = (channels: number) => Math.ceil(channels / LANES) * LANES;

/** How spots and outputs are dealt out: `per` spots at a time, `some` to a part. */
function cutWeight(l: Lowering, c: WinogradWeight) {
  const width = panelled(c.channels);
  const spots = l.blocks * sizeOf(c.dy.shape.slice(2).map((n) => Math.ceil(n / WINO_TILE)));
  const most = Math.floor(SCRATCH_LINES / (WINO_POINTS * (width + c.outputs)));
  const per = Math.min(spots, Math.max(LEAST_SPOTS, Math.min(most, MOST_WEIGHT_SPOTS)));
  const tiles = Math.ceil(c.outputs / 8);
  const wanted = Math.min(tiles, ITEMS, Math.ceil((width * c.outputs) / PART_PAIRS));
  const run = Math.ceil(tiles / wanted) * 8;
  const runs = Math.ceil(c.outputs / run);
  const chunks = Math.ceil(spots / per);
  const some = Math.ceil(chunks / Math.min(chunks, Math.ceil(ITEMS / runs))) * per;
  return { width, spots, per, run, runs, some, parts: Math.ceil(spots / some) };
}

const MOST_WEIGHT_SPOTS = 8;

/** As {@link winogradPays}. */
export function winogradWeightPays(l: Lowering, c: WinogradWeight, taps: number): boolean {
  const { width, spots, runs, parts } = cutWeight(l, c);
  const pairs = width * c.outputs;
  const transforms = SPOT_COST * spots * (width * runs + c.outputs / 2);
  const sums = FILTER_COST * pairs * parts;
  const direct = taps * l.blocks * c.channels * c.outputs * DOTS_GAIN;
  return WINO_POINTS * spots * pairs + transforms + sums < WORTH * direct;
}

export function emitWinogradWeight(l: Lowering, c: WinogradWeight): void {
  const { width, per, run, some, parts } = cutWeight(l, c);
  const { channels, outputs } = c;
  const sums: Buffer = { laned: false, size: parts * WINO_POINTS * outputs * width };
  l.call.winogradWeight({
    x: lineOf(c.x),
    dy: lineOf(c.dy),
    sums: { buffer: sums },
    channels,
    outputs,
    xImage: imageOf(c.x),
    dyImage: imageOf(c.dy),
    top: c.pads[0],
    left: c.pads[1],
    blocks: l.blocks,
    spots: per,
    spotsPerPart: some,
    run,
  });
  l.call.winogradWeightSum({
    sums: { buffer: sums },
    dw: lineOf(c.dw),
    mask: c.mask && lineOf(c.mask),
    every: { buffer: l.every },
    channels,
    outputs,
    parts,
  });
}
