/** The table of a study: the same cells for the terminal, the page and Markdown. */
import type { CellFigures, Difference, MeasuredWhen, Statistics, StudyResult } from '../../runs/index.js';
import { count, duration, large, percent } from '../words.js';

export interface StudyTable {
  /** Names of what varies first; the rest are figures. */
  titles: string[];
  rows: string[][];
}

/** 0.912 ± 0.003 → '91.20 ± 0.30' */
const inPercent = ({ mean, deviation }: Statistics): string =>
  `${(100 * mean).toFixed(2)}${deviation === undefined ? '' : ` ± ${(100 * deviation).toFixed(2)}`}`;

const signed = (fraction: number): string => {
  const text = (100 * fraction).toFixed(2);
  return Number(text) > 0 ? `+${text}` : text.replace('-', '−');
};

/** '−0.10 ± 0.30 [−0.47, +0.27]', in points of a percentage. */
function inPoints({ mean, deviation, interval }: Difference): string {
  const spread = deviation === undefined ? '' : ` ± ${(100 * deviation).toFixed(2)}`;
  return `${signed(mean)}${spread}${interval ? ` [${interval.map(signed).join(', ')}]` : ''}`;
}

/** Columns of accuracies along a run that removes channels, where some cell has them. */
const alongTitles: Partial<Record<MeasuredWhen, string>> = {
  before: 'before, %',
  sparse: 'after sparse training, %',
  marked: 'after marked training, %',
  pruned: 'right after the cut, %',
  recalibrated: 'recalibrated, %',
  reconstructed: 'reconstructed, %',
};

function accuracyAt({ stages }: CellFigures, when: string): string {
  const found = stages?.find((stage) => stage.when === when);
  return found ? inPercent(found.accuracy) : '–';
}

export function studyTable(result: StudyResult): StudyTable {
  const { axes, baseline, cells } = result;
  const compared = baseline === undefined ? [] : [`to ${baseline}, points [95 %]`];
  const along = Object.entries(alongTitles).filter(([when]) =>
    cells.some(({ stages }) => stages?.some((stage) => stage.when === when)),
  );
  const before = along.map(([, title]) => title);
  const figures = [
    ...before,
    'test accuracy, %',
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
      ...along.map(([when]) => accuracyAt(cell, when)),
      inPercent(cell.accuracy),
      ...compared.map(() => (cell.difference ? inPoints(cell.difference) : '–')),
      count(cell.accuracy.n),
      percent(cell.sparsity, 3),
      large(cell.effectiveMacs),
      String(cell.emptied),
      duration(cell.seconds),
    ]),
  };
}

/** What the table does not say by itself. */
export function studyNotes(result: StudyResult): string[] {
  const { planned, finished, seeds, baseline, failures, mixed } = result;
  return [
    `${finished} of ${planned} runs; seeds ${seeds.join(', ')}. Accuracy is that at the end, mean ± sample standard deviation over n seeds.`,
    ...(baseline === undefined
      ? []
      : [
          `Differences are to ${baseline} with the same seed, mean ± sample standard deviation, and in brackets Student's 95 % interval of the mean difference, one comparison at a time.`,
        ]),
    ...(mixed ? [mixed] : []),
    ...failures.map(
      ({ at, seed, failed }) => `Failed: ${Object.values(at).join(' ')}, seed ${seed}: ${failed}`,
    ),
  ];
}
