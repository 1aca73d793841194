/** Hard masks from scores: the highest ones, or drawn. */
import { random, uniform } from '../../base/random.js';
import { largest } from '../select.js';
import type { MaskedLayer } from './layers.js';

/**
 * Keeps the `count` scores of largest magnitude, all layers ranked together; of equal ones the first. A layer that would
 * lose all keeps its highest, unless it may.
 */
export function keepTop(layers: readonly MaskedLayer[], count: number, allowEmpty: boolean): void {
  const spared = layers.map(({ scores }) => (allowEmpty ? -1 : highest(scores)));
  const parts = layers.map(({ name, scores: values }, l) => {
    const among = new Uint8Array(values.length).fill(1);
    if (spared[l] >= 0) among[spared[l]] = 0;
    return { name, values, among };
  });
  const marks = largest(parts, count - (allowEmpty ? 0 : layers.length));
  layers.forEach(({ mask }, l) => {
    mask.set(marks[l]);
    if (spared[l] >= 0) mask[spared[l]] = 1;
  });
}

function highest(scores: Float32Array): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (Math.abs(scores[i]) > Math.abs(scores[best])) best = i;
  return best;
}

/** Keeps each weight with its probability: 1[u < s]. The draw is named by a seed and numbers. */
export function drawMasks(layers: readonly MaskedLayer[], seed: number, ...numbers: number[]): void {
  for (const { name, scores, mask } of layers) {
    const stream = random(seed, 'mask', name, ...numbers);
    for (let i = 0; i < mask.length; i++) mask[i] = uniform(stream) < scores[i] ? 1 : 0;
  }
}
