/** Tables of plain text for terminals. */
import { visible, withBriefWords } from '../base/text.js';

export interface Column {
  title: string;
  /** Default: text to the left. */
  align?: 'left' | 'right';
  /** Its text may go on in further lines, where the terminal is too narrow for the table. */
  flows?: boolean;
}

const GAP = 2;
/** Names in a model may be longer than any screen is wide. */
const LONGEST_WORD = 120;
/** Characters that a column of text keeps at least. */
const NARROWEST = 24;

/** Rows under their titles, every column as wide as its widest cell, but for one that flows in `width` characters. */
export function table(
  columns: readonly Column[],
  texts: readonly (readonly string[])[],
  width = process.stdout.columns ?? Number.POSITIVE_INFINITY,
): string {
  const cells = texts.map((row) => row.map((text) => withBriefWords(visible(text), LONGEST_WORD)));
  const widths = columns.map(({ title }, c) => Math.max(title.length, ...cells.map((row) => row[c].length)));
  const flowing = columns.findIndex(({ flows }) => flows);
  const excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width;
  if (flowing >= 0 && excess > 0) widths[flowing] = Math.max(NARROWEST, widths[flowing] - excess);
  const rows =
    flowing >= 0 && excess > 0 ? cells.flatMap((row) => flown(row, flowing, widths[flowing])) : cells;
  const line = (row: readonly string[]) =>
    row
      .map((cell, c) => (columns[c].align === 'right' ? cell.padStart(widths[c]) : cell.padEnd(widths[c])))
      .join('  ')
      .trimEnd();
  const titles = columns.some(({ title }) => title)
    ? [line(columns.map(({ title }) => title)), widths.map((width) => '─'.repeat(width)).join('  ')]
    : [];
  return [...titles, ...rows.map(line)].join('\n');
}

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
