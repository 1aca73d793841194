/** What a study will cost, before it starts. */
import { count, duration } from '../../base/index.js';
import { estimateCost, findRun, type StudyCost, type StudyRun } from '../../runs/index.js';
import type { Face } from '../face.js';
import type { Undertaking } from './undertaking.js';

/** Runs that have not begun. */
export async function leftOf(runs: readonly StudyRun[]): Promise<StudyRun[]> {
  const found = await Promise.all(runs.map(findRun));
  return runs.filter((_, i) => found[i] === 'nothing');
}

export const costOf = async (
  { study, runs, threads, engine }: Undertaking,
  { signal }: Face,
): Promise<StudyCost> =>
  estimateCost(await leftOf(runs), { threads, engine, halving: study.halving, signal });

export function costText(
  { runs, epochs, coreSeconds, measured, kinds }: StudyCost,
  { jobs, threads, queue }: Undertaking,
): string {
  const of = measured < kinds ? ` (${measured} of ${kinds} kinds of runs)` : '';
  const all = `${count(runs)} runs with ${count(epochs)} epochs`;
  if (measured === 0) return `${all}; what they will take cannot be measured here.`;
  const cores = jobs * threads;
  const here =
    queue === undefined
      ? `, ${duration(coreSeconds / cores)} with ${jobs} at a time on ${threads} ${threads === 1 ? 'thread' : 'threads'}`
      : '';
  return `${all} will take about ${coreHours(coreSeconds)}, by steps measured here${of}${here}.`;
}

const coreHours = (seconds: number): string =>
  seconds < 3600
    ? `${(seconds / 60).toPrecision(2)} core-minutes`
    : `${(seconds / 3600).toPrecision(3)} core-hours`;

export async function showCost(undertaking: Undertaking, face: Face): Promise<void> {
  const cost = await costOf(undertaking, face);
  face.result(cost, costText(cost, undertaking));
}
