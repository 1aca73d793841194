/** Batches in parts that fit in memory. */

export type Part = readonly [from: number, n: number];

/**
 * Where each part of a batch begins and how many samples it has: `part`, and the rest. A rest of one sample, which
 * BatchNormalization may not be able to normalise, is evened out with the part before.
 */
export function partsOf(count: number, part: number): Part[] {
  const starts = Array.from({ length: Math.ceil(count / part) }, (_, k) => k * part);
  const last = starts.length - 1;
  if (last > 0 && count - starts[last] === 1) starts[last] -= Math.floor((part - 1) / 2);
  return starts.map((from, k) => [from, (starts[k + 1] ?? count) - from]);
}
