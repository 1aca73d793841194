/** The table of a study: the same cells for the terminal, the page and Markdown. */

import { capital, count, duration, large, percent } from '../../base/index.js';
import { ACCURACY, type Metric } from '../../objectives/index.js';
import type { CellFigures, Difference, MeasuredWhen, Statistics, StudyResult } from '../../runs/index.js';
import { inMetric } from '../words.js';

export interface StudyTable {
  /** Names of what varies first; the rest are figures. */
  titles: string[];
  rows: string[][];
}

/** The metric of a cell. */
export const metricOf = ({ metric }: Pick<CellFigures, 'metric'>): Metric => metric ?? ACCURACY;

/** The metrics of cells, each once. */
export const metricsOf = (cells: readonly CellFigures[]): Metric[] => [
  ...new Map(cells.map(metricOf).map((metric) => [metric.name, metric])).values(),
];

/** A number in the unit of its metric, which stands above it. */
const bare = (metric: Metric, value: number): string =>
  metric.percent ? (100 * value).toFixed(2) : Number(value.toPrecision(4)).toString();

/** 0.912 ± 0.003 → '91.20 ± 0.30' */
const inUnit = (metric: Metric, { mean, deviation }: Statistics): string =>
  `${bare(metric, mean)}${deviation === undefined ? '' : ` ± ${bare(metric, deviation)}`}`;

const signed = (metric: Metric, value: number): string => {
  const text = bare(metric, value);
  return Number(text) > 0 ? `+${text}` : text.replace('-', '−');
};

/** '−0.10 ± 0.30 [−0.47, +0.27]', in points of a percentage where the metric is a fraction. */
function inPoints(metric: Metric, { mean, deviation, interval }: Difference): string {
  const spread = deviation === undefined ? '' : ` ± ${bare(metric, deviation)}`;
  const within = interval ? ` [${interval.map((end) => signed(metric, end)).join(', ')}]` : '';
  return `${signed(metric, mean)}${spread}${within}`;
}

/** Columns of figures along a run that removes channels, where some cell has them. */
const alongTitles: Partial<Record<MeasuredWhen, string>> = {
  before: 'before',
  sparse: 'after sparse training',
  marked: 'after marked training',
  pruned: 'right after the cut',
  recalibrated: 'recalibrated',
  reconstructed: 'reconstructed',
};

function figureAt(cell: CellFigures, when: string): string {
  const found = cell.stages?.find((stage) => stage.when === when);
  return found ? inUnit(metricOf(cell), found.accuracy) : '–';
}

export function studyTable(result: StudyResult): StudyTable {
  const { axes, baseline, cells } = result;
  const [metric = ACCURACY, ...others] = metricsOf(cells);
  const several = others.length > 0;
  const unit = !several && metric.percent ? ', %' : '';
  const compared = baseline === undefined ? [] : [`to ${baseline}${unit ? ', points' : ''} [95 %]`];
  const along = Object.entries(alongTitles).filter(([when]) =>
    cells.some(({ stages }) => stages?.some((stage) => stage.when === when)),
  );
  const before = along.map(([, title]) => `${title}${unit}`);
  // Rows of several metrics say which is theirs, and in which unit.
  const named = (cell: CellFigures) => {
    const { title, percent: share } = metricOf(cell);
    return several ? [`${title}${share ? ', %' : ''}`] : [];
  };
  const figures = [
    ...(several ? ['metric'] : []),
    ...before,
    several ? 'on test samples' : `test ${metric.title}${unit}`,
    ...compared,
    'n',
    'zeros',
    'MACs not by 0',
    'emptied',
    'time a run',
  ];
  return {
    titles: [...axes, ...figures],
    rows: cells.map((cell) => [
      ...axes.map((axis) => cell.at[axis]),
      ...named(cell),
      ...along.map(([when]) => figureAt(cell, when)),
      inUnit(metricOf(cell), cell.accuracy),
      ...compared.map(() => (cell.difference ? inPoints(metricOf(cell), cell.difference) : '–')),
      count(cell.accuracy.n),
      percent(cell.sparsity, 3),
      large(cell.effectiveMacs),
      String(cell.emptied),
      duration(cell.seconds),
    ]),
  };
}

/** 'Accuracy is that at the end', and whether less is better. */
function whatIsShown(cells: readonly CellFigures[]): string {
  const [metric = ACCURACY, ...others] = metricsOf(cells);
  if (others.length > 0) return 'Figures are those at the end';
  const better = metric.better === 'lower' ? ' (less is better)' : '';
  return `${capital(metric.title)}${better} is that at the end`;
}

/** What was drawn for each trial of a random search. */
function trialNotes({ axes, cells }: StudyResult): string[] {
  if (!axes.includes('trial')) return [];
  const trials = new Map(cells.map(({ at, settings }) => [at.trial, settings]));
  return [...trials].map(
    ([trial, settings]) =>
      `${trial}: ${Object.entries(settings)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}.`,
  );
}

/** Which settings were stopped early, with what they had reached by then. */
function stoppedNote({ stopped = [], cells }: StudyResult): string[] {
  if (stopped.length === 0) return [];
  const [metric = ACCURACY] = metricsOf(cells);
  const each = stopped.map(
    ({ at, epoch, value }) => `${Object.values(at).join(' ')} (epoch ${epoch}: ${inMetric(metric, value)})`,
  );
  return [
    `${stopped.length} settings were stopped early by their ${metric.title} on the validation samples: ${each.join(', ')}.`,
  ];
}

/** What the table does not say by itself. */
export function studyNotes(result: StudyResult): string[] {
  const { planned, finished, seeds, baseline, failures, mixed } = result;
  return [
    `${finished} of ${planned} runs; seeds ${seeds.join(', ')}. ${whatIsShown(result.cells)}, mean ± sample standard deviation over n seeds.`,
    ...(baseline === undefined
      ? []
      : [
          `Differences are to ${baseline} with the same seed, mean ± sample standard deviation, and in brackets Student's 95 % interval of the mean difference, one comparison at a time.`,
        ]),
    ...(mixed ? [mixed] : []),
    ...stoppedNote(result),
    ...trialNotes(result),
    ...failures.map(
      ({ at, seed, failed }) => `Failed: ${Object.values(at).join(' ')}, seed ${seed}: ${failed}`,
    ),
  ];
}
