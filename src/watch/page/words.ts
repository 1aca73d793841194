/** Figures and times in words. */

import { computed } from '@preact/signals';
import { bytes, count, duration, large, percent } from '../../base/index.js';
import { rows } from './state.js';
import { metricIn, unitOf } from './units.js';

export { duration };

/** What the objectives of all runs measure, by name. */
export const metrics = computed(
  () =>
    new Map(
      [...rows.value.values()].flatMap((row) => (row.metrics ?? []).map((metric) => [metric.name, metric])),
    ),
);

/** A figure in its unit: shares in per cent, sizes in bytes. */
export function figure(name: string, value: number | null | undefined): string {
  if (value === undefined || value === null) return '–';
  const unit = unitOf(name, metrics.value);
  switch (unit) {
    case 'share':
      return percent(value);
    case 'bytes':
      return bytes(value);
    case 'large':
      return large(value);
    case 'milliseconds':
      return `${value.toPrecision(3)} ms`;
    case 'number':
      return Number.isInteger(value) ? count(value) : value.toPrecision(4);
    default:
      return unit satisfies never;
  }
}

export const isShare = (name: string): boolean => unitOf(name, metrics.value) === 'share';

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
  const found = metricIn(name, metrics.value);
  if (found) return `${found.metric.title}${found.split ? ` (${found.split})` : ''}`;
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
