/** Tables of plain text for terminals. */
import { brief, visible, withBriefWords } from '../base/index.js';
import { styled } from './style.js';

export interface Column {
  title: string;
  /** Default: text to the left. */
  align?: 'left' | 'right';
  /** Its text may go on in further lines, where the terminal is too narrow for the table. */
  flows?: boolean;
  /** It is left out where the terminal is too narrow; of several the last first. */
  spare?: boolean;
}

const GAP = 2;
/** Names in a model may be longer than any screen is wide. */
const LONGEST_WORD = 120;
/** Characters that a column that flows keeps at least, */
const NARROWEST = 24;
/** and a column of names, whose middle is left out then. */
const SHORTEST = 14;

type Cells = readonly (readonly string[])[];

/**
 * Rows under their titles, every column as wide as its widest cell. Where that is wider than `width`, text flows on in further
 * lines, names are shortened, columns that can be spared are left out, and at last every row becomes a list of its cells.
 */
export function table(
  columns: readonly Column[],
  texts: Cells,
  width = process.stdout.columns || Number.POSITIVE_INFINITY,
): string {
  const cells = texts.map((row) => row.map((text) => withBriefWords(visible(text), LONGEST_WORD)));
  const spare = columns.flatMap((column, c) => (column.spare ? [c] : []));
  for (let left = 0; left <= spare.length; left++) {
    const out = spare.slice(spare.length - left);
    const others = <T>(row: readonly T[]) => row.filter((_, c) => !out.includes(c));
    const [kept, rows] = [others(columns), cells.map(others)];
    const widths = fitted(kept, rows, width);
    if (widths) return [drawn(kept, rows, widths), ...leftOut(out.map((c) => columns[c].title))].join('\n');
  }
  return listed(columns, cells);
}

const leftOut = (titles: readonly string[]): string[] =>
  titles.length === 0 ? [] : [styled('faint', `left out, for want of room: ${titles.join(', ')}`)];

/** The width of every column in a table that is no wider than `width`; undefined where there is none. */
function fitted(columns: readonly Column[], cells: Cells, width: number): number[] | undefined {
  const widths = columns.map(({ title }, c) => Math.max(title.length, ...cells.map((row) => row[c].length)));
  const excess = () => widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  const narrow = (column: number, least: number) => {
    widths[column] = Math.max(Math.min(least, widths[column]), widths[column] - excess());
  };
  const flowing = columns.findIndex(({ flows }) => flows);
  if (flowing >= 0 && excess() > 0) narrow(flowing, NARROWEST);
  const names = columns.flatMap(({ align, flows }, c) => (align === 'right' || flows ? [] : [c]));
  for (const c of names.sort((a, b) => widths[b] - widths[a]))
    if (excess() > 0) narrow(c, Math.max(SHORTEST, columns[c].title.length));
  return excess() > 0 ? undefined : widths;
}

function drawn(columns: readonly Column[], cells: Cells, widths: readonly number[]): string {
  const flowing = columns.findIndex(({ flows }) => flows);
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => {
        const text = brief(cell, widths[c]);
        return columns[c].align === 'right' ? text.padStart(widths[c]) : text.padEnd(widths[c]);
      })
      .join('  ')
      .trimEnd();
  const rows = flowing < 0 ? cells : cells.flatMap((row) => flown(row, flowing, widths[flowing]));
  const titles = columns.some(({ title }) => title)
    ? [
        styled('title', line(columns.map(({ title }) => title))),
        styled('rule', widths.map((width) => '─'.repeat(width)).join('  ')),
      ]
    : [];
  return [...titles, ...rows.map(line)].join('\n');
}

/** Every row as a list of its cells under the first of them. */
const listed = (columns: readonly Column[], cells: Cells): string =>
  cells
    .map(([first, ...rest]) => {
      const lines = rest.map((cell, c) => `  ${`${columns[c + 1].title} ${cell}`.trim()}`);
      return [styled('title', first), ...lines].join('\n');
    })
    .join('\n');

/** A row whose text in one column is broken between words, as lines of the table. */
function flown(row: readonly string[], column: number, width: number): string[][] {
  const lines = [''];
  for (const word of row[column].split(' ')) {
    const last = lines[lines.length - 1];
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((text, i) => row.map((cell, c) => (c === column ? text : i === 0 ? cell : '')));
}

export const left = (title: string): Column => ({ title });
export const flowing = (title: string): Column => ({ title, flows: true });
export const right = (title: string): Column => ({ title, align: 'right' });
/** Numbers that may be left out. */
export const spare = (title: string): Column => ({ title, align: 'right', spare: true });
