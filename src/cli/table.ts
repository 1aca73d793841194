/** Tables of plain text for terminals. */

export interface Column {
  title: string;
  /** Default: text to the left. */
  align?: 'left' | 'right';
}

/** Rows under their titles, every column as wide as its widest cell. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, c) => Math.max(title.length, ...rows.map((row) => row[c].length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, c) => (columns[c].align === 'right' ? cell.padStart(widths[c]) : cell.padEnd(widths[c])))
      .join('  ')
      .trimEnd();
  const titles = columns.some(({ title }) => title)
    ? [line(columns.map(({ title }) => title)), widths.map((width) => '─'.repeat(width)).join('  ')]
    : [];
  return [...titles, ...rows.map(line)].join('\n');
}

export const left = (title: string): Column => ({ title });
export const right = (title: string): Column => ({ title, align: 'right' });
