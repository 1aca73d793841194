/**
 * The charts of a report as SVG text, drawn by Observable Plot in a document of linkedom's: no browser, no script left in
 * the page. Axes take the colour of the text around them, so they suit light and dark pages.
 */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

const WIDTH = 620;
const COLOURS = ['#3987c9', '#e8743b', '#2fa572', '#a463d9'];

/** A plot as SVG. */
export const draw = (options: Plot.PlotOptions): string => {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return Plot.plot({ document: document as unknown as Document, width: WIDTH, grid: true, ...options })
    .outerHTML;
};

export interface Point {
  x: number;
  y: number;
  /** Whose point it is; a colour each. */
  series: string;
}

export interface Curves {
  points: Point[];
  x: string;
  y: string;
  /** Show y as a percentage. */
  percent?: boolean;
  /** Series drawn in steps, which hold their value until the next point. */
  steps?: readonly string[];
}

/** Curves over one axis, the name of each at its end. Points that are no number break a curve. */
export function drawCurves({ points, x, y, percent, steps = [] }: Curves): string {
  const names = [...new Set(points.map(({ series }) => series))];
  const part = (wanted: boolean) => points.filter(({ series }) => steps.includes(series) === wanted);
  const one = new Set(points.map((point) => point.x)).size === 1;
  const line = { x: 'x', y: 'y', z: 'series', stroke: 'series', strokeWidth: 1.8 } as const;
  return draw({
    height: 250,
    marginLeft: 52,
    marginRight: 20,
    x: { label: x, tickFormat: 'd', interval: one ? 1 : undefined },
    y: { label: y, percent, nice: true },
    color: { domain: names, range: COLOURS, legend: names.length > 1 },
    marks: [
      Plot.lineY(part(false), line),
      Plot.lineY(part(true), { ...line, curve: 'step-after' }),
      Plot.dot(points.length > 60 ? [] : points, { x: 'x', y: 'y', fill: 'series', r: 2.2 }),
    ],
  });
}

export interface Bar {
  name: string;
  /** 0 … 1 */
  value: number;
  group: string;
}

/** Horizontal bars from 0 to 100 %, in the order given, a colour for each group. */
export function drawBars(bars: Bar[], groups: readonly string[], label: string): string {
  const longest = Math.max(...bars.map(({ name }) => name.length));
  return draw({
    height: 46 + 17 * bars.length,
    marginLeft: Math.min(260, 16 + 6.2 * longest),
    marginRight: 44,
    x: { domain: [0, 100], label, percent: true, axis: 'top' },
    y: { label: null, domain: bars.map(({ name }) => name) },
    color: { domain: groups, range: COLOURS, legend: groups.length > 1 },
    marks: [
      Plot.barX(bars, { x: 'value', y: 'name', fill: 'group', insetTop: 2, insetBottom: 2 }),
      Plot.text(bars, {
        x: 'value',
        y: 'name',
        text: ({ value }: Bar) => `${(100 * value).toFixed(1)} %`,
        textAnchor: 'start',
        dx: 4,
      }),
    ],
  });
}
