/**
 * How a convolution over planes is cut into tiles, in each of three ways, and which way is cheapest: kernels/plane.c computes
 *
 *     dense    a block of outputs × a few vectors of the run at a time
 *     sparse   one output × up to a dozen vectors at a time, with the weights that are not 0
 *     points   a vector of outputs × a few pixels at a time, for images so small that a run is mostly borders
 *
 * What a way costs is reckoned in multiplications of whole registers as plane_dense does them (0.32 ns on a Zen 4 at 3.1 GHz
 * with AVX-512, 0.21 ns there in WebAssembly). The factors were fitted to the times of some twenty layers in every way, natively
 * with AVX-512 and in WebAssembly; for registers of 8 lanes they are set in between. They are constants, not timed at load, so
 * that a model computes the same bits whenever it is loaded on a machine of the kind. Between the ways results differ by rounding.
 */

import type { Machine } from '../engine/index.js';
import { PLANE_TILE } from '../engine/lowering/index.js';
import type { Plane } from './planes.js';

/** Three numbers a tile. dense, sparse: where it starts in a channel of x and of y, vectors. points: rows · 16 + columns. */
export type Tiles = Int32Array;

export interface Shape {
  from: Plane;
  to: Plane;
  groups: number;
  /** Outputs of a group, and the weights of one of them. */
  outputs: number;
  window: number;
  /** Weights that are not 0. */
  count: number;
}

export type Way = 'dense' | 'sparse' | 'points';

export interface Tiling {
  way: Way;
  tiles: Tiles;
  /** Outputs of a block. */
  height: number;
  /** In multiplications of whole registers. */
  cost: number;
}

/** Numbers of a tile, and of a cut. */
export const TILE = 3;
export const CUT = 4;

interface Limits {
  /** Outputs and vectors of a dense tile, and pixels of one of points. */
  height: number;
  vectors: number;
  points: number;
  /** What a term costs in a sparse tile, and with each of its vectors; and what an output does besides, likewise. */
  read: number;
  term: number;
  output: number;
  vector: number;
  /** What a pixel costs in points, and what storing it does, for each output. */
  pixel: number;
  stored: number;
}

const stores = { output: 8, vector: 5, stored: 2 };

function limitsOf({ lanesPerVector, kind, told }: Machine): Limits {
  const sizes = { height: told.PLANE_MR, vectors: told.PLANE_NV, points: told.PLANE_POINTS };
  // A register of 16 lanes is a line of the cache: where it does not begin with one, it takes two reads.
  if (lanesPerVector === 16) return { ...stores, ...sizes, read: 0.9, term: 1.6, pixel: 1 };
  if (lanesPerVector === 8) return { ...stores, ...sizes, read: 1, term: 1.3, pixel: 1.1 };
  // WebAssembly has sixteen registers, and needs one for each product; other machines of this width have 32.
  const vectors = kind === 'wasm' ? 2 : sizes.vectors;
  return { ...stores, ...sizes, vectors, read: 1.5, term: 1.1, pixel: 1.35 };
}

/** The cheapest way. */
export function tilingOf(machine: Machine, shape: Shape): Tiling {
  const limits = limitsOf(machine);
  const vector = machine.lanesPerVector;
  const ways = [denseWay(limits, vector, shape), sparseWay(limits, vector, shape)];
  if (shape.groups === 1) ways.push(pointsWay(limits, vector, shape));
  return ways.reduce((best, way) => (way.cost < best.cost ? way : best));
}

const total = (tiles: Tiles, of: (shape: number) => number): number => {
  let sum = 0;
  for (let i = 2; i < tiles.length; i += TILE) sum += of(tiles[i]);
  return sum;
};

function denseWay({ height, vectors }: Limits, vector: number, s: Shape): Tiling {
  const tiles = runTiles(s.from, s.to, vector, vectors);
  const blocks = Math.ceil(s.outputs / height) * s.groups;
  return { way: 'dense', tiles, height, cost: blocks * height * s.window * total(tiles, (n) => n) };
}

function sparseWay({ read, term, output, vector: each }: Limits, vector: number, s: Shape): Tiling {
  const tiles = runTiles(s.from, s.to, vector, PLANE_TILE);
  const outputs = s.outputs * s.groups;
  const cost = total(tiles, (n) => s.count * (read + n * term) + outputs * (output + n * each));
  return { way: 'sparse', tiles, height: 1, cost };
}

function pointsWay({ points, pixel, stored }: Limits, vector: number, s: Shape): Tiling {
  const tiles = pointTiles(s.from, s.to, points);
  const blocks = Math.ceil(s.outputs / vector);
  const pixels = total(tiles, (n) => (n >> 4) * (n & 15));
  const cost = blocks * pixels * (s.window * pixel + vector * stored);
  return { way: 'points', tiles, height: vector, cost };
}

/** Floats of the run that a result's rows take up. */
const rowsEnd = ({ height, pitch }: Plane): number => height * pitch;

/** Where the last vector of a plane's rows ends, from where zeros follow: `alike`, rows lie as in what they are made from. */
export function storedEnd(plane: Plane, vector: number, alike: boolean): number {
  const { height, pitch } = plane;
  const start = alike ? 0 : (height - 1) * pitch;
  return start + Math.ceil((rowsEnd(plane) - start) / vector) * vector;
}

/** Tiles of at most `most` vectors: of the whole run where rows lie alike in both planes, else row by row. */
export function runTiles(from: Plane, to: Plane, vector: number, most: number): Tiles {
  const tiles: number[] = [];
  const cut = (start: number, target: number, length: number) => {
    const vectors = Math.ceil(length / vector);
    const count = Math.ceil(vectors / most);
    for (let i = 0; i < count; i++) {
      const [a, b] = [i, i + 1].map((k) => Math.floor((vectors * k) / count));
      tiles.push(start + a * vector, target + a * vector, b - a);
    }
  };
  if (from.pitch === to.pitch) cut(0, 0, rowsEnd(to));
  else for (let row = 0; row < to.height; row++) cut(row * from.pitch, row * to.pitch, to.pitch);
  return Int32Array.from(tiles);
}

/** Rectangles of pixels of the sizes that plane_points has. */
function pointTiles(from: Plane, to: Plane, most: number): Tiles {
  const tiles: number[] = [];
  const widths = most === 16 && to.width % 7 === 0 ? [7] : [8, 4, 2, 1];
  for (let column = 0; column < to.width; ) {
    const width = widths.find((w) => column + w <= to.width)!;
    for (let row = 0; row < to.height; ) {
      const height = [4, 2, 1].find((h) => row + h <= to.height && h * width <= most)!;
      tiles.push(row * from.pitch + column, row * to.pitch + column, height * 16 + width);
      row += height;
    }
    column += width;
  }
  return Int32Array.from(tiles);
}

/** Items of a step: ranges of the tiles where those may be shared out, else of the outputs or blocks. */
export function cutsOf(tiles: Tiles, outputs: number, parts: number, free: boolean): Int32Array {
  const count = tiles.length / TILE;
  const byTiles = free && count >= 4 * parts;
  const units = byTiles ? count : outputs;
  const cuts = Math.min(parts, units);
  const items = Array.from({ length: cuts }, (_, i) => {
    const [a, b] = [i, i + 1].map((k) => Math.floor((units * k) / cuts));
    return byTiles ? [a, b, 0, outputs] : [0, count, a, b];
  });
  return Int32Array.from(items.flat());
}
