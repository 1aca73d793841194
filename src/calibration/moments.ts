/**
 * Second moments of a layer over samples and pixels, summed in the engine's kernels and, batch after batch, in double precision:
 *
 *     Σ u uᵀ   of the unfolded input, for each group     Σ e uᵀ   of what is missing at the target     Σ u, Σ e, Σ e², Σ t²
 *
 * A batch's sums are products of matrices whose items are cut by shape, so they are the same bits on any number of threads. Of the
 * Gram matrix only stretches of rows from the diagonal on are computed; the rest mirrors them.
 */
import type { Pair } from '../engine/index.js';
import { type Build, call, cut, input, type Window } from '../graph/index.js';
import type { Linear } from './linear.js';

export interface Moments {
  /** How many columns were summed over: samples times pixels. */
  count: number;
  groups: number;
  inner: number;
  outputs: number;
  /** [groups][inner][inner] */
  gram: Float64Array;
  /** [outputs][inner]: Σ e[o] u[g(o)] */
  cross: Float64Array;
  /** [groups · inner] */
  inputs: Float64Array;
  /** [outputs]: Σ e, Σ e², and Σ t, Σ t² of what is to be reproduced. */
  errors: Float64Array;
  squares: Float64Array;
  wanted: Float64Array;
  wantedSquares: Float64Array;
}

/** Rows of a Gram matrix in one stretch, about; few enough to leave out most of what mirrors, enough for the kernels. */
const STRETCHES = 6;
const LEAST_STRETCH = 48;

const single: Window = { kernel: [1], strides: [1], dilations: [1], padsBefore: [0], padsAfter: [0] };

/** Emits the sums of a batch. @returns what to read, and how to add it. */
export function emitMoments(
  { build: b, valid }: Pair,
  { groups, inner }: Pick<Linear, 'groups' | 'inner'>,
  /** [B, groups · inner, P]; [B, outputs, P] each. */
  { u, error, target }: { u: string; error?: string; target?: string },
): { sums: string[]; add(to: Moments, sums: readonly Float32Array[], count: number): void } {
  const live = (x: string) =>
    b.emit('elementwise', [x, valid], { expression: call('mul', input(0), input(1)) })[0];
  const [leading, , pixels] = b.type(u).shape;
  const masked = live(u);
  const stretches = stretchesOf(groups, inner);
  const sums = stretches.map(([from, size]) =>
    groups > 1
      ? times(b, u, masked, groups)
      : times(b, cut(b, u, 1, from, inner - from), cut(b, masked, 1, from, size), 1),
  );
  const total = (x: string) => b.emit('reduce', [x], { how: 'sum', axes: [0, 2], across: true })[0];
  const product = (x: string, y: string) =>
    b.emit('elementwise', [x, y], { expression: call('mul', input(0), input(1)) })[0];
  sums.push(total(masked));
  if (error !== undefined && target !== undefined) {
    const [e, t] = [live(error), live(target)];
    sums.push(
      times(b, u, e, groups),
      total(e),
      total(product(e, error)),
      total(t),
      total(product(t, target)),
    );
  }
  return {
    sums,
    add(to, found, count) {
      to.count += count * leading * pixels;
      for (const [i, [from, size]] of stretches.entries()) addStretch(to, found[i], from, size);
      const [linear, cross, errors, squares, wanted, wantedSquares] = found.slice(stretches.length);
      addTo(to.inputs, linear);
      if (!cross) return;
      addTo(to.cross, cross);
      addTo(to.errors, errors);
      addTo(to.squares, squares);
      addTo(to.wanted, wanted);
      addTo(to.wantedSquares, wantedSquares);
    },
  };

  function addStretch(to: Moments, found: Float32Array, from: number, size: number): void {
    if (groups > 1) {
      addTo(to.gram, found);
      return;
    }
    const width = inner - from;
    for (let row = 0; row < size; row++) {
      const at = (from + row) * inner + from;
      for (let j = row; j < width; j++) to.gram[at + j] += found[row * width + j];
    }
  }
}

/** Starts and sizes. */
function stretchesOf(groups: number, inner: number): [number, number][] {
  if (groups > 1) return [[0, inner]];
  const size = Math.max(LEAST_STRETCH, Math.ceil(inner / STRETCHES / 8) * 8);
  const count = Math.ceil(inner / size);
  return Array.from({ length: count }, (_, i) => [i * size, Math.min(size, inner - i * size)]);
}

/** Σ y[o] x[g(o), j] over samples and pixels: [outputs, inner]. */
const times = (b: Build, x: string, y: string, groups: number): string =>
  b.emit('convWeight', [x, y], { window: single, groups })[0];

function addTo(sum: Float64Array, more: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i] += more[i];
}

export function noMoments({ groups, inner, outputs }: Pick<Linear, 'groups' | 'inner' | 'outputs'>): Moments {
  return {
    ...{ count: 0, groups, inner, outputs },
    gram: new Float64Array(groups * inner * inner),
    cross: new Float64Array(outputs * inner),
    inputs: new Float64Array(groups * inner),
    errors: new Float64Array(outputs),
    squares: new Float64Array(outputs),
    wanted: new Float64Array(outputs),
    wantedSquares: new Float64Array(outputs),
  };
}

/** Fills what mirrors, once all batches are summed. */
export function mirrored(moments: Moments): Moments {
  const { gram, groups, inner } = moments;
  for (let g = 0; g < groups; g++) {
    const start = g * inner * inner;
    for (let i = 0; i < inner; i++)
      for (let j = 0; j < i; j++) gram[start + i * inner + j] = gram[start + j * inner + i];
  }
  return moments;
}
