/**
 * In which pattern single weights go: each by itself; `N:M`, where of every M neighbours along the inputs N stay; or `block:RxC`, where blocks of
 * R outputs by C inputs go as wholes.
 *
 * Neighbours, and the weights of a block, stand at the same position of a kernel, which is how hardware reads them. Both patterns cut a layer into
 * tiles of one size. A layer whose outputs or inputs are no multiple of that is left as it is, so that every count is exact.
 *
 * A selection sees a layer as *atoms*: its weights, or its blocks, of which each scores as the sum of its weights' scores. With N:M a selection may only
 * take what is not among the N best of its tile, so no tile ever has fewer than N (of those that it had), and when all that may go is gone it has exactly N.
 */
import { fail, type Setting } from '../base/index.js';
import { countNonZero } from './masks.js';
import type { Order } from './select.js';
import type { Mask, Prunable } from './types.js';

export interface Pattern {
  /** How many weights of a tile stay; absent: a tile goes as a whole. */
  keep?: number;
  /** A tile's outputs and inputs. */
  rows: number;
  columns: number;
}

/** Every weight by itself. */
export const UNSTRUCTURED = 'unstructured';

const MOST = 64;

function read(text: string): Pattern | undefined {
  const [, keep, of] = /^(\d+):(\d+)$/.exec(text) ?? [];
  if (of) return { keep: Number(keep), rows: 1, columns: Number(of) };
  const [, rows, columns] = /^block:(\d+)x(\d+)$/.exec(text) ?? [];
  return columns ? { rows: Number(rows), columns: Number(columns) } : undefined;
}

const isSound = ({ keep, rows, columns }: Pattern): boolean =>
  rows >= 1 &&
  columns >= 1 &&
  rows * columns >= 2 &&
  Math.max(rows, columns) <= MOST &&
  (keep === undefined || (keep >= 1 && keep < columns));

export const patternSetting: Setting<string> = {
  ok: (value): value is string => {
    if (typeof value !== 'string') return false;
    const pattern = read(value);
    return value === UNSTRUCTURED || (pattern !== undefined && isSound(pattern));
  },
  must: `be ${UNSTRUCTURED}, N:M with N below M, such as 2:4, or block:RxC, such as block:1x4, with numbers up to ${MOST}`,
  parse: (text) => text.trim(),
  argument: `${UNSTRUCTURED}|N:M|block:RxC`,
  about:
    'pattern in which weights are pruned: single weights, N:M (N of every M weights along the inputs stay, without --sparsity), or whole blocks of R outputs by C inputs (default: unstructured)',
  words: [UNSTRUCTURED, '2:4', 'block:1x4'],
};

/** The pattern of that name, undefined where every weight goes by itself. */
export const patternOf = (name: string = UNSTRUCTURED): Pattern | undefined => read(name);

/** Whether a pattern says by itself how many weights stay. */
export const decidesSparsity = (name: unknown): boolean =>
  typeof name === 'string' && read(name)?.keep !== undefined;

const inputAxisOf = ({ outputAxis, inputAxis = outputAxis === 0 ? 1 : outputAxis - 1 }: Layer): number =>
  inputAxis;

type Layer = Pick<Prunable, 'shape' | 'outputAxis' | 'inputAxis'>;

/** Why a layer cannot have a pattern; undefined where it can. */
export function misfit(layer: Layer, pattern: Pattern | undefined): string | undefined {
  if (!pattern) return undefined;
  const { rows, columns } = pattern;
  const [outputs, inputs] = [layer.shape[layer.outputAxis], layer.shape[inputAxisOf(layer)] ?? 1];
  if (inputs % columns !== 0) return `its ${inputs} inputs are no multiple of ${columns} (pattern)`;
  return outputs % rows === 0 ? undefined : `its ${outputs} outputs are no multiple of ${rows} (pattern)`;
}

/** Where the weights of a layer lie, tile after tile. */
export function tilesOf(layer: Layer, { rows, columns }: Pattern): Uint32Array {
  const { shape, outputAxis } = layer;
  const inputAxis = inputAxisOf(layer);
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, d) => product * d, 1));
  const within: number[] = [];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) within.push(r * strides[outputAxis] + c * strides[inputAxis]);
  let corners = [0];
  for (const [axis, size] of shape.entries()) {
    const step = axis === outputAxis ? rows : axis === inputAxis ? columns : 1;
    const along = Array.from({ length: size / step }, (_, i) => i * step * strides[axis]);
    corners = corners.flatMap((corner) => along.map((at) => corner + at));
  }
  const tiles = new Uint32Array(corners.length * within.length);
  for (const [t, corner] of corners.entries())
    for (const [i, offset] of within.entries()) tiles[t * within.length + i] = corner + offset;
  return tiles;
}

/** Weights of an atom. */
export const atomSize = (pattern: Pattern | undefined): number =>
  pattern && pattern.keep === undefined ? pattern.rows * pattern.columns : 1;

/** What a selection sees of a layer. */
export interface Atoms {
  count: number;
  /** The atoms of which any weight is kept. */
  mask(of: Mask): Mask;
  /** Their scores. */
  scores(of: Float32Array, order?: Order): Float32Array;
  /** Those of `among` that may go. */
  free(values: Float32Array, among: Mask, order?: Order): Mask;
  /** The weights of marked atoms. */
  weights(marks: Uint8Array): Uint8Array;
}

export function atomsOf(layer: Layer & Pick<Prunable, 'mask'>, pattern: Pattern | undefined): Atoms {
  const single: Atoms = {
    count: layer.mask.length,
    mask: (of) => of,
    scores: (of) => of,
    free: (_, among) => among,
    weights: (marks) => marks,
  };
  if (!pattern) return single;
  const tiles = tilesOf(layer, pattern);
  const { keep, columns } = pattern;
  if (keep === undefined) return blocks(tiles, atomSize(pattern));
  return {
    ...single,
    free(values, among, order) {
      const free = Uint8Array.from(among);
      const best = { tiles, size: columns, count: () => keep };
      for (const index of bestOfTiles(values, among, order, best)) free[index] = 0;
      return free;
    },
  };
}

function blocks(tiles: Uint32Array, size: number): Atoms {
  const count = tiles.length / size;
  return {
    count,
    mask(of) {
      const mask = new Uint8Array(count);
      for (let i = 0; i < tiles.length; i++) if (of[tiles[i]] !== 0) mask[Math.floor(i / size)] = 1;
      return mask;
    },
    scores(of, order = 'magnitude') {
      const sums = new Float64Array(count);
      for (let i = 0; i < tiles.length; i++) {
        const value = of[tiles[i]];
        sums[Math.floor(i / size)] += order === 'magnitude' ? Math.abs(value) : value;
      }
      return Float32Array.from(sums);
    },
    free: (_, among) => among,
    weights(marks) {
      const all = new Uint8Array(tiles.length);
      for (let i = 0; i < tiles.length; i++) all[tiles[i]] = marks[Math.floor(i / size)];
      return all;
    },
  };
}

interface BestOf {
  tiles: Uint32Array;
  size: number;
  /** How many are looked for in a tile. */
  count(tile: number): number;
}

/** The greatest of every tile, of equal ones the last: a selection of the smallest takes the first. */
function bestOfTiles(
  values: Float32Array,
  among: Mask,
  order: Order = 'magnitude',
  { tiles, size, count }: BestOf,
): number[] {
  const key = order === 'magnitude' ? Math.abs : (x: number) => x;
  const all: number[] = [];
  for (let tile = 0; tile * size < tiles.length; tile++) {
    const open = [...tiles.subarray(tile * size, (tile + 1) * size)].filter((i) => among[i] !== 0);
    open.sort((a, b) => key(values[b]) - key(values[a]) || b - a);
    all.push(...open.slice(0, count(tile)));
  }
  return all;
}

/** Of the weights that are pruned, those of greatest magnitude in every tile, as many as the tile has lost. */
export function regrown(
  layer: Layer & Pick<Prunable, 'name' | 'mask'>,
  pattern: Pattern,
  { values, lost }: { values: Float32Array; lost: Uint8Array },
): Uint8Array {
  const { name, mask } = layer;
  if (values.some((value, i) => Number.isNaN(value) && mask[i] === 0))
    fail(`The growth of ${name} is not a number: training has diverged; lower the learning rate.`);
  const [tiles, size] = [tilesOf(layer, pattern), pattern.columns];
  const count = (tile: number) =>
    tiles.subarray(tile * size, (tile + 1) * size).reduce((sum, i) => sum + lost[i], 0);
  const pruned = Uint8Array.from(mask, (m) => (m === 0 ? 1 : 0));
  const coming = new Uint8Array(mask.length);
  for (const index of bestOfTiles(values, pruned, 'magnitude', { tiles, size, count })) coming[index] = 1;
  return coming;
}

/** How many weights of a layer are kept as it starts, and how many have to be at the least. */
export function extentOf(
  { weight, mask, ...layer }: Layer & Pick<Prunable, 'weight' | 'mask'>,
  pattern: Pattern | undefined,
  { keepZeros, allowEmpty }: { keepZeros: boolean; allowEmpty: boolean },
): { present: number; least: number } {
  const kept = keepZeros ? countNonZero(weight) : weight.length;
  if (!pattern) return { present: kept, least: allowEmpty ? 0 : 1 };
  if (pattern.keep === undefined) {
    const size = atomSize(pattern);
    const atoms = countNonZero(atomsOf({ mask, ...layer }, pattern).mask(weight));
    return { present: keepZeros ? atoms * size : weight.length, least: allowEmpty ? 0 : size };
  }
  const { keep, columns } = pattern;
  const tiles = tilesOf(layer, pattern);
  let least = 0;
  for (let from = 0; from < tiles.length; from += columns) {
    const tile = tiles.subarray(from, from + columns);
    least += Math.min(keep, keepZeros ? tile.filter((i) => weight[i] !== 0).length : columns);
  }
  return { present: kept, least };
}
