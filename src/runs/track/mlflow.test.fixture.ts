/**
 * For tests: a server that answers the calls of MLflow's REST interface that espalier makes, and refuses whatever its documentation
 * (https://mlflow.org/docs/latest/rest-api.html) does not allow, with MLflow's own error codes.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ServedRun {
  experiment: string;
  name: string;
  status: string;
  tags: Record<string, string>;
  params: Record<string, string>;
  metrics: { key: string; value: number; timestamp: number; step: number }[];
}

export interface MlflowServer {
  url: string;
  experiments: Map<string, string>;
  runs: Map<string, ServedRun>;
  /** Calls so far, of those that it refused too. */
  calls: string[];
  /** It vanishes, with its connections; what it has it keeps. */
  down(): Promise<void>;
  up(): Promise<void>;
}

class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

type Body = Record<string, unknown>;
type Field = 'string' | 'number' | 'array';

/** Every field named, of such a type, and no others. */
function expect(body: Body, required: Record<string, Field>, optional: Record<string, Field> = {}): void {
  const all = { ...required, ...optional };
  for (const [name, type] of Object.entries(all)) {
    const value = body[name];
    if (value === undefined && !(name in required)) continue;
    if ((Array.isArray(value) ? 'array' : typeof value) !== type)
      throw new ApiError('INVALID_PARAMETER_VALUE', `${name} must be a ${type}`);
  }
  const odd = Object.keys(body).find((name) => !(name in all));
  if (odd) throw new ApiError('INVALID_PARAMETER_VALUE', `there is no field ${odd}`);
}

const NAME = /^[\w\-. /]{1,250}$/;
const isUnique = (name: string) =>
  !name.split('/').some((part) => part === '' || part === '.' || part === '..');

function checkName(key: unknown): void {
  if (typeof key !== 'string' || !NAME.test(key) || !isUnique(key))
    throw new ApiError('INVALID_PARAMETER_VALUE', `Invalid metric name: '${key}'`);
}

const handlers: Record<string, (body: Body, server: MlflowServer) => object> = {
  'GET experiments/get-by-name'(body, { experiments }) {
    expect(body, { experiment_name: 'string' });
    const id = experiments.get(body.experiment_name as string);
    if (!id) throw new ApiError('RESOURCE_DOES_NOT_EXIST', 'Could not find experiment', 404);
    return { experiment: { experiment_id: id, name: body.experiment_name } };
  },
  'POST experiments/create'(body, { experiments }) {
    expect(body, { name: 'string' });
    const name = body.name as string;
    if (experiments.has(name)) throw new ApiError('RESOURCE_ALREADY_EXISTS', 'Experiment exists');
    experiments.set(name, String(experiments.size + 1));
    return { experiment_id: experiments.get(name) };
  },
  'POST runs/create'(body, { experiments, runs }) {
    expect(body, { experiment_id: 'string' }, { run_name: 'string', start_time: 'number', tags: 'array' });
    if (![...experiments.values()].includes(body.experiment_id as string))
      throw new ApiError('RESOURCE_DOES_NOT_EXIST', 'No such experiment', 404);
    const id = `run${runs.size + 1}`;
    const tags = (body.tags ?? []) as { key: string; value: string }[];
    runs.set(id, {
      experiment: body.experiment_id as string,
      name: body.run_name as string,
      status: 'RUNNING',
      tags: Object.fromEntries(tags.map(({ key, value }) => [key, value])),
      params: {},
      metrics: [],
    });
    return { run: { info: { run_id: id, status: 'RUNNING' } } };
  },
  'POST runs/search'(body, { runs }) {
    expect(body, { experiment_ids: 'array' }, { filter: 'string', max_results: 'number' });
    const [, key, value] = /^tags\."([^"]+)" = '([^']*)'$/.exec(body.filter as string) ?? [];
    if (!key) throw new ApiError('INVALID_PARAMETER_VALUE', 'Invalid filter');
    const found = [...runs].filter(([, run]) => run.tags[key] === value);
    return found.length > 0 ? { runs: found.map(([id]) => ({ info: { run_id: id } })) } : {};
  },
  'POST runs/log-batch'(body, server) {
    expect(body, { run_id: 'string' }, { metrics: 'array', params: 'array', tags: 'array' });
    const run = runOf(body, server);
    const { metrics = [], params = [] } = body as {
      metrics?: ServedRun['metrics'];
      params?: { key: string; value: string }[];
    };
    if (metrics.length > 1000 || params.length > 100 || metrics.length + params.length > 1000)
      throw new ApiError('INVALID_PARAMETER_VALUE', 'A batch is limited to 1000 metrics and 100 parameters');
    for (const metric of metrics) {
      expect(metric as unknown as Body, {
        key: 'string',
        value: 'number',
        timestamp: 'number',
        step: 'number',
      });
      checkName(metric.key);
    }
    for (const { key, value } of params) {
      checkName(key);
      if (typeof value !== 'string' || value.length > 500 || (run.params[key] ?? value) !== value)
        throw new ApiError('INVALID_PARAMETER_VALUE', `Changing or too long param value: ${key}`);
      run.params[key] = value;
    }
    // Equal metrics are kept once: they are a primary key of its database.
    for (const metric of metrics)
      if (!run.metrics.some((other) => JSON.stringify(other) === JSON.stringify(metric)))
        run.metrics.push(metric);
    return {};
  },
  'POST runs/update'(body, server) {
    expect(body, { run_id: 'string' }, { status: 'string', end_time: 'number', run_name: 'string' });
    const run = runOf(body, server);
    const statuses = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'];
    if (!statuses.includes(body.status as string))
      throw new ApiError('INVALID_PARAMETER_VALUE', 'Invalid status');
    run.status = body.status as string;
    return { run_info: { run_id: body.run_id } };
  },
};

function runOf({ run_id }: Body, { runs }: MlflowServer): ServedRun {
  const run = runs.get(run_id as string);
  if (!run) throw new ApiError('RESOURCE_DOES_NOT_EXIST', `Run with id=${run_id} not found`, 404);
  return run;
}

/** A server on a free port of this machine. */
export async function openMlflowServer(): Promise<MlflowServer> {
  let server: Server | undefined;
  let port = 0;
  const api: MlflowServer = {
    url: '',
    experiments: new Map(),
    runs: new Map(),
    calls: [],
    async down() {
      server?.closeAllConnections();
      await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
      server = undefined;
    },
    async up() {
      server = createServer(async (request, response) => {
        const { pathname, searchParams } = new URL(request.url!, 'http://localhost');
        const call = `${request.method} ${pathname.replace(/^\/api\/2.0\/mlflow\//, '')}`;
        api.calls.push(call);
        let text = '';
        for await (const part of request) text += part;
        const answer = (status: number, body: object) => {
          response.writeHead(status, { 'content-type': 'application/json' });
          response.end(JSON.stringify(body));
        };
        try {
          if (request.method === 'POST' && request.headers['content-type'] !== 'application/json')
            throw new ApiError('BAD_REQUEST', 'Bad Request. Content-Type must be application/json');
          const handler = handlers[call];
          if (!handler) throw new ApiError('ENDPOINT_NOT_FOUND', `no ${call}`, 404);
          answer(
            200,
            handler(request.method === 'GET' ? Object.fromEntries(searchParams) : JSON.parse(text), api),
          );
        } catch (error) {
          const { code = 'INTERNAL_ERROR', status = 500, message } = error as ApiError;
          answer(status, { error_code: code, message });
        }
      });
      await new Promise<void>((resolve) => server!.listen(port, '127.0.0.1', resolve));
      port = (server.address() as AddressInfo).port;
      api.url = `http://127.0.0.1:${port}`;
    },
  };
  await api.up();
  return api;
}
