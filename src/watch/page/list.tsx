/** All runs as a table that can be filtered, sorted and grouped; a running one has a bar and its time left. */
import { computed } from '@preact/signals';
import type { RunRow, Status } from '../types.js';
import { chosen, filter, grouping, isLive, only, rows, sorting, toggle, visible } from './state.js';
import { ago, duration, figure } from './words.js';

interface Column {
  by: string;
  title: string;
  value(row: RunRow): string | number;
  show?(row: RunRow): string;
  numeric?: boolean;
}

/** What compares runs: accuracy, or the first metric of the objective. */
function quality({ result, latest, metrics: own }: RunRow): { name: string; value: number | undefined } {
  const name = own ? `metrics.${own[0].name}` : 'accuracy';
  return { name, value: result[name] ?? latest[`test.${name}`] ?? latest[name] };
}

function sayQuality(row: RunRow): string {
  const { name, value } = quality(row);
  return value !== undefined && row.metrics ? `${figure(name, value)} ${row.metrics[0].name}` : figure(name, value);
}

const sparsity = (row: RunRow) => row.result.sparsity ?? row.latest.sparsity;
const shown = (name: string, value: (row: RunRow) => number | undefined) => ({
  value: (row: RunRow) => value(row) ?? -1,
  show: (row: RunRow) => figure(name, value(row)),
  numeric: true,
});

const columns: Column[] = [
  { by: 'run', title: 'run', value: (row) => row.id },
  { by: 'status', title: 'status', value: (row) => row.status },
  { by: 'method', title: 'method', value: (row) => row.method },
  { by: 'model', title: 'model', value: (row) => row.model.split('/').at(-1)! },
  { by: 'accuracy', title: 'accuracy', value: (row) => quality(row).value ?? -1, show: sayQuality, numeric: true },
  { by: 'sparsity', title: 'sparsity', ...shown('sparsity', sparsity) },
  { by: 'macs', title: 'MACs kept', ...shown('macsKept', (row) => row.result.macsKept) },
  { by: 'epoch', title: 'epochs', value: (row) => row.epoch, show: (row) => `${row.epoch} / ${row.epochs}`, numeric: true },
  { by: 'changed', title: 'changed', value: (row) => row.changed, show: (row) => ago(row.changed, Date.now()) },
];

const sorted = computed(() => {
  const { by, down } = sorting.value;
  const { value } = columns.find((column) => column.by === by) ?? columns[0];
  const order = (a: RunRow, b: RunRow) => {
    const [x, y] = [value(a), value(b)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
  const all = [...visible.value].sort(order);
  return down ? all.reverse() : all;
});

const groups = computed(() => {
  const key = grouping.value;
  if (!key) return [{ name: '', rows: sorted.value }];
  const found = new Map<string, RunRow[]>();
  for (const row of sorted.value) found.set(row[key], [...(found.get(row[key]) ?? []), row]);
  return [...found].map(([name, members]) => ({ name: name || '(none)', rows: members }));
});

export function RunList() {
  if (rows.value.size === 0)
    return (
      <p>There are no runs here yet. A run that is started with --out in one of the watched folders appears by itself.</p>
    );
  return (
    <>
      <h1>Runs</h1>
      <Controls />
      <div class="wide" tabIndex={0} role="region" aria-label="Table of runs">
        <table class="runs">
          <thead>
            <tr>
              <th>
                <input
                  type="checkbox"
                  aria-label="Choose all runs for comparing"
                  checked={visible.value.length > 0 && visible.value.every(({ id }) => chosen.value.has(id))}
                  onChange={({ currentTarget }) =>
                    toggle(
                      visible.value.map(({ id }) => id),
                      currentTarget.checked,
                    )
                  }
                />
              </th>
              {columns.map(Heading)}
            </tr>
          </thead>
          {groups.value.map(({ name, rows: members }) => (
            <tbody key={name}>
              {name && (
                <tr class="group">
                  <th colSpan={columns.length + 1} scope="rowgroup">
                    {name} <small>{members.length}</small>
                  </th>
                </tr>
              )}
              {members.map((row) => (
                <Row key={row.id} row={row} />
              ))}
            </tbody>
          ))}
        </table>
      </div>
    </>
  );
}

function Heading({ by, title, numeric }: Column) {
  const { by: current, down } = sorting.value;
  const direction = current !== by ? undefined : down ? 'descending' : 'ascending';
  return (
    <th key={by} aria-sort={direction} class={numeric ? 'number' : ''}>
      <button type="button" onClick={() => (sorting.value = { by, down: current === by ? !down : !!numeric })}>
        {title}
        <span aria-hidden="true">{direction && (down ? ' ↓' : ' ↑')}</span>
      </button>
    </th>
  );
}

function Row({ row }: { row: RunRow }) {
  return (
    <tr>
      <td>
        <input
          type="checkbox"
          aria-label={`Choose ${row.id} for comparing`}
          checked={chosen.value.has(row.id)}
          onChange={({ currentTarget }) => toggle([row.id], currentTarget.checked)}
        />
      </td>
      <th scope="row">
        <a href={`#/run/${encodeURIComponent(row.id)}`}>{row.id}</a>
      </th>
      <td>
        <StatusOf row={row} />
      </td>
      {columns.slice(2).map((column) => (
        <td key={column.by} class={column.numeric ? 'number' : ''}>
          {column.show?.(row) ?? column.value(row)}
        </td>
      ))}
    </tr>
  );
}

/** The state of a run, with its progress and time left, or the sentence it failed with. */
export function StatusOf({ row }: { row: RunRow }) {
  return (
    <>
      <span class={`status ${row.status}`}>{row.status}</span>
      {row.status === 'running' && (
        <>
          {' '}
          <small>{row.secondsLeft === undefined ? '' : `${duration(row.secondsLeft)} left`}</small>
          <progress value={row.epoch} max={row.epochs || 1} aria-label={`Progress of ${row.id}`} />
        </>
      )}
      {row.error && <small class="error"> {row.error}</small>}
    </>
  );
}

const STATUSES: Status[] = ['running', 'finished', 'stopped', 'failed'];

function Controls() {
  return (
    <form class="controls" onSubmit={(event) => event.preventDefault()}>
      <label>
        Filter
        <input
          type="search"
          value={filter.value}
          placeholder="names, methods, models"
          onInput={({ currentTarget }) => (filter.value = currentTarget.value)}
        />
      </label>
      <label>
        Status
        <select value={only.value} onChange={({ currentTarget }) => (only.value = currentTarget.value as Status)}>
          <option value="">all</option>
          {STATUSES.map((status) => (
            <option key={status}>{status}</option>
          ))}
        </select>
      </label>
      <label>
        Group by
        <select
          value={grouping.value}
          onChange={({ currentTarget }) => (grouping.value = currentTarget.value as typeof grouping.value)}
        >
          <option value="">nothing</option>
          <option value="setting">setting (seeds together)</option>
          <option value="method">method</option>
          <option value="model">model</option>
        </select>
      </label>
      <span role="status">
        {visible.value.length} of {rows.value.size} runs
      </span>
      {isLive && <a href="#/new">New run</a>}
    </form>
  );
}
