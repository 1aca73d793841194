/** Accuracy against what a model costs: a point for each run, and the frontier of those that none beats in both. */
import { signal } from '@preact/signals';
import type { RunRow } from '../types.js';
import { colourOf } from './chart.js';
import { rows, visible } from './state.js';
import { isLower, metricIn } from './units.js';
import { figure, metrics, titleOf } from './words.js';

/** Less is better, except of sparsity. */
const COSTS = ['sparsity', 'macs', 'params', 'nonzero', 'bytes.gzip', 'latency'] as const;
const cost = signal<string>('sparsity');
const worth = signal('accuracy');

interface Point {
  row: RunRow;
  x: number;
  y: number;
}

const [WIDTH, HEIGHT] = [720, 380];
const MARGIN = { left: 66, right: 16, top: 12, bottom: 40 };

export function Frontier() {
  const names = COSTS.filter((name) => visible.value.some(({ result }) => name in result));
  const worths = [...new Set(visible.value.flatMap(({ result }) => Object.keys(result)))].filter((name) =>
    ['accuracy', 'loss'].includes(name) || isMetric(name),
  );
  const points = visible.value.flatMap((row): Point[] => {
    const [x, y] = [row.result[cost.value], row.result[worth.value]];
    return x === undefined || y === undefined ? [] : [{ row, x, y }];
  });
  if (names.length === 0) return <p>No run is finished yet: the frontier needs the figures of finished runs.</p>;
  return (
    <>
      <h1>Frontier</h1>
      <form class="controls" onSubmit={(event) => event.preventDefault()}>
        <Choice title="Quality" value={worth.value} names={worths} choose={(name) => (worth.value = name)} />
        <Choice title="Cost" value={cost.value} names={names} choose={(name) => (cost.value = name)} />
        <span role="status">
          {points.length} of {rows.value.size} runs have both
        </span>
      </form>
      {points.length > 0 && <Drawing points={points} />}
      <Best points={points} />
    </>
  );
}

interface ChoiceProps {
  title: string;
  value: string;
  names: readonly string[];
  choose(name: string): void;
}

function Choice({ title, value, names, choose }: ChoiceProps) {
  return (
    <label>
      {title}
      <select value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        {names.map((name) => (
          <option key={name} value={name}>
            {titleOf(name)}
          </option>
        ))}
      </select>
    </label>
  );
}

const isMetric = (name: string) => {
  const found = metricIn(name, metrics.value);
  return found !== undefined && !found.part;
};

/** Runs that no other run beats in quality and cost, from the cheapest on. */
function frontierOf(points: readonly Point[]): Point[] {
  const sign = { x: cost.value === 'sparsity' ? -1 : 1, y: isLower(worth.value, metrics.value) ? 1 : -1 };
  const ordered = [...points].sort((a, b) => sign.x * (a.x - b.x) || sign.y * (a.y - b.y));
  let best = Number.POSITIVE_INFINITY;
  return ordered.filter(({ y }) => {
    const isBetter = sign.y * y < best;
    if (isBetter) best = sign.y * y;
    return isBetter;
  });
}

function scale(values: readonly number[], from: number, to: number) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.05 || 1;
  const [start, end] = [low - room, high + room];
  const at = (value: number) => from + ((value - start) / (end - start)) * (to - from);
  const ticks = Array.from({ length: 5 }, (_, i) => low + (i / 4) * (high - low));
  return { at, ticks: high > low ? ticks : [low] };
}

function Drawing({ points }: { points: readonly Point[] }) {
  const x = scale(points.map((point) => point.x), MARGIN.left, WIDTH - MARGIN.right);
  const y = scale(points.map((point) => point.y), HEIGHT - MARGIN.bottom, MARGIN.top);
  const methods = [...new Set(points.map(({ row }) => row.method || row.command))];
  const line = frontierOf(points).map((point) => `${x.at(point.x)},${y.at(point.y)}`);
  return (
    <figure>
      <figcaption>
        {titleOf(worth.value)} against {titleOf(cost.value)}; the line joins the runs that no other beats in both
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="group" aria-label={`${points.length} runs`} class="frontier">
        {y.ticks.map((tick) => (
          <g key={tick}>
            <line x1={MARGIN.left} x2={WIDTH - MARGIN.right} y1={y.at(tick)} y2={y.at(tick)} class="grid" />
            <text x={MARGIN.left - 8} y={y.at(tick) + 4} text-anchor="end">
              {figure(worth.value, tick)}
            </text>
          </g>
        ))}
        {x.ticks.map((tick) => (
          <text key={tick} x={x.at(tick)} y={HEIGHT - MARGIN.bottom + 20} text-anchor="middle">
            {figure(cost.value, tick)}
          </text>
        ))}
        <text x={(WIDTH + MARGIN.left) / 2} y={HEIGHT - 4} text-anchor="middle">
          {titleOf(cost.value)}
        </text>
        <polyline points={line.join(' ')} class="line" />
        {points.map((point) => (
          <a key={point.row.id} href={`#/run/${encodeURIComponent(point.row.id)}`} aria-label={sayPoint(point)}>
            <circle
              cx={x.at(point.x)}
              cy={y.at(point.y)}
              r="5"
              fill={colourOf(methods.indexOf(point.row.method || point.row.command))}
            >
              <title>{sayPoint(point)}</title>
            </circle>
          </a>
        ))}
      </svg>
      <ul class="legend">
        {methods.map((method, i) => (
          <li key={method} data-colour={i % 8}>
            {method}
          </li>
        ))}
      </ul>
    </figure>
  );
}

const sayPoint = ({ row, x, y }: Point): string =>
  `${row.id}: ${titleOf(worth.value)} ${figure(worth.value, y)}, ${titleOf(cost.value)} ${figure(cost.value, x)}`;

function Best({ points }: { points: readonly Point[] }) {
  return (
    <table>
      <caption>Runs on the frontier</caption>
      <thead>
        <tr>
          <th scope="col">run</th>
          <th scope="col" class="number">
            {titleOf(cost.value)}
          </th>
          <th scope="col" class="number">
            {titleOf(worth.value)}
          </th>
        </tr>
      </thead>
      <tbody>
        {frontierOf(points).map(({ row, x, y }) => (
          <tr key={row.id}>
            <th scope="row">
              <a href={`#/run/${encodeURIComponent(row.id)}`}>{row.id}</a>
            </th>
            <td class="number">{figure(cost.value, x)}</td>
            <td class="number">{figure(worth.value, y)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
