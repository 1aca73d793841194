/**
 * Which of several ways to the same values a program takes: dense kernels, or those that leave pruned weights out.
 *
 * The ways give the same bits, so the clock may decide. A way costs what its steps last took, the least of a few runs;
 * that of a dense way is always the same, that of a sparse one is taken to be in proportion to the weights that it works
 * with, which kernels count. So it is known when another way deserves to be tried: when it would be cheaper if its cost
 * had shrunk with the weights since it was last measured, or, never measured, if it did its work as fast as the dense way.
 */
import type { Sparse } from './machine.js';

/** Runs whose least time is a way's cost; a way that is being tried is given as many. */
const RUNS = 3;
/** Another way must promise to take this share of the time at most. */
const WORTH = 0.95;
/**
 * After so many runs a way that was slower, if by no more than a factor, is tried again, for the machine may have been busy;
 * then after twice as many.
 */
const AGAIN = 50;
const DOUBTFUL = 2;

export interface Ways {
  /** What the way that was taken took (nanoseconds), and the weights it worked with. */
  took(time: number, weights: number): void;
  /** The way to take next: 0 dense, 1 sparse. */
  next(): number;
}

/** @param all the weights there are. */
export function chooseWays(all: number, sparse: Sparse): Ways {
  if (sparse !== 'auto') return { took() {}, next: () => (sparse === 'always' ? 1 : 0) };
  const costs: { times: number[]; weights: number }[] = [
    { times: [], weights: all },
    { times: [], weights: all },
  ];
  let way = 0;
  let weights = all;
  let left = RUNS;
  let since = 0;
  let patience = AGAIN;

  const least = (which: number) => Math.min(...costs[which].times);
  /** What a way would take now, at best. */
  const promise = (which: number): number => {
    const { times, weights: then } = costs[which];
    if (which === 0) return least(0);
    return times.length ? (least(1) * weights) / Math.max(1, then) : (least(0) * weights) / Math.max(1, all);
  };
  const take = (which: number) => {
    way = which;
    left = RUNS;
    since = 0;
    costs[which].times = [];
  };
  return {
    took(time, now) {
      const cost = costs[way];
      const changed = way === 1 && Math.abs(now - cost.weights) > cost.weights / 16;
      if (changed || cost.times.length === 0) {
        cost.times = [];
        cost.weights = now;
        left = RUNS;
      }
      cost.times = [...cost.times.slice(1 - RUNS), time];
      weights = now;
      left--;
      since++;
    },
    next() {
      if (left > 0) return way;
      const other = 1 - way;
      const gain = promise(other) / least(way);
      const again = since >= patience && costs[other].times.length > 0 && gain < DOUBTFUL;
      if (again) patience *= 2;
      if (again || gain < WORTH) take(other);
      return way;
    },
  };
}
