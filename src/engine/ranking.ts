/** The largest magnitudes of parameters, marked by kernels. */
import type { Machine } from './machine.js';
import type { Ranking } from './types.js';
import { arena, independent } from './update.js';

/** RANK_RUN and BINS of kernels/rank.c. */
const RUN = 262_144;
const BINS = 2048;
/** A magnitude's 31 bits, from the highest on. */
const DIGITS = [
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
    return { ...block, runs, counts: take(BINS * runs), digit: take(3), quotas: take(runs) };
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
  const countsOf = (b: number) => machine.ints(own[b].counts, BINS * own[b].runs);
  const countsIn = (b: number, bin: number) => {
    const counts = countsOf(b);
    return Array.from({ length: own[b].runs }, (_, run) => counts[run * BINS + bin]);
  };
  const totalsOf = (b: number) => {
    const totals = new Float64Array(BINS);
    const counts = countsOf(b);
    for (let i = 0; i < counts.length; i++) totals[i % BINS] += counts[i];
    return totals;
  };

  return {
    async mark(kept) {
      const missing = [...kept];
      const prefix = blocks.map(() => 0);
      for (const { shift, above } of DIGITS) {
        for (const b of own.keys()) setDigit(b, prefix[b], shift, above);
        await machine.run(counting);
        for (const b of own.keys()) {
          const totals = totalsOf(b);
          let bin = 2 ** (above - shift) - 1;
          while (totals[bin] < missing[b]) missing[b] -= totals[bin--];
          prefix[b] = prefix[b] * 2 ** (above - shift) + bin;
          if (shift === 0) machine.ints(own[b].quotas, own[b].runs).set(share(missing[b], countsIn(b, bin)));
        }
      }
      for (const b of own.keys()) setDigit(b, prefix[b]);
      await machine.run(marking);
    },
    close: free,
  };
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
