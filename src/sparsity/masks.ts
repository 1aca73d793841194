/** What is done with masks: set, apply, count, and look for what they cut off. */
import type { Census, Mask, Prunable } from './types.js';

/** Keeps every weight, or every weight that is not already zero. */
export function resetMask({ mask, weight }: Prunable, keepZeros: boolean): void {
  for (let i = 0; i < mask.length; i++) mask[i] = keepZeros && weight[i] === 0 ? 0 : 1;
}

/** Makes pruned weights, and all that the optimiser remembers of them, exactly +0. */
export function applyMasks(layers: readonly Prunable[]): void {
  for (const { mask, weight, momentum } of layers)
    for (const values of [weight, ...momentum])
      for (let i = 0; i < mask.length; i++) if (mask[i] === 0) values[i] = 0;
}

/** Clears the mask where `marks` is not 0, and returns how many weights that pruned. */
export function clear({ mask }: Prunable, marks: Uint8Array): number {
  let cleared = 0;
  for (let i = 0; i < mask.length; i++) {
    if (marks[i] === 0 || mask[i] === 0) continue;
    mask[i] = 0;
    cleared++;
  }
  return cleared;
}

/** Number of elements that are not 0, of a mask or of weights. */
export function countNonZero(values: Mask): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) count += values[i] === 0 ? 0 : 1;
  return count;
}

/** Counts what is kept. */
export function census(layers: readonly Pick<Prunable, 'name' | 'mask' | 'biases'>[]): Census {
  const rows = layers.map(({ name, mask }) => {
    const kept = countNonZero(mask);
    return { name, size: mask.length, kept, density: kept / mask.length };
  });
  const size = rows.reduce((sum, row) => sum + row.size, 0);
  const kept = rows.reduce((sum, row) => sum + row.kept, 0);
  const biases = layers.reduce((sum, layer) => sum + layer.biases, 0);
  return {
    size,
    kept,
    sparsity: (size - kept) / size,
    sparsityWithBiases: (size - kept) / (size + biases),
    layers: rows,
  };
}

/** Output units none of whose incoming weights are kept: they can only put out their bias. */
export function unreachedUnits({ shape, outputAxis, mask }: Prunable): number[] {
  const units = shape[outputAxis];
  const inner = shape.slice(outputAxis + 1).reduce((product, d) => product * d, 1);
  const alive = new Uint8Array(units);
  for (let i = 0; i < mask.length; i++) if (mask[i] !== 0) alive[Math.floor(i / inner) % units] = 1;
  return [...alive.keys()].filter((unit) => alive[unit] === 0);
}
