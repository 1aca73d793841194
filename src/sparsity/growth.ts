/**
 * Weights exchanged within a layer, one for one: some of those kept go, and as many of those pruned come back.
 *
 * Any weight that is pruned by then may come back, those of this very update too; a weight that goes and comes back has
 * not been away and keeps its value and its momentum. Any other starts at 0 with none, as masked weights and their momenta
 * are 0 already. Mocanu et al. (SET), 2018; Evci et al. (RigL), 2020; Liu et al. (GraNet), 2021.
 *
 * Chance draws among the places that the mini-batch's gradient reaches, as long as there are any: elsewhere a weight would
 * stay 0, and the layer be sparser than its mask.
 */
import { type Random, random, uniform } from '../base/index.js';
import { clear, countNonZero } from './masks.js';
import { atomSize, atomsOf, type Pattern, regrown } from './pattern.js';
import { choose, type ScoreName } from './score.js';
import { largest } from './select.js';
import type { Prunable } from './types.js';

/** Below every other number that chance gives. */
const LAST = 2 ** -40;

/** What brings pruned weights of a layer back: those of largest magnitude. The gradient of the mini-batch is there. */
export type Growth = (layer: Prunable, draw: Random) => Float32Array;

const builtIn = {
  gradient: ({ gradient }) => gradient,
  random: ({ gradient }, draw) => gradient.map((g) => uniform(draw) * (g === 0 ? LAST : 1)),
} satisfies Record<string, Growth>;

export type GrowthName = keyof typeof builtIn;

export const growths: Record<GrowthName, Growth> = builtIn;

export interface Exchange {
  /** Of the kept weights; the number is rounded up, as in GraNet. */
  fraction: number;
  /** Those least by this go. */
  score: ScoreName;
  /** What brings pruned ones back. */
  growth: GrowthName;
  seed: number;
  iteration: number;
  /** Blocks are exchanged as wholes; with N:M a tile gets back as many as it gives up. */
  pattern?: Pattern;
}

/** Exchanges weights in the mask of a layer. */
export function exchange(
  layer: Prunable,
  { fraction, score, growth, seed, iteration, pattern }: Exchange,
): void {
  const { name, mask } = layer;
  const tiled = pattern?.keep !== undefined;
  const blocks = tiled ? undefined : pattern;
  const size = atomSize(blocks);
  const count = Math.ceil(fraction * (countNonZero(mask) / size) - 1e-9);
  const how = { drop: count * size, pool: 0, seed, iteration, pattern: blocks };
  const { marks } = choose([layer], { score }, how);
  clear(layer, marks[0]);
  const draw = random(seed, 'growth', iteration, name);
  const values = growths[growth](layer, draw);
  const coming = tiled ? regrown(layer, pattern!, { values, lost: marks[0] }) : back();
  for (let i = 0; i < mask.length; i++) if (coming[i] !== 0) mask[i] = 1;

  function back(): Uint8Array {
    const atoms = atomsOf(layer, blocks);
    const among = Uint8Array.from(atoms.mask(mask), (m) => (m === 0 ? 1 : 0));
    return atoms.weights(largest([{ name, values: atoms.scores(values), among }], count)[0]);
  }
}
