/**
 * The largest magnitudes of parameters, marked by kernels: the k-th is found digit by digit, a pass over the values each.
 * From one time to the next it seldom changes its first digit, so the search begins under that of the last time, and only
 * where the k-th is not found there from the first digit.
 */
import type { Machine } from './machine.js';
import type { Ranking } from './types.js';
import { arena, independent } from './update.js';

/** RANK_RUN, BINS and COUNTS of kernels/rank.c. */
const RUN = 262_144;
const BINS = 2048;
const COUNTS = BINS + 1;
/** Bits from `shift` up to `above`. */
type Digit = { shift: number; above: number };
/** A magnitude's 31 bits, from the highest on. */
const DIGITS: readonly Digit[] = [
  { shift: 20, above: 31 },
  { shift: 10, above: 20 },
  { shift: 0, above: 10 },
];

/** A block's values, its marks, and how many they are. */
export interface Ranked {
  values: number;
  marks: number;
  length: number;
}

export function ranking(machine: Machine, blocks: readonly Ranked[]): Ranking {
  const { take, free } = arena(machine);
  const own = blocks.map((block) => {
    const runs = Math.ceil(block.length / RUN);
    return { ...block, runs, counts: take(COUNTS * runs), digit: take(3), quotas: take(runs) };
  });
  const program = (kernel: string, calls: number[][], length: number) =>
    independent(machine, take, kernel, calls, length, RUN);
  const counting = program(
    'magnitude_counts',
    own.map((b) => [b.values, b.counts, b.digit, b.length]),
    3,
  );
  const marking = program(
    'magnitude_marks',
    own.map((b) => [b.values, b.marks, b.digit, b.quotas, b.length]),
    4,
  );
  const setDigit = (b: number, ...words: number[]) => machine.ints(own[b].digit, words.length).set(words);
  const countsOf = (b: number) => machine.ints(own[b].counts, COUNTS * own[b].runs);
  const countsIn = (b: number, bin: number) => {
    const counts = countsOf(b);
    return Array.from({ length: own[b].runs }, (_, run) => counts[run * COUNTS + bin]);
  };
  const totalsOf = (b: number) => {
    const totals = new Float64Array(COUNTS);
    const counts = countsOf(b);
    for (let i = 0; i < counts.length; i++) totals[i % COUNTS] += counts[i];
    return totals;
  };
  let first: readonly number[] | undefined;

  /** The bits of each block's k-th, whose first bits are `prefix`; undefined when one of them is not among those. */
  async function search(kept: readonly number[], digits: readonly Digit[], prefix: readonly number[]) {
    let found = [...prefix];
    for (const { shift, above } of digits) {
      for (const b of own.keys()) setDigit(b, found[b], shift, above);
      await machine.run(counting);
      const bins = own.map((_, b) => binOf(totalsOf(b), kept[b], 2 ** (above - shift)));
      if (bins.some((found) => !found)) return undefined;
      if (shift === 0)
        for (const [b, { runs, quotas }] of own.entries())
          machine.ints(quotas, runs).set(share(bins[b]!.missing, countsIn(b, bins[b]!.bin)));
      found = found.map((bits, b) => bits * 2 ** (above - shift) + bins[b]!.bin);
    }
    return found;
  }

  return {
    async mark(kept) {
      const near = first && (await search(kept, DIGITS.slice(1), first));
      const found =
        near ??
        (await search(
          kept,
          DIGITS,
          blocks.map(() => 0),
        ))!;
      first = found.map((bits) => bits >>> DIGITS[0].shift);
      for (const b of own.keys()) setDigit(b, found[b]);
      await machine.run(marking);
    },
    close: free,
  };
}

/** The bin that the k-th is in, and how many of those in it are still missing; undefined when it is in none of them. */
function binOf(totals: Float64Array, k: number, bins: number): { bin: number; missing: number } | undefined {
  let missing = k - totals[BINS];
  if (missing < 0 || (missing === 0 && k > 0)) return undefined;
  for (let bin = bins - 1; bin >= 0; missing -= totals[bin--])
    if (totals[bin] >= missing) return { bin, missing };
  return undefined;
}

/** What each takes of `all`, the first as much as it can. */
function share(all: number, numbers: readonly number[]): number[] {
  let left = all;
  return numbers.map((n) => {
    const taken = Math.min(left, n);
    left -= taken;
    return taken;
  });
}
