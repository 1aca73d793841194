/**
 * What a study has found so far: every run in a line, every cell in figures.
 *
 * Runs of the same seed start from the same weights and see the same batches, so cells are compared seed by seed: of the
 * differences d to the baseline's run of the same seed, the mean, the sample deviation s, and the interval
 * mean ± t · s / √n that holds the true mean with 95 % confidence if the differences are normally distributed, t being the
 * 97.5 % point of Student's distribution with n − 1 degrees of freedom.
 */
import { ACCURACY, headlineOf, type Metric, metricIn } from '../../objectives/index.js';
import { readJson, readMetrics, runFolder } from '../folder.js';
import type { Summary } from '../summary.js';
import { failureOf } from './failures.js';
import { type StageAccuracy, type StageFigures, stageAccuracies, stageFigures } from './stages.js';
import { meanOf, type Statistics, statisticsOf, tInterval } from './statistics.js';
import { baselineAxis, type Cell, cellsOf, findRun, type Study, type StudyRun } from './study.js';

/** One run, as study.jsonl has it. */
export interface RunLine {
  at: Record<string, string>;
  /** What the recipe has beyond the shared one. */
  settings: object;
  seed: number;
  /** On the test samples after every epoch; the metric of the objective where that is not classification. */
  accuracy: number[];
  /** That metric; absent for accuracy. */
  metric?: Metric;
  /** Of a run that removes channels: how good the network was along the way. */
  stages?: StageAccuracy[];
  sparsity: number;
  macs: number;
  /** Those with a weight that is not zero. */
  effectiveMacs: number;
  /** Weight tensors that lost all their weights. */
  emptied: string[];
  seconds: number;
}

/** A run that came to an end that is none. */
export interface FailedLine {
  at: Record<string, string>;
  settings: object;
  seed: number;
  failed: string;
}

export interface Difference extends Statistics {
  /** 95 %; absent for fewer than two pairs. */
  interval?: [low: number, high: number];
}

/** A cell in figures, over the seeds that have finished. */
export interface CellFigures {
  at: Record<string, string>;
  settings: object;
  /** At the end, on the test images. */
  accuracy: Statistics;
  /** What is called accuracy here, where it is another metric. */
  metric?: Metric;
  /** Of runs that remove channels: before the end, in order. */
  stages?: StageFigures[];
  /** To the baseline, over the seeds that both have. */
  difference?: Difference;
  /** Means. */
  sparsity: number;
  macs: number;
  effectiveMacs: number;
  seconds: number;
  /** Emptied weight tensors, over all runs. */
  emptied: number;
}

/** The table of a study, from {@link summarizeStudy}. */
export interface StudyResult {
  /** Title of the study. */
  title: string;
  /** What all runs share, as given. */
  recipe: object;
  /** Names of the axes. */
  axes: string[];
  /** Seeds that every combination is run with. */
  seeds: readonly number[];
  /** The value that others are compared with, seed by seed. */
  baseline?: string;
  /** Number of runs in the study. */
  planned: number;
  /** Number of runs that have finished. */
  finished: number;
  /** Figures of each combination, over its seeds. */
  cells: CellFigures[];
  /** Runs that ended with an error. */
  failures: FailedLine[];
  /** Settings that were stopped early: after which epoch, with the mean of their seeds on the validation samples. */
  stopped?: { at: Record<string, string>; settings: object; epoch: number; value: number }[];
  /** Where runs have seen other samples of the same data: a sentence. */
  mixed?: string;
}

/** What there is of the study's runs. @throws UserError when a folder holds another run. */
export async function readStudyLines(runs: readonly StudyRun[]): Promise<(RunLine | FailedLine)[]> {
  const lines: (RunLine | FailedLine)[] = [];
  for (const run of runs) {
    const { cell, seed } = run;
    const head = { at: cell.at, settings: cell.settings, seed };
    if ((await findRun(run)) === 'finished') lines.push({ ...head, ...(await readFigures(run)) });
    else {
      const failed = await failureOf(run);
      if (failed) lines.push({ ...head, failed });
    }
  }
  return lines;
}

type Figures = Omit<RunLine, 'at' | 'settings' | 'seed'>;

async function readFigures({ path }: StudyRun): Promise<Figures> {
  const folder = runFolder(path);
  const summary = (await readJson(folder.summary)) as Summary;
  const metric = headlineOf(summary.objective);
  const metrics = await readMetrics(folder);
  return {
    accuracy: metrics.flatMap((line) =>
      line.kind === 'epoch' ? [metricIn(line.test ?? line.validation ?? line, metric)] : [],
    ),
    ...(metric !== ACCURACY && { metric }),
    stages: stageAccuracies(summary),
    sparsity: summary.sparsity.after,
    macs: summary.macs.after,
    effectiveMacs: summary.effectiveMacs.after,
    emptied: summary.prunable.layers.filter(({ kept }) => kept === 0).map(({ name }) => name),
    seconds: summary.seconds,
  };
}

const isFinished = (line: RunLine | FailedLine): line is RunLine => 'accuracy' in line;
/** At the end: the last epoch need not be, where channels were taken out after it. */
export const lastOf = ({ accuracy, stages }: RunLine): number =>
  stages?.[stages.length - 1].accuracy ?? accuracy[accuracy.length - 1];
const key = (at: Cell['at']): string => JSON.stringify(Object.entries(at));

/** Figures of every cell that has a finished run. */
export function summarizeStudy(study: Study, lines: readonly (RunLine | FailedLine)[]): StudyResult {
  const { title, recipe, axes, seeds, baseline } = study;
  const finished = lines.filter(isFinished);
  const runsAt = (at: Cell['at']) => finished.filter((line) => key(line.at) === key(at));
  const axis = baseline === undefined ? undefined : baselineAxis(study);
  const cells = cellsOf(study).flatMap(({ at, settings }): CellFigures[] => {
    const runs = runsAt(at);
    if (runs.length === 0) return [];
    const compared = axis !== undefined && at[axis] !== baseline;
    return [
      {
        at,
        settings,
        accuracy: statisticsOf(runs.map(lastOf)),
        ...(runs[0].metric && { metric: runs[0].metric }),
        stages: stageFigures(runs),
        difference: compared ? difference(runs, runsAt({ ...at, [axis]: baseline as string })) : undefined,
        sparsity: meanOf(runs.map(({ sparsity }) => sparsity)),
        macs: meanOf(runs.map(({ macs }) => macs)),
        effectiveMacs: meanOf(runs.map(({ effectiveMacs }) => effectiveMacs)),
        seconds: meanOf(runs.map(({ seconds }) => seconds)),
        emptied: runs.reduce((sum, { emptied }) => sum + emptied.length, 0),
      },
    ];
  });
  const failures = lines.filter((line): line is FailedLine => 'failed' in line);
  return {
    ...{ title, recipe, axes: axes.map(({ name }) => name), seeds, baseline },
    planned: cellsOf(study).length * seeds.length,
    finished: finished.length,
    cells,
    failures,
  };
}

/** Undefined where no seed has both, or they were measured by other metrics. */
function difference(runs: readonly RunLine[], others: readonly RunLine[]): Difference | undefined {
  const pairs = runs.flatMap((run) => {
    const other = others.find(({ seed, metric }) => seed === run.seed && metric?.name === run.metric?.name);
    return other ? [lastOf(run) - lastOf(other)] : [];
  });
  if (pairs.length === 0) return undefined;
  const statistics = statisticsOf(pairs);
  return { ...statistics, interval: tInterval(statistics) };
}
