/** Accuracy against what varies, a dot for every cell with its deviation. */
import * as Plot from '@observablehq/plot';
import type { CellFigures, StudyResult } from '../../runs/index.js';
import { draw } from '../charts.js';

/** Pixels between the dots of neighbouring series. */
const APART = 7;

/** The last axis along x, a series for every combination of the others, side by side so that deviations can be told apart. */
export function drawStudy({ axes, cells }: StudyResult): string {
  const along = axes[axes.length - 1];
  const nameOf = ({ at }: CellFigures) =>
    axes
      .slice(0, -1)
      .map((axis) => at[axis])
      .join(' ') || along;
  const series = [...new Set(cells.map(nameOf))];
  const points = cells.map((cell) => {
    const { mean, deviation = 0 } = cell.accuracy;
    return {
      x: cell.at[along],
      y: mean,
      low: mean - deviation,
      high: mean + deviation,
      series: nameOf(cell),
    };
  });
  const marks = series.flatMap((name, i) => {
    const own = points.filter((point) => point.series === name);
    const dx = APART * (i - (series.length - 1) / 2);
    const style = { x: 'x', stroke: 'series', dx } as const;
    return [
      Plot.line(own, { ...style, y: 'y', strokeOpacity: 0.4 }),
      Plot.ruleX(own, { ...style, y1: 'low', y2: 'high', strokeWidth: 1.5 }),
      Plot.dot(own, { ...style, y: 'y', fill: 'series', r: 3 }),
    ];
  });
  return draw({
    height: 380,
    marginLeft: 52,
    marginBottom: 40,
    x: { type: 'point', label: along, domain: [...new Set(points.map(({ x }) => x))], padding: 0.6 },
    y: { label: 'test accuracy, %', percent: true, nice: true },
    color: { domain: series, scheme: 'Observable10', legend: true },
    marks,
  });
}
