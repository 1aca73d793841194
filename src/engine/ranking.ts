/**
 * The largest magnitudes of parameters, marked by kernels. The bits of a float without its sign are ordered as magnitudes
 * are, so the k-th is found by counting in windows of bits, each a bin of the one before, a pass over the values each. From
 * one time to the next it moves little: the search begins in a narrow window around the last one, and among all magnitudes
 * only where it is not found there.
 */
import type { Calls } from './lowering/calls.js';
import { RANK_BINS, RANK_COUNTS, RANK_RUN } from './lowering/contract.js';
import type { Machine } from './machine.js';
import { type Arena, arena, type Block, type BlockRow, independent } from './memory.js';
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

/** A block's values, and where their marks go. */
export interface Ranked {
  values: Block;
  marks: Block;
}

/** A block while it is ranked. */
interface Searched extends Ranked {
  /** Runs of RANK_RUN elements, each counted and marked by itself. */
  runs: number;
  /** Of each run, RANK_COUNTS counts. */
  counts: Block;
  /** Two integers, base and shift of the window; when marks are made, the bits of the k-th. */
  window: Block;
  /** Of each run, how many that equal the k-th are marked. */
  quotas: Block;
}

interface Search {
  machine: Machine;
  blocks: readonly Searched[];
  /** All counts, and all windows and quotas. */
  counted: BlockRow;
  asked: BlockRow;
  /** The lines of the programs that count and mark. */
  counting: number;
  marking: number;
}

export function ranking(machine: Machine, ranked: readonly Ranked[]): Ranking {
  const memory = arena(machine);
  const search = searchOver(machine, memory, ranked);
  let last: readonly number[] | undefined;
  let moved: readonly number[] = ranked.map(() => 0);
  return {
    async mark(kept) {
      const near = last?.map((bits, b) => around(bits, moved[b]));
      const everywhere = ranked.map(() => ALL);
      const found = (near && (await find(search, kept, near))) ?? (await find(search, kept, everywhere))!;
      moved = found.map((bits, b) => (last ? Math.max(Math.abs(bits - last[b]), moved[b] / 2) : 0));
      last = found;
      await markAbove(search, found);
    },
    close: memory.free,
  };
}

function searchOver(machine: Machine, memory: Arena, ranked: readonly Ranked[]): Search {
  const runs = ranked.map(({ values }) => Math.ceil(values.size / RANK_RUN));
  const counted = memory.row(runs.map((n) => RANK_COUNTS * n));
  const asked = memory.row(runs.flatMap((n) => [2, n]));
  const blocks = ranked.map((block, b) => {
    const [window, quotas] = asked.blocks.slice(2 * b);
    return { ...block, runs: runs[b], counts: counted.blocks[b], window, quotas };
  });
  return {
    ...{ machine, blocks, counted, asked },
    counting: independent(machine, memory, (call) => {
      for (const block of blocks) callCounts(call, block);
    }),
    marking: independent(machine, memory, (call) => {
      for (const block of blocks) callMarks(call, block);
    }),
  };
}

const callCounts = (call: Calls, { values, window, counts }: Searched): void =>
  call.magnitudeCounts({
    values: { buffer: values },
    window: { buffer: window },
    counts: { buffer: counts },
    elements: values.size,
  });

const callMarks = (call: Calls, { values, marks, window, quotas }: Searched): void =>
  call.magnitudeMarks({
    values: { buffer: values },
    marks: { buffer: marks },
    kth: { buffer: window },
    quotas: { buffer: quotas },
    elements: values.size,
  });

/**
 * The bits of each block's k-th, looked for in a window each; undefined when one of them is not there. The quotas of the runs are
 * written for the marks.
 */
async function find(
  search: Search,
  kept: readonly number[],
  first: readonly Window[],
): Promise<number[] | undefined> {
  const { machine, blocks } = search;
  for (let windows = first; ; ) {
    await count(search, windows);
    const bins = blocks.map((block, b) => binOf(totalsOf(machine, block), kept[b]));
    if (!bins.every((found) => found !== undefined)) return undefined;
    const next = bins.map(({ bin }, b) => within(bin, windows[b]));
    if (windows.every(({ shift }) => shift === 0)) {
      for (const [b, { bin, missing }] of bins.entries())
        machine
          .ints(blocks[b].quotas.fixed, blocks[b].runs)
          .set(share(missing, countsIn(machine, blocks[b], bin)));
      return next.map(({ base }) => base);
    }
    windows = next;
  }
}

/** Counts the magnitudes of each block in the bins of its window. */
async function count({ machine, blocks, counted, asked, counting }: Search, windows: readonly Window[]) {
  for (const [b, { base, shift }] of windows.entries())
    machine.ints(blocks[b].window.fixed, 2).set([base, shift]);
  asked.push();
  await machine.run(counting);
  await counted.pull();
}

/** Marks what is above the k-th of each block, and of what equals it as many as the quotas say. */
async function markAbove({ machine, blocks, asked, marking }: Search, kth: readonly number[]) {
  for (const [b, bits] of kth.entries()) machine.ints(blocks[b].window.fixed, 1)[0] = bits;
  asked.push();
  await machine.run(marking);
}

const countsOf = (machine: Machine, { counts, runs }: Searched): Int32Array =>
  machine.ints(counts.fixed, RANK_COUNTS * runs);

/** Of each run, how many are in a bin. */
function countsIn(machine: Machine, block: Searched, bin: number): number[] {
  const counts = countsOf(machine, block);
  return Array.from({ length: block.runs }, (_, run) => counts[run * RANK_COUNTS + bin]);
}

/** Of each bin, how many are in it over all runs. */
function totalsOf(machine: Machine, block: Searched): Float64Array {
  const totals = new Float64Array(RANK_COUNTS);
  const counts = countsOf(machine, block);
  for (let i = 0; i < counts.length; i++) totals[i % RANK_COUNTS] += counts[i];
  return totals;
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
