/** The largest magnitudes of parameters, marked by kernels. */
import type { Machine } from './machine.js';
import type { Ranking } from './types.js';
import { arena, independent } from './update.js';

/** RANK_RUN and BINS of kernels/rank.c. */
const RUN = 65_536;
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
  const countsIn = (b: number, bin: number) => {
    const { counts, runs } = own[b];
    const all = machine.ints(counts, BINS * runs);
    return Array.from({ length: runs }, (_, run) => all[run * BINS + bin]);
  };

  return {
    async mark(kept) {
      const missing = [...kept];
      const prefix = blocks.map(() => 0);
      for (const { shift, above } of DIGITS) {
        for (const b of own.keys()) setDigit(b, prefix[b], shift, above);
        await machine.run(counting);
        for (const b of own.keys()) {
          let bin = 2 ** (above - shift) - 1;
          for (let n = sum(countsIn(b, bin)); n < missing[b]; n = sum(countsIn(b, bin))) {
            missing[b] -= n;
            bin--;
          }
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

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** What each takes of `all`, the first as much as it can. */
function share(all: number, numbers: readonly number[]): number[] {
  let left = all;
  return numbers.map((n) => {
    const taken = Math.min(left, n);
    left -= taken;
    return taken;
  });
}
