/**
 * The largest magnitudes of parameters, marked by kernels. The bits of a float without its sign are ordered as magnitudes
 * are, so the k-th is found by counting in windows of bits, each a bin of the one before, a pass over the values each. From
 * one time to the next it moves little: the search begins in a narrow window around the last one, and in that of all
 * magnitudes only where it is not found there.
 */
import type { Machine } from './machine.js';
import type { Ranking } from './types.js';
import { arena, independent } from './update.js';

/** RANK_RUN, BINS and COUNTS of kernels/rank.c. */
const RUN = 262_144;
const BINS = 2048;
const COUNTS = BINS + 1;
/** A window has BINS · 2^shift magnitudes. All there are, then those of a bin, then of one of its bins. */
const WIDE = [20, 10, 0];
/** Around the last one: ±0.8 % of it; then every single one. */
const NARROW = [6, 0];
const HALF = (BINS << NARROW[0]) / 2;

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
    return { ...block, runs, counts: take(COUNTS * runs), window: take(2), quotas: take(runs) };
  });
  const program = (kernel: string, calls: number[][], length: number) =>
    independent(machine, take, kernel, calls, length, RUN);
  const counting = program(
    'magnitude_counts',
    own.map((b) => [b.values, b.counts, b.window, b.length]),
    3,
  );
  const marking = program(
    'magnitude_marks',
    own.map((b) => [b.values, b.marks, b.window, b.quotas, b.length]),
    4,
  );
  const setWindow = (b: number, ...words: number[]) => machine.ints(own[b].window, words.length).set(words);
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
  let last: readonly number[] | undefined;

  /** The bits of each block's k-th, looked for from `bases` on; undefined when one of them is not there. */
  async function search(kept: readonly number[], shifts: readonly number[], bases: readonly number[]) {
    let found = [...bases];
    for (const shift of shifts) {
      for (const b of own.keys()) setWindow(b, found[b], shift);
      await machine.run(counting);
      const bins = own.map((_, b) => binOf(totalsOf(b), kept[b]));
      if (bins.some((found) => !found)) return undefined;
      if (shift === 0)
        for (const [b, { runs, quotas }] of own.entries())
          machine.ints(quotas, runs).set(share(bins[b]!.missing, countsIn(b, bins[b]!.bin)));
      found = found.map((bits, b) => bits + bins[b]!.bin * 2 ** shift);
    }
    return found;
  }

  return {
    async mark(kept) {
      const bases = last?.map((bits) => Math.max(0, bits - HALF));
      const near = bases && (await search(kept, NARROW, bases));
      last =
        near ??
        (await search(
          kept,
          WIDE,
          kept.map(() => 0),
        ))!;
      for (const b of own.keys()) setWindow(b, last[b]);
      await machine.run(marking);
    },
    close: free,
  };
}

/** The bin that the k-th is in, and how many of those in it are still missing; undefined when it is in none of them. */
function binOf(totals: Float64Array, k: number): { bin: number; missing: number } | undefined {
  let missing = k - totals[BINS];
  if (missing < 0 || (missing === 0 && k > 0)) return undefined;
  for (let bin = BINS - 1; bin >= 0; missing -= totals[bin--])
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
