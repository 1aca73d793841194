/**
 * Single weights set to zero by what samples say of a layer's inputs, and the others made to make up for them.
 *
 * *Wanda* (Sun, Liu, Bair, Kolter: "A simple and effective pruning approach for large language models", ICLR 2024, arXiv 2306.11695): in every row those of
 * least |W[o, j]|·‖u[j]‖₂ go, and nothing else changes.
 *
 * *SparseGPT* (Frantar, Alistarh: "Massive language models can be accurately pruned in one-shot", ICML 2023, arXiv 2301.00774), which is optimal brain
 * surgery with the columns in a fixed order. With H = G + λI and U the upper factor of H⁻¹ = Uᵀ U, a weight at column j costs (w / U[j, j])², and when it
 * goes, those at later columns make up for it:
 *
 *     W[o, k] ← W[o, k] − W[o, j] / U[j, j] · U[j, k]      for k > j
 *
 * Which weights of a block of columns go is decided over all rows when the columns before it are done with.
 */

import { factored, solveInPlace } from './cholesky.js';
import type { Moments } from './moments.js';

export const sparsifiers = ['wanda', 'sparsegpt'] as const;
export type Sparsifier = (typeof sparsifiers)[number];

export interface SparsifyOptions {
  how: Sparsifier;
  /** How many weights stay; of blocks a multiple of their size. */
  kept: number;
  /** In what the weights go together, or share a count. */
  pattern?: Neighbours;
  /** λ relative to the mean of G's diagonal; default 0.01, as in the paper. */
  damping?: number;
  /**
   * What a number that stays comes to where it is stored, at an element of the matrix. SparseGPT has later columns make up for that, too, as the
   * paper does for weights that are quantised at the same time.
   */
  stored?: (value: number, at: number) => number;
}

export interface Neighbours {
  /** How many of `of` weights that stand side by side in a row stay, so that `kept` says nothing; absent: they go as a whole. */
  keep?: number;
  of: number;
  /** Rows of such a whole; default 1. */
  rows?: number;
  /** Which columns count as side by side; default: as they stand. */
  order?: Uint32Array;
}

/** The columns of a window's taps, one tap's input channels after the other: neighbours are channels at one tap. */
export const byTap = (inner: number, taps: number): Uint32Array =>
  Uint32Array.from({ length: inner }, (_, i) => {
    const channels = inner / taps;
    return (i % channels) * taps + Math.floor(i / channels);
  });

/** Columns that are decided on together. */
const BLOCK = 128;

/**
 * The matrix with exactly so many weights that are not to be zero; `marks` is 1 for those.
 * @returns undefined where the moments are not finite.
 */
export function sparsified(
  matrix: Float64Array,
  moments: Pick<Moments, 'gram' | 'groups' | 'inner' | 'outputs'>,
  options: SparsifyOptions,
): { matrix: Float64Array; marks: Uint8Array } | undefined {
  const order = options.pattern?.order;
  if (!order) return inOrder(matrix, moments, options);
  const { gram, inner } = moments;
  const place = (i: number) => i - (i % inner) + order[i % inner];
  const row = (i: number) => Math.floor(i / inner);
  const found = inOrder(
    matrix.map((_, i) => matrix[place(i)]),
    {
      ...moments,
      gram: gram.map(
        (_, i) => gram[(row(i) - (row(i) % inner) + order[row(i) % inner]) * inner + order[i % inner]],
      ),
    },
    { ...options, stored: options.stored && ((value, i) => options.stored!(value, place(i))) },
  );
  if (!found) return undefined;
  const back = { matrix: new Float64Array(matrix.length), marks: new Uint8Array(matrix.length) };
  for (let i = 0; i < matrix.length; i++) {
    back.matrix[place(i)] = found.matrix[i];
    back.marks[place(i)] = found.marks[i];
  }
  return back;
}

function inOrder(
  matrix: Float64Array,
  moments: Pick<Moments, 'gram' | 'groups' | 'inner' | 'outputs'>,
  options: SparsifyOptions,
): { matrix: Float64Array; marks: Uint8Array } | undefined {
  const { groups, inner, outputs, gram } = moments;
  const per = outputs / groups;
  const result = matrix.slice();
  const marks = new Uint8Array(matrix.length);
  const { kept, pattern, stored } = options;
  const atom = atomOf(pattern);
  const parts = Array.from({ length: groups }, (_, g) =>
    matrix.subarray(g * per * inner, (g + 1) * per * inner),
  );
  const present = parts.map((part) => presentIn(part, inner, pattern));
  const shares = shared(kept / atom, present).map((atoms) => atoms * atom);
  for (let g = 0; g < groups; g++) {
    const [from, to] = [g * per * inner, (g + 1) * per * inner];
    const own = {
      weights: result.subarray(from, to),
      marks: marks.subarray(from, to),
      gram: gram.subarray(g * inner * inner, (g + 1) * inner * inner),
      ...{ rows: per, inner },
    };
    const done = (options.how === 'wanda' ? byNorms : bySurgery)(own, {
      ...options,
      kept: shares[g],
      stored: stored && ((value, at) => stored(value, from + at)),
    });
    if (!done) return undefined;
  }
  return result.every(Number.isFinite) ? { matrix: result, marks } : undefined;
}

interface Part {
  weights: Float64Array;
  marks: Uint8Array;
  gram: Float64Array;
  rows: number;
  inner: number;
}

/** Weights that go as a whole. */
const atomOf = (pattern?: Neighbours): number =>
  pattern && pattern.keep === undefined ? pattern.of * (pattern.rows ?? 1) : 1;

/** A whole number in parts in proportion to what each has, so that none is given more than that. */
function shared(whole: number, parts: readonly number[]): number[] {
  const all = parts.reduce((sum, part) => sum + part, 0);
  let passed = 0;
  return parts.map((part) => {
    const before = passed;
    passed += part;
    return all === 0 ? 0 : Math.floor((whole * passed) / all) - Math.floor((whole * before) / all);
  });
}

/** Weights that are not 0, or wholes of which any is not, in rows that are `width` long. */
function presentIn(weights: Float64Array, width: number, pattern?: Neighbours): number {
  if (atomOf(pattern) === 1) return weights.reduce((count, w) => count + (w === 0 ? 0 : 1), 0);
  const blockOf = blocksIn(width, pattern!);
  const found = new Set<number>();
  for (let i = 0; i < weights.length; i++) if (weights[i] !== 0) found.add(blockOf(i));
  return found.size;
}

/** Gives the whole that an element of rows of this width belongs to. */
const blocksIn =
  (width: number, { of, rows = 1 }: Neighbours) =>
  (i: number): number =>
    Math.floor(Math.floor(i / width) / rows) * (width / of) + Math.floor((i % width) / of);

function byNorms({ weights, marks, gram, rows, inner }: Part, { kept, pattern }: SparsifyOptions): boolean {
  const norms = Float64Array.from({ length: inner }, (_, j) => Math.sqrt(Math.max(0, gram[j * inner + j])));
  if (!norms.every(Number.isFinite)) return false;
  const atom = atomOf(pattern);
  const high = atom > 1 ? (pattern!.rows ?? 1) : 1;
  const bands = Array.from({ length: rows / high }, (_, i) =>
    weights.subarray(i * high * inner, (i + 1) * high * inner),
  );
  const present = bands.map((band) => presentIn(band, inner, pattern));
  const counts = shared(kept / atom, present);
  for (const [i, count] of counts.entries()) {
    const [from, to] = [i * high * inner, (i + 1) * high * inner];
    const row = weights.subarray(from, to);
    const nought = atom > 1 ? 0 : -1; // so that a weight whose input is always 0 stays rather than one that is 0 itself
    const scores = row.map((w, j) => (w === 0 ? nought : Math.abs(w) * norms[j % inner]));
    const own = marks.subarray(from, to);
    if (pattern && atom > 1) markBlocks(own, scores, { width: inner, count, pattern });
    else if (pattern) markPattern(own, scores, pattern);
    else markGreatest(own, scores, count);
    for (let j = 0; j < row.length; j++) if (own[j] === 0) row[j] = 0;
  }
  return true;
}

function bySurgery(
  { weights, marks, gram, rows, inner }: Part,
  { kept, pattern, damping = 0.01, stored }: SparsifyOptions,
): boolean {
  const upper = upperOfInverse(gram, inner, damping);
  if (!upper) return false;
  const width = pattern ? Math.ceil(BLOCK / pattern.of) * pattern.of : BLOCK;
  const starts = Array.from({ length: Math.ceil(inner / width) }, (_, i) => i * width);
  const present = starts.map((start) => {
    const size = Math.min(width, inner - start);
    const at = (i: number) => Math.floor(i / size) * inner + start + (i % size);
    return presentIn(
      Float64Array.from({ length: rows * size }, (_, i) => weights[at(i)]),
      size,
      pattern,
    );
  });
  const counts = shared(kept / atomOf(pattern), present);
  for (const [s, start] of starts.entries()) {
    const end = Math.min(inner, start + width);
    const size = end - start;
    const scores = new Float64Array(rows * size);
    for (let o = 0; o < rows; o++)
      for (let j = start; j < end; j++)
        scores[o * size + j - start] = (weights[o * inner + j] / upper[j * inner + j]) ** 2;
    const block = new Uint8Array(rows * size);
    const count = counts[s];
    if (pattern && pattern.keep === undefined) markBlocks(block, scores, { width: size, count, pattern });
    else if (pattern)
      for (let o = 0; o < rows; o++)
        markPattern(
          block.subarray(o * size, (o + 1) * size),
          scores.subarray(o * size, (o + 1) * size),
          pattern,
        );
    else markGreatest(block, scores, count);
    for (let o = 0; o < rows; o++) {
      const row = weights.subarray(o * inner, (o + 1) * inner);
      for (let j = start; j < end; j++) {
        const at = o * inner + j;
        if (block[o * size + j - start]) marks[at] = 1;
        const becomes = marks[at] === 0 ? 0 : (stored?.(row[j], at) ?? row[j]);
        if (becomes === row[j]) continue;
        const factor = (row[j] - becomes) / upper[j * inner + j];
        for (let k = j; k < inner; k++) row[k] -= factor * upper[j * inner + k];
        row[j] = becomes;
      }
    }
  }
  return true;
}

/** U of (G + λI)⁻¹ = Uᵀ U, upper triangular. Inputs that are always 0 count as if they had the least that there is. */
export function upperOfInverse(gram: Float64Array, size: number, damping: number): Float64Array | undefined {
  const factors = factored(gram, size, damping);
  if (!factors) return undefined;
  const inverse = new Float64Array(size * size);
  for (let i = 0; i < size; i++) inverse[i * size + i] = 1;
  solveInPlace(factors, size, inverse, size);
  const lower = factored(inverse, size, 0);
  if (!lower) return undefined;
  const upper = new Float64Array(size * size);
  for (let i = 0; i < size; i++) for (let j = 0; j <= i; j++) upper[j * size + i] = lower[i * size + j];
  return upper;
}

/** Marks the greatest, of equal ones the first. */
function markGreatest(marks: Uint8Array, scores: Float64Array, count: number): void {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i).sort(
    (a, b) => scores[b] - scores[a] || a - b,
  );
  for (const i of order.subarray(0, count)) marks[i] = 1;
}

/** Marks the blocks of the greatest sums, of equal ones the first; rows of scores are `width` long. */
function markBlocks(
  marks: Uint8Array,
  scores: Float64Array,
  { width, count, pattern: { of, rows = 1 } }: { width: number; count: number; pattern: Neighbours },
): void {
  const blockOf = blocksIn(width, { of, rows });
  const sums = new Float64Array(scores.length / (rows * of));
  for (const [i, score] of scores.entries()) sums[blockOf(i)] += score;
  const own = new Uint8Array(sums.length);
  markGreatest(own, sums, count);
  for (let i = 0; i < marks.length; i++) marks[i] = own[blockOf(i)];
}

/** Of every `of` neighbours the greatest `keep`. */
function markPattern(marks: Uint8Array, scores: Float64Array, { keep = 0, of }: Neighbours): void {
  for (let from = 0; from < scores.length; from += of)
    markGreatest(marks.subarray(from, from + of), scores.subarray(from, from + of), keep);
}
