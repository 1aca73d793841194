/** Metrics as people read them. */
import { percent } from '../base/index.js';
import type { Figures, Metric } from '../objectives/index.js';

/** A metric's value: a share in percent, another number by itself. */
export const inMetric = ({ percent: share }: Metric, value: number, digits = 2): string =>
  share ? percent(value, digits) : Number(value.toPrecision(4)).toString();

/** The figure that compares networks, where it is not known what was measured. */
export function figureText({ accuracy, metrics = {} }: Figures): string {
  if (accuracy !== undefined) return percent(accuracy);
  const [[name, value] = ['', Number.NaN]] = Object.entries(metrics);
  return `${name} ${Number(value.toPrecision(4))}`.trim();
}
