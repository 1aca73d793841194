/**
 * What a weight is worth, and which weights go.
 *
 * A criterion drops n weights in one step or in two. In one: the n of smallest score. In two (FGGP: gradient first,
 * magnitude next): the `pool` weights of smallest `first`, and of these the n of smallest `score`. Written as
 * "prune the pool, then restore its pool − n largest by `score`" it is the same set.
 * With pool = all the first step does nothing, with pool = n the second.
 */
import { type Random, random, uniform } from '../base/random.js';
import { type Order, type Scored, smallest } from './select.js';
import type { Prunable } from './types.js';

interface Score {
  readsGradient: boolean;
  /** Default magnitude. */
  order?: Order;
  /** The values whose magnitudes (or which themselves) are the scores, in the layer's layout: a live view where no arithmetic is needed. */
  of(layer: Prunable, draw: Random): Float32Array;
}

export const scores = {
  magnitude: { readsGradient: false, of: ({ weight }) => weight },
  gradient: { readsGradient: true, of: ({ gradient }) => gradient },
  'magnitude-times-gradient': {
    readsGradient: true,
    of: ({ weight, gradient }) => weight.map((w, i) => w * gradient[i]),
  },
  'weight-times-gradient': {
    readsGradient: true,
    order: 'value',
    of: ({ weight, gradient }) => weight.map((w, i) => w * gradient[i]),
  },
  random: { readsGradient: false, of: ({ weight }, draw) => weight.map(() => uniform(draw)) },
} satisfies Record<string, Score>;

export type ScoreName = keyof typeof scores;

export interface Criterion {
  first?: ScoreName;
  score: ScoreName;
}

/** Whether any step of a criterion looks at the gradient. */
export const readsGradient = ({ first, score }: Criterion): boolean =>
  scores[score].readsGradient || (first !== undefined && scores[first].readsGradient);

/**
 * Marks the `drop` kept weights, of all layers pooled, that a criterion gives up. `pool` is only read where there is a
 * first step; `seed` and `iteration` name the stream of the random score.
 */
export function choose(
  layers: readonly Prunable[],
  criterion: Criterion,
  { drop, pool, seed, iteration }: { drop: number; pool: number; seed: number; iteration: number },
): Uint8Array[] {
  const rank = (name: ScoreName, among: readonly Scored['among'][]): Scored[] =>
    layers.map((layer, l) => ({
      name: layer.name,
      values: scores[name].of(layer, random(seed, 'score', iteration, layer.name)),
      among: among[l],
    }));
  const least = (name: ScoreName, among: readonly Scored['among'][], count: number) =>
    smallest(rank(name, among), count, (scores[name] as Score).order);
  const kept = layers.map((layer) => layer.mask);
  const candidates = criterion.first ? least(criterion.first, kept, pool) : kept;
  return least(criterion.score, candidates, drop);
}
