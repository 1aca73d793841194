/** The runs under a folder as they stand, read again where something has changed. */
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isClaimed, numbersByPath } from '../base/index.js';
import { failureOf, runFolder } from '../runs/index.js';
import { curvesOf, layersOf, type Metrics, noMetrics, readOn } from './metrics.js';
import { findRuns } from './scan.js';
import type { RowMetric, RunDetail, RunRow, Status } from './types.js';

interface Known {
  recipe: Record<string, unknown>;
  summary?: Record<string, unknown>;
  /** Times of the files that `summary` and `recipe` were read from. */
  times: string;
  metrics: Metrics;
  /** What a run at work measures. */
  measured?: RowMetric[];
  row: RunRow;
}

export interface Runs {
  /** Looks again; gives the rows that are new or have changed, and the ids of runs that are gone. */
  refresh(): Promise<{ changed: RunRow[]; gone: string[] }>;
  rows(): RunRow[];
  /** @throws nothing; undefined where there is no such run. */
  detail(id: string): Promise<RunDetail | undefined>;
  /** The absolute folder of a run that was found; undefined where there is none of that name. */
  pathOf(id: string): string | undefined;
}

/** What the page may open in a new tab, or download. */
const OPENABLE = [
  'report.html',
  'model.onnx',
  'model.espk',
  'mask.json',
  'summary.json',
  'recipe.json',
  'metrics.jsonl',
];

/** A folder that is watched; its name stands before the ids of its runs where several are. */
export interface Root {
  name: string;
  path: string;
}

/** @param failures why runs failed that were started here, by id. */
export function openRuns(roots: readonly Root[], failures: ReadonlyMap<string, string>): Runs {
  const known = new Map<string, Known>();
  let paths: ReadonlyMap<string, string> = new Map();

  async function find(): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const { name, path } of roots)
      for (const run of await findRuns(path))
        found.set([name, run].filter((part) => part && part !== '.').join('/') || '.', join(path, run));
    return found;
  }

  async function refresh() {
    paths = await find();
    const gone = [...known.keys()].filter((id) => !paths.has(id));
    for (const id of gone) known.delete(id);
    const changed: RunRow[] = [];
    for (const [id, path] of paths) {
      const before = known.get(id);
      const now = await lookAt({ id, path, before, failure: failures.get(id) });
      if (!now) continue;
      known.set(id, now);
      if (JSON.stringify(now.row) !== JSON.stringify(before?.row)) changed.push(now.row);
    }
    return { changed, gone };
  }

  const pathOf = (id: string) => (known.has(id) ? paths.get(id) : undefined);

  return {
    refresh,
    pathOf,
    rows: () => [...known.values()].map(({ row }) => row),
    async detail(id) {
      const run = known.get(id);
      if (!run) return undefined;
      const { row, recipe, summary, metrics } = run;
      const folder = paths.get(id)!;
      const files: string[] = [];
      for (const name of OPENABLE) if (await timeOf(join(folder, name))) files.push(name);
      const layers = await layersOf(runFolder(folder).metrics, metrics);
      return { row, recipe, summary, curves: curvesOf(metrics), layers, files };
    },
  };
}

/** When a file changed; 0 where there is none, and of links, which may lead out of the folder. */
const timeOf = (path: string): Promise<number> =>
  lstat(path).then(
    (found) => (found.isFile() ? found.mtimeMs : 0),
    () => 0,
  );

const readObject = (path: string): Promise<Record<string, unknown> | undefined> =>
  readFile(path, 'utf8')
    .then(
      (text) => JSON.parse(text),
      () => undefined,
    )
    .catch(() => undefined);

/** The metrics of a run's objective, which are kept where it is not classification. */
const metricsOf = async (path: string): Promise<RowMetric[] | undefined> =>
  (await readObject(path))?.metrics as RowMetric[] | undefined;

interface Look {
  id: string;
  path: string;
  before?: Known;
  failure?: string;
}

async function lookAt({ id, path, before, failure }: Look): Promise<Known | undefined> {
  const folder = runFolder(path);
  const [recipeTime, summaryTime, metricsTime] = await Promise.all(
    [folder.recipe, folder.summary, folder.metrics].map(timeOf),
  );
  const times = `${recipeTime} ${summaryTime}`;
  const isKnown = before?.times === times;
  const recipe = isKnown ? before.recipe : await readObject(folder.recipe);
  if (!recipe || !['train', 'prune'].includes(String(recipe.command))) return undefined;
  const summary = isKnown ? before.summary : summaryTime ? await readObject(folder.summary) : undefined;
  const metrics = await readOn(folder.metrics, before?.metrics ?? noMetrics());
  const measured = summary ? undefined : (before?.measured ?? (await metricsOf(folder.measured)));
  const error = failure ?? (await failureOf(folder));
  const status = await statusOf(folder.lock, !!summary, error);
  const changed = Math.round(Math.max(recipeTime, summaryTime, metricsTime));
  const row = rowOf({
    id,
    recipe,
    summary,
    metrics,
    measured,
    status,
    changed,
    error: status === 'failed' ? error : undefined,
  });
  return { recipe, summary, times, metrics, measured, row };
}

async function statusOf(lock: string, isFinished: boolean, error: string | undefined): Promise<Status> {
  if (await isClaimed(lock)) return 'running';
  if (isFinished) return 'finished';
  return error ? 'failed' : 'stopped';
}

function rowOf({
  id,
  recipe,
  summary,
  metrics,
  measured,
  status,
  changed,
  error,
}: Pick<Known, 'recipe' | 'summary' | 'metrics' | 'measured'> & {
  id: string;
  status: Status;
  changed: number;
  error?: string;
}): RunRow {
  const text = (key: string) => (recipe[key] === undefined ? '' : String(recipe[key]));
  const last = metrics.epochs.at(-1);
  const epochs = Number(recipe.epochs) || 0;
  const epoch = metrics.epochs.length;
  const own = (summary?.objective as { metrics: RowMetric[] } | undefined)?.metrics ?? measured;
  const left = status === 'running' ? secondsLeft(metrics, epochs) : undefined;
  return {
    id,
    setting: id.replace(/\/?seed-\d+$/, '') || id,
    status,
    command: text('command'),
    model: text('model'),
    data: text('data'),
    method: text('method'),
    seed: Number(recipe.seed) || 0,
    epochs,
    epoch,
    ...(typeof last?.stage === 'string' ? { stage: last.stage } : {}),
    latest: last ? numbersByPath(last) : {},
    result: summary ? resultOf(summary) : {},
    ...(own ? { metrics: own } : {}),
    ...(left === undefined ? {} : { secondsLeft: left }),
    ...(error ? { error } : {}),
    changed,
  };
}

/** Epochs that the estimate of the time left looks back at. */
const LOOK_BACK = 5;

function secondsLeft({ epochs }: Metrics, all: number): number | undefined {
  const recent = epochs.slice(-LOOK_BACK).map(({ seconds }) => Number(seconds));
  if (recent.length === 0 || recent.some((seconds) => !(seconds >= 0))) return undefined;
  const mean = recent.reduce((sum, seconds) => sum + seconds, 0) / recent.length;
  return Math.round(Math.max(0, all - epochs.length) * mean);
}

/** Figures with an end and perhaps a start: the end by its name, and `name.before`, `name.target`. */
function resultOf(summary: Record<string, unknown>): Record<string, number> {
  const all = numbersByPath(summary);
  const result: Record<string, number> = {};
  for (const [name, value] of Object.entries(all)) {
    const [, stem, part] = /^(.*)\.(before|after|target)$/.exec(name) ?? [];
    if (part === 'after') result[stem] = value;
    else if (part && !stem.startsWith('weights')) result[name] = value;
  }
  if (result.macs && result['macs.before']) result.macsKept = result.macs / result['macs.before'];
  return result;
}
