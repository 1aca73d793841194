/**
 * Exactly k of the smallest (or largest) scores, pooled over any number of tensors.
 *
 * Scores are compared by magnitude, or by value. The bits of a non-negative float32, read as an integer, are ordered as
 * the floats are; with the bits of negative ones turned over and the sign bit of the others set, so are all (and −0, which
 * equals 0, is taken for it). So a radix select finds the k-th: three histograms, of the top 11, the next 11 and the last
 * 10 of the 32 bits, each over those that share the prefix found so far. One more pass marks what lies before the k-th, and as many of its
 * equals as are missing: **among equal scores the one with the lower index in the concatenation goes first**. The time
 * is linear, nothing is sorted, and the only allocation is a byte per weight for the answer.
 */
import { fail } from '../base/index.js';
import type { Mask } from './types.js';

/** A tensor of scores; only the elements where `among` is not 0 take part. */
export interface Scored {
  name: string;
  values: Float32Array;
  among: Mask;
}

/** What about a score is compared. */
export type Order = 'magnitude' | 'value';

/** How a key is made of a float's bits; `flip` is xor-ed to it: 0 for ascending order, all 32 bits for descending. */
interface Key {
  order: Order;
  flip: number;
}

const digits = [
  { shift: 21, bits: 11 },
  { shift: 10, bits: 11 },
  { shift: 0, bits: 10 },
];
const sign = 0x80000000;
const infinity = 0x7f800000;

function keyOf(bits: number, { order, flip }: Key): number {
  if (order === 'magnitude') return ((bits & ~sign) ^ flip) >>> 0;
  return ((bits > sign ? ~bits : bits | sign) ^ flip) >>> 0;
}

export interface Selecting {
  /** Default magnitude. */
  order?: Order;
  /** Why a candidate would be NaN, and what helps; default: because training has diverged. */
  cause?: string;
}

/** Marks (1) the k candidates that come first in ascending order. Throws a UserError if a candidate is NaN. */
export const smallest = (parts: readonly Scored[], k: number, how: Selecting = {}): Uint8Array[] =>
  select(parts, k, 0, how);

/** Marks (1) the k candidates that come first in descending order. Throws a UserError if a candidate is NaN. */
export const largest = (parts: readonly Scored[], k: number, how: Selecting = {}): Uint8Array[] =>
  select(parts, k, -1, how);

function select(
  parts: readonly Scored[],
  k: number,
  flip: number,
  { order = 'magnitude', cause = 'training has diverged; lower the learning rate' }: Selecting,
): Uint8Array[] {
  const key = { order, flip };
  const marks = parts.map((part) => new Uint8Array(part.values.length));
  if (k === 0) return marks;
  const keys = parts.map(({ values }) => new Uint32Array(values.buffer, values.byteOffset, values.length));

  let prefix = 0;
  let rank = k;
  for (const { shift, bits } of digits) {
    const counts = new Uint32Array(1 << bits);
    parts.forEach((part, p) => {
      count(counts, keys[p], part.among, { key, prefix, shift, bits });
    });
    if (shift === digits[0].shift) refuseNaN(parts, { counts, key, cause });
    let digit = 0;
    while (digit < counts.length && counts[digit] < rank) rank -= counts[digit++];
    if (digit === counts.length || !(rank > 0)) throw new RangeError(`cannot select ${k} of the candidates`);
    prefix = ((prefix << bits) | digit) >>> 0;
  }

  let equals = rank;
  parts.forEach(({ among }, p) => {
    equals = mark(marks[p], keys[p], among, { key, kth: prefix, equals });
  });
  return marks;
}

/** Counts the digit at `shift` of the candidates' keys that begin with `prefix`. */
function count(
  counts: Uint32Array,
  keys: Uint32Array,
  among: Mask,
  { key, prefix, shift, bits }: { key: Key; prefix: number; shift: number; bits: number },
): void {
  const digit = counts.length - 1;
  const above = shift + bits;
  for (let i = 0; i < keys.length; i++) {
    const own = keyOf(keys[i], key);
    if ((above === 32 || own >>> above === prefix) && among[i] !== 0) counts[(own >>> shift) & digit]++;
  }
}

/** Marks keys before the k-th and the first `equals` of those equal to it; returns how many equals are still missing. */
function mark(
  marks: Uint8Array,
  keys: Uint32Array,
  among: Mask,
  { key, kth, equals }: { key: Key; kth: number; equals: number },
): number {
  let missing = equals;
  for (let i = 0; i < keys.length; i++) {
    const own = keyOf(keys[i], key);
    if (own > kth || among[i] === 0) continue;
    if (own === kth && missing-- <= 0) continue;
    marks[i] = 1;
  }
  return Math.max(0, missing);
}

/** A NaN lies beyond the infinities: it is only looked for where the first histogram has something there. */
function refuseNaN(
  parts: readonly Scored[],
  { counts, key, cause }: { counts: Uint32Array; key: Key; cause: string },
): void {
  const ends = [infinity, infinity + sign].map((bits) => keyOf(bits, key) >>> digits[0].shift);
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const beyond = (digit: number) =>
    key.order === 'value' ? digit <= low || digit >= high : key.flip ? digit <= low : digit >= high;
  if (!counts.some((n, digit) => n > 0 && beyond(digit))) return;
  for (const { name, values, among } of parts) {
    const index = values.findIndex((value, i) => Number.isNaN(value) && among[i] !== 0);
    if (index >= 0) fail(`The pruning score of ${name} is not a number (element ${index}): ${cause}.`);
  }
}
