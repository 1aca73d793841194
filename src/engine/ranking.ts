/**
 * The largest magnitudes of parameters, marked by kernels. The bits of a float without its sign are ordered as magnitudes
 * are, so the k-th is found by counting in windows of bits, each a bin of the one before, a pass over the values each. From
 * one time to the next it moves little: the search begins in a narrow window around the last one, and among all magnitudes
 * only where it is not found there.
 */
import { RANK_BINS, RANK_COUNTS, RANK_RUN } from './lowering/contract.js';
import type { Machine } from './machine.js';
import { arena, type Block, independent } from './memory.js';
import type { Ranking } from './types.js';

/** RANK_BINS · 2^shift magnitudes, of which `base` is the first; those of a bin are the next, narrower one. */
interface Window {
  base: number;
  shift: number;
}
const ALL: Window = { base: 0, shift: 20 };
const within = (bin: number, { base, shift }: Window): Window => ({
  base: base + bin * 2 ** shift,
  shift: Math.max(0, shift - 10),
});

/** A block's values, its marks, and how many they are. */
export interface Ranked {
  values: Block;
  marks: Block;
  length: number;
}

export function ranking(machine: Machine, blocks: readonly Ranked[]): Ranking {
  const memory = arena(machine);
  const runsOf = ({ length }: Ranked) => Math.ceil(length / RANK_RUN);
  const counted = memory.row(blocks.map((block) => RANK_COUNTS * runsOf(block)));
  const asked = memory.row(blocks.flatMap((block) => [2, runsOf(block)]));
  const own = blocks.map((block, b) => {
    const [window, quotas] = asked.blocks.slice(2 * b);
    return { ...block, runs: runsOf(block), counts: counted.blocks[b], window, quotas };
  });
  const counting = independent(machine, memory, (call) => {
    for (const b of own)
      call.magnitudeCounts({
        values: { buffer: b.values },
        window: { buffer: b.window },
        counts: { buffer: b.counts },
        elements: b.length,
      });
  });
  const marking = independent(machine, memory, (call) => {
    for (const b of own)
      call.magnitudeMarks({
        values: { buffer: b.values },
        marks: { buffer: b.marks },
        kth: { buffer: b.window },
        quotas: { buffer: b.quotas },
        elements: b.length,
      });
  });
  const countsOf = (b: number) => machine.ints(own[b].counts.fixed, RANK_COUNTS * own[b].runs);
  const countsIn = (b: number, bin: number) => {
    const counts = countsOf(b);
    return Array.from({ length: own[b].runs }, (_, run) => counts[run * RANK_COUNTS + bin]);
  };
  const totalsOf = (b: number) => {
    const totals = new Float64Array(RANK_COUNTS);
    const counts = countsOf(b);
    for (let i = 0; i < counts.length; i++) totals[i % RANK_COUNTS] += counts[i];
    return totals;
  };
  let last: readonly number[] | undefined;
  let moved: readonly number[] = blocks.map(() => 0);

  /** The bits of each block's k-th, looked for in a window each; undefined when one of them is not there. */
  async function search(kept: readonly number[], first: readonly Window[]) {
    for (let windows = first; ; ) {
      for (const [b, { base, shift }] of windows.entries())
        machine.ints(own[b].window.fixed, 2).set([base, shift]);
      asked.push();
      await machine.run(counting);
      await counted.pull();
      const bins = own.map((_, b) => binOf(totalsOf(b), kept[b]));
      if (!bins.every((found) => found !== undefined)) return undefined;
      const next = bins.map(({ bin }, b) => within(bin, windows[b]));
      if (windows.every(({ shift }) => shift === 0)) {
        for (const [b, { bin, missing }] of bins.entries())
          machine.ints(own[b].quotas.fixed, own[b].runs).set(share(missing, countsIn(b, bin)));
        return next.map(({ base }) => base);
      }
      windows = next;
    }
  }

  return {
    async mark(kept) {
      const near =
        last &&
        (await search(
          kept,
          last.map((bits, b) => around(bits, moved[b])),
        ));
      const found =
        near ??
        (await search(
          kept,
          blocks.map(() => ALL),
        ))!;
      moved = found.map((bits, b) => (last ? Math.max(Math.abs(bits - last[b]), moved[b] / 2) : 0));
      last = found;
      for (const [b, bits] of found.entries()) machine.ints(own[b].window.fixed, 1)[0] = bits;
      asked.push();
      await machine.run(marking);
    },
    close: memory.free,
  };
}

/** A window that reaches four times as far as the k-th last moved, within bounds: from ±0.4 % of it to ±12 %. */
function around(bits: number, moved: number): Window {
  const shift = Math.min(10, Math.max(5, Math.ceil(Math.log2(8 * moved + 1)) - Math.log2(RANK_BINS)));
  return { base: Math.max(0, bits - (RANK_BINS << shift) / 2), shift };
}

/** The bin that the k-th is in, and how many of those in it are still missing; undefined when it is in none of them. */
function binOf(totals: Float64Array, k: number): { bin: number; missing: number } | undefined {
  let missing = k - totals[RANK_BINS];
  if (missing < 0 || (missing === 0 && k > 0)) return undefined;
  for (let bin = RANK_BINS - 1; bin >= 0; missing -= totals[bin--])
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
