/** Figures and times in words. */
import { bytes, count, duration, large, percent } from '../../report/words.js';

export { duration };

const ZERO_TO_ONE = /accuracy|sparsity|density|kept|iou|f1|top5/i;

/** A figure as its name asks for: shares in per cent, sizes in bytes. */
export function figure(name: string, value: number | null | undefined): string {
  if (value === undefined || value === null) return '–';
  if (ZERO_TO_ONE.test(name)) return percent(value);
  if (/bytes/.test(name)) return bytes(value);
  if (/macs/i.test(name)) return large(value);
  if (/latency/.test(name)) return `${value.toPrecision(3)} ms`;
  return Number.isInteger(value) ? count(value) : value.toPrecision(4);
}

export const isShare = (name: string): boolean => ZERO_TO_ONE.test(name);

const TITLES: Record<string, string> = {
  params: 'parameters',
  nonzero: 'non-zero parameters',
  macs: 'MACs',
  effectiveMacs: 'MACs with non-zero weights',
  'bytes.raw': 'size',
  'bytes.gzip': 'size, gzip',
  top5: 'top-5 accuracy',
};

/** 'test.accuracy' → 'accuracy (test)' */
export function titleOf(name: string): string {
  if (Object.hasOwn(TITLES, name)) return TITLES[name];
  const parts = name
    .replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b.toLowerCase()}`)
    .split('.');
  return parts.length > 1 ? `${parts.slice(1).join(' ')} (${parts[0]})` : parts[0];
}

/** How long ago, roughly. */
export function ago(time: number, now: number): string {
  const seconds = Math.max(0, (now - time) / 1000);
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return new Date(time).toISOString().slice(0, 10);
}
