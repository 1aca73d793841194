/** Curves over epochs, drawn by uPlot, with the same figures as a table for whoever cannot see them. */
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { figure, isShare, titleOf } from './words.js';

export interface Series {
  name: string;
  values: (number | null)[];
  /** Half the width of the band around it. */
  deviation?: (number | null)[];
}

/** Colours that are told apart by most people with colour blindness, in light and dark. */
export const COLOURS = ['#3987c9', '#e8743b', '#2fa572', '#a463d9', '#c9a227', '#d14d72', '#5f8f8f', '#8a6d3b'];

export const colourOf = (index: number): string => COLOURS[index % COLOURS.length];

interface Props {
  title: string;
  /** Name of the figure, which says how it is shown. */
  figureName: string;
  series: Series[];
}

const HEIGHT = 240;

/** Steps between ticks: there are no halves of epochs. */
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

export function Chart({ title, figureName, series }: Props) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current!;
    const plot = new uPlot(optionsFor(figureName, series, element.clientWidth), dataOf(series), element);
    const watcher = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }));
    watcher.observe(element);
    return () => {
      watcher.disconnect();
      plot.destroy();
    };
  }, [figureName, series]);
  return (
    <figure>
      <figcaption>{title}</figcaption>
      <div ref={place} role="img" aria-label={describe(title, figureName, series)} class="plot" />
    </figure>
  );
}

/** Curves, and for each with a band its two borders, which are not drawn. */
function dataOf(series: readonly Series[]): uPlot.AlignedData {
  const length = Math.max(0, ...series.map(({ values }) => values.length));
  const epochs = Array.from({ length }, (_, i) => i + 1);
  const bordered = (values: (number | null)[], deviation: (number | null)[], sign: number) =>
    values.map((value, i) => (value === null || deviation[i] === null ? null : value + sign * deviation[i]!));
  const columns = series.flatMap(({ values, deviation }) =>
    deviation?.some((value) => value !== null) ? [values, bordered(values, deviation, 1), bordered(values, deviation, -1)] : [values],
  );
  return [epochs, ...columns.map((column) => [...column, ...Array(length - column.length).fill(null)])];
}

function optionsFor(name: string, series: readonly Series[], width: number): uPlot.Options {
  const ink = getComputedStyle(document.body).color;
  const grid = { stroke: 'color-mix(in srgb, currentColor 15%, transparent)', width: 1 };
  const axis = { stroke: ink, grid: { ...grid, stroke: `${toAlpha(ink, 0.14)}` }, ticks: { show: false } };
  const show = (_: uPlot, value: number | null) => figure(name, value);
  const lines: uPlot.Series[] = [{ label: 'epoch' }];
  const bands: uPlot.Band[] = [];
  for (const [i, { name: label, deviation }] of series.entries()) {
    const colour = colourOf(i);
    lines.push({ label, stroke: colour, width: 1.8, value: show, points: { show: series[i].values.length < 40, size: 4 } });
    if (!deviation?.some((value) => value !== null)) continue;
    const at = lines.length;
    const border = { class: 'border', stroke: 'transparent', points: { show: false } };
    lines.push(border, border);
    bands.push({ series: [at, at + 1], fill: toAlpha(colour, 0.18) });
  }
  return {
    width,
    height: HEIGHT,
    series: lines,
    bands,
    scales: { x: { time: false } },
    axes: [
      { ...axis, label: 'epoch', labelSize: 18, size: 34, incrs: WHOLE },
      { ...axis, size: 62, values: (_, all) => all.map((value) => axisText(name, value)) },
    ],
    legend: { show: series.length <= COLOURS.length, live: true },
    cursor: { y: false },
  };
}

const axisText = (name: string, value: number) =>
  isShare(name) ? `${Math.round(value * 1e4) / 1e2} %` : String(Math.round(value * 1e6) / 1e6);

/** '#rrggbb' or 'rgb(…)' with an opacity. */
function toAlpha(colour: string, alpha: number): string {
  if (colour.startsWith('#')) return `${colour}${Math.round(alpha * 255).toString(16).padStart(2, '0')}`;
  return colour.replace(/^rgba?\(([^)]*)\)$/, (_, parts: string) => `rgba(${parts.split(',').slice(0, 3).join(',')}, ${alpha})`);
}

function describe(title: string, name: string, series: readonly Series[]): string {
  const ends = series.map(({ name: label, values }) => {
    const last = values.findLast((value) => value !== null);
    return `${label} ends at ${figure(name, last)}`;
  });
  return `${title}, ${titleOf(name)} by epoch: ${ends.slice(0, 8).join('; ')}.`;
}
