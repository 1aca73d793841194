/** metrics.csv: a line for each epoch, written again as a whole whenever there is one more. */
import { join } from 'node:path';
import { numbersByPath, writeAtomically } from '../../base/index.js';
import type { MetricsLine } from '../summary.js';
import type { Tracked, Tracker } from './tracker.js';

export function openCsv({ path }: Tracked): Tracker {
  const file = join(path, 'metrics.csv');
  let written = -1;
  return async ({ lines }) => {
    const epochs = lines.filter((line) => line.kind === 'epoch');
    if (epochs.length === written) return;
    await writeAtomically(file, epochsAsCsv(epochs));
    written = epochs.length;
  };
}

/** Epochs with a column for every number that any of them has; what one lacks stays empty. */
export function epochsAsCsv(epochs: readonly MetricsLine[]): string {
  const rows = epochs.map((line) => ({ stage: line.stage, ...numbersByPath(line) }));
  const all = [...new Set(['epoch', ...rows.flatMap((row) => Object.keys(row))])];
  const names = all.filter((name) => name !== 'stage' || rows.some(({ stage }) => stage));
  return asCsv(names, rows);
}

/** RFC 4180, with \n between lines. */
export function asCsv(names: readonly string[], rows: readonly object[]): string {
  const line = (cells: readonly unknown[]) => `${cells.map(cell).join(',')}\n`;
  return [line(names), ...rows.map((row) => line(names.map((name) => (row as never)[name])))].join('');
}

function cell(value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value);
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
