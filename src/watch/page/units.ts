/** In which unit a figure is, as data: of figures that every run has by their names, of an objective's metrics as these say it. */
import type { RowMetric } from '../types.js';

export type Unit = 'share' | 'bytes' | 'large' | 'milliseconds' | 'number';

/** By any part of a figure's path, such as 'test.accuracy' or 'bytes.gzip'. */
const UNITS: Readonly<Record<string, Unit>> = {
  accuracy: 'share',
  top5: 'share',
  sparsity: 'share',
  sparsityWithBiases: 'share',
  scheduled: 'share',
  density: 'share',
  macsKept: 'share',
  bytes: 'bytes',
  macs: 'large',
  effectiveMacs: 'large',
  latency: 'milliseconds',
};

const METRICS = 'metrics.';

/** The metric of an objective that a figure is, such as 'test.metrics.rmse', and of which samples. */
export function metricIn(
  name: string,
  metrics: ReadonlyMap<string, RowMetric>,
): { metric: RowMetric; split?: string; part?: string } | undefined {
  const at = name.startsWith(METRICS) ? 0 : name.indexOf(`.${METRICS}`) + 1;
  if (at === 0 && !name.startsWith(METRICS)) return undefined;
  const split = at > 0 ? name.slice(0, at - 1) : undefined;
  const own = name.slice(at + METRICS.length);
  const metric = metrics.get(own);
  if (metric) return { metric, split };
  // Figures of summaries have one of these behind them; a metric's name may hold a dot of its own.
  const part = ['before', 'target'].find((end) => own.endsWith(`.${end}`));
  const stem = part && metrics.get(own.slice(0, -part.length - 1));
  return stem ? { metric: stem, split, part } : undefined;
}

export function unitOf(name: string, metrics: ReadonlyMap<string, RowMetric>): Unit {
  const found = metricIn(name, metrics);
  if (found) return found.metric.percent ? 'share' : 'number';
  const known = name.split('.').find((part) => Object.hasOwn(UNITS, part));
  return known ? UNITS[known] : 'number';
}

/** Whether less of a measure of quality is better. */
export const isLower = (name: string, metrics: ReadonlyMap<string, RowMetric>): boolean =>
  name === 'loss' || metricIn(name, metrics)?.metric.better === 'lower';
