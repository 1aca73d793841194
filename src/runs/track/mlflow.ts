/**
 * A run on an MLflow server, by its REST interface (https://mlflow.org/docs/latest/rest-api.html): an experiment, a run, its settings as
 * parameters, its figures as metrics.
 *
 * What the server has is kept in checkpoint/mlflow.json, so that a run that is resumed goes on in the same place. A batch that was sent
 * before a kill may be sent again: its time is written down first, and the server keeps equal metrics of equal time once.
 */
import { randomUUID } from 'node:crypto';
import { join, relative } from 'node:path';
import { writeAtomically } from '../../base/index.js';
import { readJson, runFolder } from '../folder.js';
import { type Figure, figuresOfLines, finalFigures } from './figures.js';
import { type Ending, Refused, type Tracked, type Tracker } from './tracker.js';

/** What is known of the run on the server. */
interface Kept {
  url: string;
  /** A tag by which the run is found where its id was not learnt. */
  token: string;
  runId?: string;
  /** Parameters are there. */
  described?: boolean;
  /** Lines that are there, and the time of those that may be on their way. */
  sent: number;
  time: number;
  /** What the run has reached is there. */
  concluded?: boolean;
  /** As the server was last told. */
  status?: Status;
}

/** Limits of the server: metrics and parameters of one request, characters of a value and of a name. */
const MOST = { metrics: 1000, params: 100, value: 500, name: 250 };
const TIMEOUT_MS = 10_000;

export function openMlflow(server: string, { path, recipe }: Tracked): Tracker {
  const url = server.replace(/\/+$/, '');
  const call = caller(url);
  const file = join(runFolder(path).stages, 'mlflow.json');
  let kept: Kept | undefined;

  const keep = async (now: Kept) => {
    await writeAtomically(file, `${JSON.stringify(now)}\n`);
    kept = now;
    return now;
  };

  /** The run on the server; it is made where there is none. */
  async function begun(): Promise<Kept & { runId: string }> {
    if (!kept) {
      const found = (await readJson(file)) as Kept | undefined;
      kept = found?.url === url ? found : undefined;
    }
    const known = kept ?? (await keep({ url, token: randomUUID(), sent: 0, time: Date.now() }));
    if (known.runId) return { ...known, runId: known.runId };
    const experiment = await experimentOf(call);
    const runId = (await findRun(call, experiment, known.token)) ?? (await makeRun(experiment, known.token));
    await keep({ ...known, runId });
    return { ...known, runId };
  }

  async function makeRun(experiment: string, token: string): Promise<string> {
    const tags = { 'espalier.run': token, 'mlflow.source.name': `espalier ${recipe.version}` };
    const { run } = await call<{ run: { info: { run_id: string } } }>('POST', 'runs/create', {
      experiment_id: experiment,
      run_name: relative(process.cwd(), path).replaceAll('\\', '/') || path,
      start_time: Date.now(),
      tags: pairs(tags),
    });
    return run.info.run_id;
  }

  return async ({ lines, ending, summary }) => {
    let run = await begun();
    const send = (what: object) => call('POST', 'runs/log-batch', { run_id: run.runId, ...what });
    const save = async (more: Partial<Kept>) => {
      run = { ...(await keep({ ...run, ...more })), runId: run.runId };
    };
    if (!run.described) {
      for (const params of parts(paramsOf(recipe), MOST.params)) await send({ params });
      await save({ described: true });
    }
    const figures = figuresOfLines(lines).slice(run.sent).flat();
    for (const metrics of parts(metricsOf(figures, run.time), MOST.metrics)) await send({ metrics });
    if (figures.length > 0) await save({ sent: lines.length, time: Date.now() });
    if (summary && !run.concluded) {
      const final = metricsOf(finalFigures(summary, lines), run.time);
      for (const metrics of parts(final, MOST.metrics)) await send({ metrics });
      await save({ concluded: true });
    }
    const status = ending ? statuses[ending] : 'RUNNING';
    if (run.status === status) return;
    const end = ending ? { end_time: Date.now() } : {};
    await call('POST', 'runs/update', { run_id: run.runId, status, ...end });
    await save({ status });
  };
}

type Status = 'RUNNING' | 'FINISHED' | 'KILLED' | 'FAILED';
const statuses: Record<Ending, Status> = { finished: 'FINISHED', stopped: 'KILLED', failed: 'FAILED' };

type Call = <Answer>(method: 'GET' | 'POST', path: string, body: object) => Promise<Answer>;

/** Errors that trying again may cure, besides those of the server itself. */
const PASSING = [408, 429];

function caller(url: string): Call {
  return async <Answer>(method: 'GET' | 'POST', path: string, body: object): Promise<Answer> => {
    const query = method === 'GET' ? `?${new URLSearchParams(body as Record<string, string>)}` : '';
    const response = await fetch(`${url}/api/2.0/mlflow/${path}${query}`, {
      method,
      headers: { ...authorization(), ...(method === 'POST' && { 'content-type': 'application/json' }) },
      ...(method === 'POST' && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.ok) return (text ? JSON.parse(text) : {}) as Answer;
    const { error_code: code, message } = parsed(text);
    const sentence = message ?? `it answers ${response.status} to ${path}`;
    const passing = response.status >= 500 || PASSING.includes(response.status);
    throw Object.assign(passing ? new Error(sentence) : new Refused(sentence), { code });
  };
}

function parsed(text: string): { error_code?: string; message?: string } {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

/** As MLflow's own client takes them from the environment. */
function authorization(): Record<string, string> {
  const { MLFLOW_TRACKING_TOKEN: token, MLFLOW_TRACKING_USERNAME: user } = process.env;
  if (token) return { authorization: `Bearer ${token}` };
  if (!user) return {};
  const password = process.env.MLFLOW_TRACKING_PASSWORD ?? '';
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

/** The id of the experiment that MLFLOW_EXPERIMENT_NAME names, else of 'espalier'; it is made where there is none. */
async function experimentOf(call: Call): Promise<string> {
  const name = process.env.MLFLOW_EXPERIMENT_NAME || 'espalier';
  const find = async () => {
    const found = await call<{ experiment: { experiment_id: string } }>('GET', 'experiments/get-by-name', {
      experiment_name: name,
    });
    return found.experiment.experiment_id;
  };
  const unless = (code: string, other: () => Promise<string>) => (error: Error & { code?: string }) => {
    if (error.code !== code) throw error;
    return other();
  };
  const make = async () =>
    (await call<{ experiment_id: string }>('POST', 'experiments/create', { name })).experiment_id;
  return find().catch(
    unless('RESOURCE_DOES_NOT_EXIST', () => make().catch(unless('RESOURCE_ALREADY_EXISTS', find))),
  );
}

/** A run that was made by a process that did not learn its id. */
async function findRun(call: Call, experiment: string, token: string): Promise<string | undefined> {
  const { runs } = await call<{ runs?: { info: { run_id: string } }[] }>('POST', 'runs/search', {
    experiment_ids: [experiment],
    filter: `tags."espalier.run" = '${token}'`,
    max_results: 1,
  });
  return runs?.[0]?.info.run_id;
}

const pairs = (values: Record<string, string>) =>
  Object.entries(values).map(([key, value]) => ({ key, value }));

const paramsOf = (recipe: object) =>
  pairs(
    Object.fromEntries(
      Object.entries(recipe)
        .filter(([name]) => !['log', 'because'].includes(name))
        .map(([name, value]) => [
          name,
          (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, MOST.value),
        ]),
    ),
  );

const metricsOf = (figures: readonly Figure[], timestamp: number) =>
  figures
    .filter(({ value }) => Number.isFinite(value))
    .map(({ name, value, step }) => ({ key: nameOnServer(name), value, timestamp, step }));

/** Letters, digits, '_', '-', '.', ' ' and '/' are understood, and no path that could be written shorter. */
export const nameOnServer = (name: string): string =>
  name
    .replace(/[^\w\-. /]/g, '_')
    .split('/')
    .filter((part) => part !== '')
    .map((part) => (/^\.+$/.test(part) ? part.replaceAll('.', '_') : part))
    .join('/')
    .slice(0, MOST.name);

function parts<T>(items: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / most) }, (_, i) =>
    items.slice(i * most, (i + 1) * most),
  );
}
