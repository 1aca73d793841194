/**
 * The charts of a report as SVG text, drawn by Observable Plot in a document of linkedom's: no browser, no script left in
 * the page. Axes take the colour of the text around them, so they suit light and dark pages.
 */

import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { brief, count, percent as inPercent } from '../base/index.js';

/** Narrow, so that letters are still legible where a phone scales the drawing down. */
const WIDTH = 480;
/** At least 3:1 against white and against the black of dark pages. */
export const COLOURS = [
  '#3987c9',
  '#dd6528',
  '#27976a',
  '#a463d9',
  '#c9478a',
  '#8c7a1f',
  '#d1483f',
  '#6b7f8c',
];
const LETTERS = { fontSize: '12px' };

/** A plot as SVG. */
export const draw = (options: Plot.PlotOptions): string => {
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return Plot.plot({
    document: document as unknown as Document,
    width: WIDTH,
    marginTop: 30,
    grid: true,
    style: LETTERS,
    ...options,
  }).outerHTML;
};

export interface Point {
  x: number;
  y: number;
  /** Whose point it is; a colour each. */
  series: string;
}

/** Names beside a chart: as many characters as its margin has room for. */
const short = (name: string): string => brief(name, 30);

/** Room for names of so many characters at the left of bars. */
const marginFor = (longest: number): number => Math.min(210, 16 + 6.6 * longest);

export interface Curves {
  points: Point[];
  x: string;
  y: string;
  /** Show y as a percentage. */
  percent?: boolean;
  /** Series drawn in steps, which hold their value until the next point. */
  steps?: readonly string[];
}

/** Beyond such a range only a logarithmic scale shows anything. */
const WIDE = 500;

/** The scale of y: linear, or logarithmic with a tick at every power of ten. */
function scaleFor(values: readonly number[]): Plot.ScaleOptions {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!(low > 0 && high > WIDE * low)) return { type: 'linear', nice: true };
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  return { type: 'log', domain: [10 ** first, 10 ** last], ticks, tickFormat: '~g' } as Plot.ScaleOptions;
}

/**
 * Curves over one axis, a colour each. Points that are no number break a curve; where they differ by orders of magnitude
 * the scale is logarithmic.
 */
export function drawCurves({ points, x, y, percent, steps = [] }: Curves): string {
  const names = [...new Set(points.map(({ series }) => series))];
  const part = (wanted: boolean) => points.filter(({ series }) => steps.includes(series) === wanted);
  const places = [...new Set(points.map((point) => point.x))];
  const line = { x: 'x', y: 'y', z: 'series', stroke: 'series', strokeWidth: 1.8 } as const;
  return draw({
    height: 250,
    marginLeft: 52,
    marginRight: 20,
    x: {
      label: x,
      tickFormat: 'd',
      ...(places.length <= 12 ? { ticks: places } : {}),
      ...(places.length === 1 ? { interval: 1 } : {}),
    },
    y: { label: y, percent, ...scaleFor(points.map((point) => point.y)) },
    color: { domain: names, range: COLOURS, legend: names.length > 1, tickFormat: short },
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
export function drawBars(bars: Bar[], label: string): string {
  const groups = [...new Set(bars.map(({ group }) => group))].sort();
  const longest = Math.max(...bars.map(({ name }) => name.length));
  return draw({
    height: 46 + 17 * bars.length,
    marginLeft: marginFor(longest),
    marginRight: 44,
    x: { domain: [0, 100], label, percent: true, axis: 'top' },
    y: { label: null, domain: bars.map(({ name }) => name), tickFormat: short },
    color: { domain: groups, range: COLOURS, legend: groups.length > 1 },
    marks: [
      Plot.barX(bars, { x: 'value', y: 'name', fill: 'group', insetTop: 2, insetBottom: 2 }),
      Plot.text(bars, {
        x: 'value',
        y: 'name',
        text: ({ value }: Bar) => inPercent(value, value < 0.01 ? 2 : 1),
        textAnchor: 'start',
        dx: 4,
      }),
    ],
  });
}

/** How to read {@link drawOrdered}. */
export const ORDER =
  'The colours follow the order of the network, from blue (first) through purple to orange (last).';

/** Curves of things that have an order, such as layers: from blue, the first, through purple to orange, the last. */
export function drawOrdered({ points, x, y, percent }: Curves): string {
  const names = [...new Set(points.map(({ series }) => series))];
  const shade = (i: number) => `hsl(${210 + (170 * i) / Math.max(1, names.length - 1)} 62% 52%)`;
  return draw({
    height: 250,
    marginLeft: 60,
    marginRight: 20,
    x: { label: x, nice: true },
    y: { label: y, percent, ...scaleFor(points.map((point) => point.y)) },
    color: { domain: names, range: names.map((_, i) => shade(i)) },
    marks: [
      Plot.lineY(points, { x: 'x', y: 'y', z: 'series', stroke: 'series', strokeWidth: 1.5 }),
      Plot.dot(points.length > 200 ? [] : points, {
        x: 'x',
        y: 'y',
        fill: 'series',
        r: 2,
        title: (p: Point) => short(p.series),
      }),
    ],
  });
}

/** Counts in bins of equal width from `low` to `high`. */
export interface Distribution {
  name: string;
  low: number;
  high: number;
  counts: readonly number[];
}

/** Distributions one over the other, each as shares of its own. */
export function drawDistributions(distributions: readonly Distribution[], x: string): string {
  const bars = distributions.flatMap(({ name, low, high, counts }) => {
    const [width, all] = [(high - low) / counts.length, counts.reduce((sum, n) => sum + n, 0) || 1];
    return counts.map((n, i) => ({
      name,
      x1: low + i * width,
      x2: low + (i + 1) * width,
      y: n / all,
    }));
  });
  return draw({
    height: 250,
    marginLeft: 52,
    marginRight: 20,
    x: { label: x },
    y: { label: 'share of the weights, %', percent: true, nice: true },
    color: { domain: distributions.map(({ name }) => name), range: COLOURS, legend: true },
    marks: [
      Plot.rectY(bars, { x1: 'x1', x2: 'x2', y1: 0, y2: 'y', fill: 'name', fillOpacity: 0.55, inset: 0.3 }),
      Plot.ruleY([0]),
    ],
  });
}

/** A distribution over [0, 1] at every moment; the more there is in a bin, the less transparent. */
export function drawOverTime(
  moments: readonly { x: number; counts: readonly number[] }[],
  { x, y }: { x: string; y: string },
): string {
  const width = Math.min(...moments.slice(1).map((moment, i) => moment.x - moments[i].x), moments[0].x || 1);
  const cells = moments.flatMap((moment) => {
    const all = moment.counts.reduce((sum, n) => sum + n, 0) || 1;
    return moment.counts.map((n, bin) => ({
      x1: moment.x - width,
      x2: moment.x,
      y1: bin / moment.counts.length,
      y2: (bin + 1) / moment.counts.length,
      share: n / all,
      title: `${x} ${moment.x}: ${inPercent(n / all)} (${count(n)})`,
    }));
  });
  return draw({
    height: 250,
    marginLeft: 52,
    marginRight: 20,
    x: { label: x },
    y: { label: y, domain: [0, 1] },
    opacity: { type: 'pow', exponent: 1 / 4, domain: [0, 1], range: [0, 1] },
    marks: [
      Plot.rect(
        cells.filter(({ share }) => share > 0),
        {
          ...{ x1: 'x1', x2: 'x2', y1: 'y1', y2: 'y2' },
          ...{ fill: COLOURS[0], fillOpacity: 'share', title: 'title', inset: 0 },
        },
      ),
    ],
  });
}

export interface Pair {
  name: string;
  before: number;
  after: number;
}

/** Horizontal bars in the order given: what was there, pale, and what is left of it. `say` writes a number for people. */
export function drawPairs(pairs: readonly Pair[], label: string, say: (n: number) => string): string {
  const longest = Math.max(...pairs.map(({ name }) => name.length));
  return draw({
    height: 46 + 17 * pairs.length,
    marginLeft: marginFor(longest),
    marginRight: 110,
    x: { label, axis: 'top', tickFormat: (n: number) => say(n), ticks: 5, zero: true },
    y: { label: null, domain: pairs.map(({ name }) => name), tickFormat: short },
    marks: [
      Plot.barX(pairs, {
        x: 'before',
        y: 'name',
        fill: COLOURS[0],
        fillOpacity: 0.25,
        stroke: COLOURS[0],
        insetTop: 2,
        insetBottom: 2,
      }),
      Plot.barX(pairs, { x: 'after', y: 'name', fill: COLOURS[0], insetTop: 2, insetBottom: 2 }),
      Plot.text(pairs, {
        x: ({ before, after }: Pair) => Math.max(before, after),
        y: 'name',
        text: ({ before, after }: Pair) =>
          before === after ? say(after) : `${say(after)} of ${say(before)}`,
        textAnchor: 'start',
        dx: 4,
      }),
    ],
  });
}
