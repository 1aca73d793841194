/** Accuracy, or the metric of another objective, against what varies: a dot for every cell with its deviation. */
import * as Plot from '@observablehq/plot';
import { capital } from '../../base/index.js';
import type { Metric } from '../../objectives/index.js';
import type { CellFigures, StudyResult } from '../../runs/index.js';
import { COLOURS, draw } from '../charts.js';
import { metricOf, metricsOf } from './rows.js';

/** A chart of a study. */
export interface StudyChart {
  title: string;
  /** What tells its file from those of the others: 'accuracy-epochs', 'accuracy-sparsity-0.98'. */
  name: string;
  /** SVG, with the names of the series beside their ends. */
  drawing: string;
}

/** Pixels between the dots of neighbouring series. */
const APART = 5;
const HEIGHT = 340;
/** Of the y axis that the name of a series takes. */
const LINE = 0.055;

/**
 * A chart against every axis of numbers (epochs, sparsity) that has two or more, or against the last axis where there is none.
 * The first of the other axes makes the series; where there are more, each of their combinations has a chart of its own.
 */
export function drawStudy({ axes, cells }: StudyResult): StudyChart[] {
  const numeric = axes.filter((axis) => {
    const labels = labelsOf(cells, axis);
    return labels.length > 1 && labels.every((label) => Number.isFinite(Number(label)));
  });
  const along = numeric.length > 0 ? numeric : axes.slice(-1);
  return metricsOf(cells).flatMap((metric) => {
    const own = cells.filter((cell) => metricOf(cell).name === metric.name);
    return along.flatMap((axis) => drawAgainst(axis, { axes, metric }, own));
  });
}

const labelsOf = (cells: readonly CellFigures[], axis: string): string[] => [
  ...new Set(cells.map(({ at }) => at[axis])),
];

function drawAgainst(
  along: string,
  { axes, metric }: { axes: readonly string[]; metric: Metric },
  cells: readonly CellFigures[],
): StudyChart[] {
  const [seriesAxis, ...rest] = axes.filter((axis) => axis !== along);
  const placeOf = ({ at }: CellFigures) => rest.map((axis) => `${axis} ${at[axis]}`).join(', ');
  const places = [...new Set(cells.map(placeOf))];
  return places.map((place) => ({
    title: `${capital(metric.title)} against ${along}${place && `, ${place}`}`,
    name: [metric.name, along, place]
      .filter(Boolean)
      .join('-')
      .replace(/[^\w.+-]+/g, '-'),
    drawing: drawSeries(
      { along, metric },
      cells
        .filter((cell) => placeOf(cell) === place)
        .map((cell) => ({ ...figuresOf(cell), x: cell.at[along], series: cell.at[seriesAxis] ?? along })),
    ),
  }));
}

interface Dot {
  x: string;
  y: number;
  low: number;
  high: number;
  series: string;
}

function figuresOf({ accuracy: { mean, deviation = 0 } }: CellFigures): Omit<Dot, 'x' | 'series'> {
  return { y: mean, low: mean - deviation, high: mean + deviation };
}

/** Numbers in their order; names as they come. */
function inOrder(labels: readonly string[]): string[] {
  const distinct = [...new Set(labels)];
  const numbers = distinct.every((label) => Number.isFinite(Number(label)));
  return numbers ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct;
}

/** Series side by side, so that deviations can be told apart. */
function drawSeries({ along, metric }: { along: string; metric: Metric }, dots: readonly Dot[]): string {
  const domain = inOrder(dots.map(({ x }) => x));
  const series = [...new Set(dots.map((dot) => dot.series))];
  const ownOf = (name: string) =>
    dots.filter((dot) => dot.series === name).sort((a, b) => domain.indexOf(a.x) - domain.indexOf(b.x));
  const marks = series.flatMap((name, i) => {
    const dx = APART * (i - (series.length - 1) / 2);
    const style = { x: 'x', stroke: 'series', dx } as const;
    const own = ownOf(name);
    return [
      Plot.line(own, { ...style, y: 'y', strokeOpacity: 0.6 }),
      Plot.ruleX(own, { ...style, y1: 'low', y2: 'high', strokeWidth: 1.5 }),
      Plot.dot(own, { ...style, y: 'y', fill: 'series', r: 3 }),
    ];
  });
  const [lowest, highest] = [
    Math.min(...dots.map(({ low }) => low)),
    Math.max(...dots.map(({ high }) => high)),
  ];
  const ends = spread(
    series.map((name) => ownOf(name).at(-1)!),
    LINE * (highest - lowest),
  );
  return draw({
    height: HEIGHT,
    marginLeft: 52,
    marginBottom: 40,
    marginRight: Math.min(150, 24 + 6.6 * Math.max(...series.map((name) => name.length))),
    x: { type: 'point', label: along, domain, padding: 0.4 },
    y: {
      label: `test ${metric.title}${metric.percent ? ', %' : ''}`,
      percent: metric.percent ?? false,
      nice: true,
    },
    color: { domain: series, range: series.map((_, i) => COLOURS[i % COLOURS.length]) },
    marks: [
      ...marks,
      Plot.text(ends, {
        ...{ x: () => domain[domain.length - 1], y: 'y', text: 'series', fill: 'currentColor' },
        ...{ dx: 12 + (APART * series.length) / 2, textAnchor: 'start', fontSize: 12 },
      }),
    ],
  });
}

/** The dots with y moved up where names beside them would overlap. */
function spread(dots: readonly Dot[], gap: number): Dot[] {
  let last = Number.NEGATIVE_INFINITY;
  return [...dots]
    .sort((a, b) => a.y - b.y)
    .map((dot) => {
      last = Math.max(dot.y, last + gap);
      return { ...dot, y: last };
    });
}
