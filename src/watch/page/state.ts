/** What the page knows: the rows of the list, kept up to date by the server, and what the reader has chosen. */
import { computed, signal } from '@preact/signals';
import type { DrawnNetwork, LayerTimes, RunDetail, RunRow, Status } from '../types.js';

/** What a page without a server carries in itself. */
export interface Snapshot {
  rows: RunRow[];
  details: Record<string, RunDetail>;
  networks: Record<string, DrawnNetwork>;
}

const carried = document.getElementById('snapshot')?.textContent;
const snapshot: Snapshot | undefined = carried ? JSON.parse(carried) : undefined;

/** Whether there is a server: runs can be started and stopped, and figures change. */
export const isLive = !snapshot;
export const rows = signal<ReadonlyMap<string, RunRow>>(new Map());
export const connection = signal<'live' | 'lost' | 'none'>(isLive ? 'lost' : 'none');
/** A sentence for the reader, until it is dismissed. */
export const notice = signal('');
export const chosen = signal<ReadonlySet<string>>(new Set());
export const filter = signal('');
export const only = signal<Status | ''>('');
export const grouping = signal<'' | 'setting' | 'method' | 'model'>('');
export const sorting = signal<{ by: string; down: boolean }>({ by: 'changed', down: true });

/** The view that the address names: '#/run/a/b' has the parts ['run', 'a/b']. */
export const route = signal<string[]>(routeOf());
function routeOf(): string[] {
  const [, view = '', rest = ''] = /^#\/([^/]*)\/?(.*)$/.exec(location.hash) ?? [];
  return [view, decodeURIComponent(rest)];
}
addEventListener('hashchange', () => {
  route.value = routeOf();
  document.querySelector('main')?.focus();
});

export const visible = computed(() => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const matches = (row: RunRow) => {
    const text = `${row.id} ${row.method} ${row.model} ${row.data} ${row.status}`.toLowerCase();
    return words.every((word) => text.includes(word)) && (!only.value || row.status === only.value);
  };
  return [...rows.value.values()].filter(matches);
});

export function toggle(ids: readonly string[], on: boolean): void {
  const next = new Set(chosen.value);
  for (const id of ids) on ? next.add(id) : next.delete(id);
  chosen.value = next;
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path);
  const value = await response.json();
  if (!response.ok) throw new Error(value.error);
  return value;
}

export const detailOf = async (id: string): Promise<RunDetail> =>
  snapshot ? snapshot.details[id] : get(`api/run?id=${encodeURIComponent(id)}`);
export const networkOf = async (id: string): Promise<DrawnNetwork> =>
  snapshot ? snapshot.networks[id] : get(`api/network?id=${encodeURIComponent(id)}`);

/** Only of a live page: the server measures. */
export const timesOf = (id: string): Promise<LayerTimes> => get(`api/times?id=${encodeURIComponent(id)}`);

/** Asks the server to do something; its refusal becomes the notice. */
export async function ask<T = object>(path: string, body: object = {}): Promise<T | undefined> {
  try {
    const response = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
    const value = await response.json();
    if (response.ok) return value;
    notice.value = value.error;
  } catch {
    notice.value = 'The server does not answer. Is espalier watch still running?';
  }
  return undefined;
}

/** Fills the list, and keeps it up to date. */
export async function connect(): Promise<void> {
  if (snapshot) return take({ changed: snapshot.rows, gone: [] });
  const events = new EventSource('api/events');
  events.onmessage = ({ data }) => take(JSON.parse(data));
  events.onerror = () => {
    connection.value = 'lost';
  };
  // What changed while the connection was lost is in no event.
  events.onopen = async () => {
    const all = await get<RunRow[]>('api/runs');
    rows.value = new Map();
    take({ changed: all, gone: [] });
    connection.value = 'live';
  };
}

function take({ changed, gone }: { changed: RunRow[]; gone: string[] }): void {
  const next = new Map(rows.value);
  for (const row of changed) next.set(row.id, row);
  for (const id of gone) next.delete(id);
  rows.value = next;
}
