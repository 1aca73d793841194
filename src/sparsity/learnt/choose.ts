/** Hard masks from scores: the highest ones, or drawn. */
import { random, uniform } from '../../base/index.js';
import { largest } from '../select.js';
import type { MaskedLayer } from './layers.js';

/**
 * Keeps the `count` scores of largest magnitude, all layers ranked together; of equal ones the first. A layer that would
 * lose all keeps its highest, unless it may; those are named.
 */
export function keepTop(layers: readonly MaskedLayer[], count: number, allowEmpty: boolean): string[] {
  const parts = layers.map(({ name, scores: values }) => ({
    ...{ name, values, among: new Uint8Array(values.length).fill(1) },
  }));
  const held = new Map<number, number>();
  for (;;) {
    const marks = largest(parts, count - held.size);
    for (const [l, index] of held) marks[l][index] = 1;
    const emptied = allowEmpty ? [] : [...marks.keys()].filter((l) => !marks[l].includes(1));
    if (emptied.length === 0) {
      for (const [l, { mask }] of layers.entries()) mask.set(marks[l]);
      return [...held.keys()].map((l) => layers[l].name);
    }
    for (const l of emptied) {
      const index = highest(layers[l].scores);
      held.set(l, index);
      parts[l].among[index] = 0;
    }
  }
}

function highest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (Math.abs(scores[i]) > Math.abs(scores[best])) best = i;
  return best;
}

/**
 * Keeps each weight with its probability: 1[u < s]. The draw is named by a seed and numbers. A layer whose lot is to lose all
 * keeps its most probable weight, unless it may; those are named.
 */
export function drawMasks(
  layers: readonly MaskedLayer[],
  { seed, numbers, allowEmpty }: { seed: number; numbers: readonly number[]; allowEmpty: boolean },
): string[] {
  const held: string[] = [];
  for (const { name, scores, mask } of layers) {
    const stream = random(seed, 'mask', name, ...numbers);
    for (let i = 0; i < mask.length; i++) mask[i] = uniform(stream) < scores[i] ? 1 : 0;
    if (allowEmpty || mask.includes(1)) continue;
    mask[highest(scores)] = 1;
    held.push(name);
  }
  return held;
}
