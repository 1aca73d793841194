/** metrics.jsonl read while it grows: the figures of epochs are kept, the masks only by where they stand in the file. */
import { open, readFile } from 'node:fs/promises';
import { numbersByPath } from '../base/index.js';
import type { Curves, Layers } from './types.js';

interface Place {
  from: number;
  length: number;
}

/** What is known of a file that grows. */
export interface Metrics {
  /** Which file it was, and how far it has been read: a resumed run writes a new one. */
  inode: number;
  read: number;
  epochs: Record<string, unknown>[];
  masks: Place[];
}

const NEWLINE = 10;
export const noMetrics = (): Metrics => ({ inode: -1, read: 0, epochs: [], masks: [] });

/** Reads what has been added since; gives `known` itself where nothing has. */
export async function readOn(path: string, known: Metrics): Promise<Metrics> {
  const file = await open(path).catch(() => undefined);
  if (!file) return known.inode < 0 ? known : noMetrics();
  try {
    const { ino, size } = await file.stat();
    const isSame = ino === known.inode && size >= known.read;
    if (isSame && size === known.read) return known;
    const before = isSame ? known : noMetrics();
    const { bytesRead, buffer } = await file.read(Buffer.alloc(size - before.read), {
      position: before.read,
    });
    return { ...take(before, buffer.subarray(0, bytesRead)), inode: ino };
  } finally {
    await file.close();
  }
}

/** Takes whole lines; the rest of a line that is being written is read the next time. */
function take(before: Metrics, bytes: Buffer): Metrics {
  const epochs = [...before.epochs];
  const masks = [...before.masks];
  let start = 0;
  for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
    const line = bytes.subarray(start, end);
    if (line.subarray(0, 16).includes('"masks"'))
      masks.push({ from: before.read + start, length: line.length });
    else {
      const epoch = parsed(line);
      if (epoch?.kind === 'epoch') epochs.push(epoch);
    }
    start = end + 1;
  }
  return { inode: before.inode, read: before.read + start, epochs, masks };
}

function parsed(line: Buffer): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(line.toString());
    return value && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Figures of epochs as columns; the numbers that only count are left out. */
export function curvesOf({ epochs }: Metrics): Curves {
  const rows = epochs.map((epoch) => numbersByPath(epoch));
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== 'epoch');
  const column = (name: string) => rows.map((row) => row[name] ?? null);
  return {
    names,
    stages: epochs.map(({ stage }) => (typeof stage === 'string' ? stage : null)),
    values: Object.fromEntries(names.map((name) => [name, column(name)])),
  };
}

/** More updates than that are thinned out: a picture has no more columns. */
const MOST_UPDATES = 400;

/** Density of each layer after every update of the masks. */
export async function layersOf(path: string, { masks }: Metrics): Promise<Layers> {
  const step = Math.ceil(masks.length / MOST_UPDATES) || 1;
  const wanted = masks.filter((_, i) => (masks.length - 1 - i) % step === 0);
  const bytes = await readFile(path).catch(() => Buffer.alloc(0));
  const updates = wanted.flatMap(({ from, length }) => {
    const { layers } = parsed(bytes.subarray(from, from + length)) ?? {};
    return Array.isArray(layers) ? [layers as { name: string; size: number; density: number }[]] : [];
  });
  const last = updates.at(-1) ?? [];
  return {
    names: last.map(({ name }) => name),
    sizes: last.map(({ size }) => size),
    densities: updates
      .filter(({ length }) => length === last.length)
      .map((u) => u.map(({ density }) => density)),
  };
}
