/**
 * Exactly k of the smallest (or largest) scores, pooled over any number of tensors.
 *
 * Scores are compared by magnitude. The bits of a non-negative float32, read as an integer, are ordered as the floats
 * are, so a radix select finds the k-th: three histograms, of the top 11, the next 10 and the last 10 of the 31 bits,
 * each over those that share the prefix found so far. One more pass marks what lies before the k-th, and as many of its
 * equals as are missing: **among equal scores the one with the lower index in the concatenation goes first**. The time
 * is linear, nothing is sorted, and the only allocation is a byte per weight for the answer.
 */
import { fail } from '../base/errors.js';
import type { Mask } from './types.js';

/** A tensor of scores; only the elements where `among` is not 0 take part. */
export interface Scored {
  name: string;
  values: Float32Array;
  among: Mask;
}

const digits = [
  { shift: 20, bits: 11 },
  { shift: 10, bits: 10 },
  { shift: 0, bits: 10 },
];
const magnitude = 0x7fffffff;
const infinity = 0x7f800000;

/** Marks (1) the k candidates of smallest magnitude. Throws a UserError if a candidate is NaN. */
export const smallest = (parts: readonly Scored[], k: number): Uint8Array[] => select(parts, k, 0);

/** Marks (1) the k candidates of largest magnitude. Throws a UserError if a candidate is NaN. */
export const largest = (parts: readonly Scored[], k: number): Uint8Array[] => select(parts, k, magnitude);

/** `flip` is xor-ed to every key: 0 for ascending order, all 31 bits for descending. */
function select(parts: readonly Scored[], k: number, flip: number): Uint8Array[] {
  const marks = parts.map((part) => new Uint8Array(part.values.length));
  if (k === 0) return marks;
  const keys = parts.map(({ values }) => new Uint32Array(values.buffer, values.byteOffset, values.length));

  let prefix = 0;
  let rank = k;
  for (const { shift, bits } of digits) {
    const counts = new Uint32Array(1 << bits);
    parts.forEach((part, p) => {
      count(counts, keys[p], part.among, { flip, prefix, shift, bits });
    });
    if (shift === digits[0].shift) refuseNaN(parts, counts, flip);
    let digit = 0;
    while (digit < counts.length && counts[digit] < rank) rank -= counts[digit++];
    if (digit === counts.length || !(rank > 0)) throw new RangeError(`cannot select ${k} of the candidates`);
    prefix = (prefix << bits) | digit;
  }

  let equals = rank;
  parts.forEach(({ among }, p) => {
    equals = mark(marks[p], keys[p], among, { flip, kth: prefix, equals });
  });
  return marks;
}

/** Counts the digit at `shift` of the candidates' keys that begin with `prefix`. */
function count(
  counts: Uint32Array,
  keys: Uint32Array,
  among: Mask,
  { flip, prefix, shift, bits }: { flip: number; prefix: number; shift: number; bits: number },
): void {
  const digit = counts.length - 1;
  const above = shift + bits;
  for (let i = 0; i < keys.length; i++) {
    const key = (keys[i] & magnitude) ^ flip;
    if (key >>> above === prefix && among[i] !== 0) counts[(key >>> shift) & digit]++;
  }
}

/** Marks keys before the k-th and the first `equals` of those equal to it; returns how many equals are still missing. */
function mark(
  marks: Uint8Array,
  keys: Uint32Array,
  among: Mask,
  { flip, kth, equals }: { flip: number; kth: number; equals: number },
): number {
  let missing = equals;
  for (let i = 0; i < keys.length; i++) {
    const key = (keys[i] & magnitude) ^ flip;
    if (key > kth || among[i] === 0) continue;
    if (key === kth && missing-- <= 0) continue;
    marks[i] = 1;
  }
  return Math.max(0, missing);
}

/** A NaN lies beyond infinity: it is only looked for where the first histogram has something there. */
function refuseNaN(parts: readonly Scored[], counts: Uint32Array, flip: number): void {
  const top = (infinity ^ flip) >>> digits[0].shift;
  const beyond = flip ? counts.subarray(0, top + 1) : counts.subarray(top);
  if (beyond.every((n) => n === 0)) return;
  for (const { name, values, among } of parts) {
    const index = values.findIndex((value, i) => Number.isNaN(value) && among[i] !== 0);
    if (index >= 0)
      fail(
        `The pruning score of ${name} is not a number (element ${index}): training has diverged; lower the learning rate.`,
      );
  }
}
