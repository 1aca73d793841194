/**
 * What a weight is worth, and which weights go.
 *
 * A criterion drops n weights in one step or in two. In one: the n of smallest score. In two (FGGP: gradient first,
 * magnitude next): the `pool` weights of smallest `first`, and of these the n of smallest `score`. Written as
 * "prune the pool, then restore its pool − n largest by `score`" it is the same set.
 * With pool = all the first step does nothing, with pool = n the second.
 *
 * With a floor no layer loses its last weight: where the ranking would take all that a layer has left, the one that it
 * would take last is held, and the next in the ranking goes instead, so that the count stays exact. Where the pool has no next one,
 * it is widened by as many. A ranking that empties no layer is left as it is.
 */
import { asMany, nameOn, type Random, random, refuseNaN, uniform } from '../base/index.js';
import { countNonZero } from './masks.js';
import { atomSize, atomsOf, type Pattern } from './pattern.js';
import { type Order, smallest } from './select.js';
import type { Mask, Prunable } from './types.js';

export interface Score {
  readsGradient: boolean;
  /** Default magnitude. */
  order?: Order;
  /** The values whose magnitudes (or which themselves) are the scores, in the layer's layout: a live view where no arithmetic is needed. */
  of(layer: Prunable, draw: Random): Float32Array;
}

const builtIn = {
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

export type ScoreName = keyof typeof builtIn;

export const scores: Record<ScoreName, Score> = builtIn;

/** A score of one's own: with a name, or a function that may read weights and gradients. Those of smallest magnitude go. */
export type OwnScore = (Score & { name: string }) | Score['of'];

/** The name of a score, which may be one's own. */
export const scoreName = (score: ScoreName | OwnScore): ScoreName =>
  nameOn({ what: 'score', axis: scores }, score, (own) => ({
    readsGradient: true,
    ...(typeof own === 'function' ? {} : own),
    of(layer, draw) {
      const what = `The score ${own.name}`;
      const given = typeof own === 'function' ? own(layer, draw) : own.of(layer, draw);
      const values = asMany(what, given, layer.weight.length);
      const { weight, gradient } = layer;
      refuseNaN(`${what} of ${layer.name}`, values, (i) => Number.isFinite(weight[i] + gradient[i]));
      return values instanceof Float32Array ? values : Float32Array.from(values);
    },
  })) as ScoreName;

export interface Criterion {
  first?: ScoreName;
  score: ScoreName;
}

/** Whether any step of a criterion looks at the gradient. */
export const readsGradient = ({ first, score }: Criterion): boolean =>
  scores[score].readsGradient || (first !== undefined && scores[first].readsGradient);

/** Why a score of a network that has not been trained is NaN. */
const UNTRAINED =
  "the model's answers or their gradients are not finite; check its weights and how the data are normalised";

export interface Choosing {
  drop: number;
  /** Only read where there is a first step. */
  pool: number;
  /** Name the stream of the random score. */
  seed: number;
  iteration: number;
  /** Leave at least one weight in every layer that has any. */
  floor?: boolean;
  /** In which they go; absent: each by itself. */
  pattern?: Pattern;
}

export interface Choice {
  /** What goes, by layer. */
  marks: Uint8Array[];
  /** Names of the layers that the ranking alone would have emptied. */
  held: string[];
}

/** Marks the `drop` kept weights, of all layers pooled, that a criterion gives up. */
export function choose(
  layers: readonly Prunable[],
  { first, score }: Criterion,
  { drop, pool, seed, iteration, floor = false, pattern }: Choosing,
): Choice {
  const atoms = layers.map((layer) => atomsOf(layer, pattern));
  const size = atomSize(pattern);
  const kept = layers.map(({ mask }, l) => atoms[l].mask(mask));
  const valuesOf = (name: ScoreName) =>
    layers.map((layer, l) => {
      const { of, order } = scores[name];
      return atoms[l].scores(of(layer, random(seed, 'score', iteration, layer.name)), order);
    });
  const [values, narrowing] = [valuesOf(score), first && valuesOf(first)];
  const free = kept.map((among, l) => atoms[l].free(values[l], among, scores[score].order));
  const goes = drop / size;
  const least = (of: readonly Float32Array[], name: ScoreName, among: readonly Mask[], count: number) =>
    smallest(
      layers.map((layer, l) => ({ name: layer.name, values: of[l], among: among[l] })),
      count,
      { order: scores[name].order, ...(iteration <= 0 && { cause: UNTRAINED }) },
    );

  const held = new Map<number, number>();
  for (let offered = Math.floor(pool / size); ; ) {
    if (pattern) offered = Math.min(offered, countAll(free));
    const candidates = first ? least(narrowing!, first, free, offered) : free;
    const open = candidates.map((among, l) => without(among, held.get(l)));
    const missing = first && held.size > 0 ? goes - countAll(open) : 0;
    if (missing > 0) {
      offered += missing;
      continue;
    }
    const marks = least(values, score, open, goes);
    const emptied = floor ? emptiedBy(marks, kept, held) : [];
    if (emptied.length === 0) {
      const weights = marks.map((own, l) => atoms[l].weights(own));
      return { marks: weights, held: [...held.keys()].map((l) => layers[l].name) };
    }
    for (const l of emptied) held.set(l, lastOf(values[l], kept[l], scores[score].order));
  }
}

const countAll = (masks: readonly Mask[]): number =>
  masks.reduce((total, mask) => total + countNonZero(mask), 0);

/** Layers all of whose kept weights are marked, of those that have any and none held. */
const emptiedBy = (
  marks: readonly Uint8Array[],
  kept: readonly Mask[],
  held: ReadonlyMap<number, number>,
): number[] =>
  [...kept.keys()].filter((l) => {
    const count = held.has(l) ? 0 : countNonZero(kept[l]);
    return count > 0 && countNonZero(marks[l]) === count;
  });

function without(among: Mask, index: number | undefined): Mask {
  if (index === undefined) return among;
  const others = among.slice();
  others[index] = 0;
  return others;
}

/** The one that a selection of the smallest would take last: among equals the one of the highest index. */
function lastOf(values: Float32Array, among: Mask, order: Order = 'magnitude'): number {
  const key = order === 'magnitude' ? Math.abs : (x: number) => x;
  let last = -1;
  for (let i = 0; i < values.length; i++)
    if (among[i] !== 0 && (last < 0 || key(values[i]) >= key(values[last]))) last = i;
  return last;
}
