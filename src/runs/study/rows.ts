/** The results of a study as plain rows, for other programs: a row for each setting, or for each run. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../base/index.js';
import { readJson } from '../folder.js';
import { type FailedLine, lastOf, type RunLine, type StudyResult } from './table.js';

/** Values by the names of columns, the same names in every row. Figures are not called like settings, which may vary. */
export type Row = Record<string, string | number | undefined>;

/** What a study's folder holds of its results. @throws UserError where it holds none. */
export async function readResult(
  folder: string,
): Promise<{ result: StudyResult; lines: (RunLine | FailedLine)[] }> {
  const result = (await readJson(join(folder, 'study.json'))) as StudyResult | undefined;
  if (!result)
    return fail(
      `${folder} holds no results of a study: give the folder named with --out; espalier study STUDY --out DIR --table writes what there is so far.`,
    );
  const text = await readFile(join(folder, 'study.jsonl'), 'utf8');
  const [, ...lines] = text.split('\n').filter(Boolean);
  return { result, lines: lines.map((line) => JSON.parse(line)) };
}

/**
 * Figures over the seeds of each setting. `difference` is the mean over the seeds that it shares with the baseline, `low` and `high` are the ends of its
 * 95 % interval.
 */
export function settingRows({ axes, cells, baseline }: StudyResult): Row[] {
  return cells.map(({ at, accuracy, metric, difference, ...figures }) => ({
    ...Object.fromEntries(axes.map((axis) => [axis, at[axis]])),
    metric: metric?.name ?? 'accuracy',
    n: accuracy.n,
    mean: accuracy.mean,
    deviation: accuracy.deviation,
    ...(baseline !== undefined && {
      pairs: difference?.n,
      difference: difference?.mean,
      difference_deviation: difference?.deviation,
      low: difference?.interval?.[0],
      high: difference?.interval?.[1],
    }),
    zeros: figures.sparsity,
    dense_macs: figures.macs,
    effective_macs: figures.effectiveMacs,
    emptied: figures.emptied,
    run_seconds: figures.seconds,
  }));
}

/** Every run, those that failed too; what they have beyond the shared recipe stands under the names of the settings. */
export function runRows({ axes }: StudyResult, lines: readonly (RunLine | FailedLine)[]): Row[] {
  const names = [...new Set(lines.flatMap(({ settings }) => Object.keys(settings)))].filter(
    (name) => !axes.includes(name),
  );
  return lines.map((line) => {
    const run = 'failed' in line ? undefined : line;
    const settings = line.settings as Record<string, unknown>;
    const value = (name: string) => {
      const given = settings[name];
      return given === undefined || typeof given === 'number' ? given : String(given);
    };
    return {
      ...Object.fromEntries(axes.map((axis) => [axis, line.at[axis]])),
      ...Object.fromEntries(names.map((name) => [name, value(name)])),
      seed: line.seed,
      metric: run?.metric?.name ?? 'accuracy',
      value: run && lastOf(run),
      zeros: run?.sparsity,
      dense_macs: run?.macs,
      effective_macs: run?.effectiveMacs,
      run_seconds: run?.seconds,
      failed: 'failed' in line ? line.failed : undefined,
    };
  });
}
