/** The server behind `espalier watch`: the page, its data, and a stream of what changes. */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setInterval } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { fail, UserError } from '../base/index.js';
import { cookieFor, HEADERS, isLoopback, judge, REPORT_POLICY } from './access.js';
import { type Jobs, openJobs } from './jobs.js';
import { networkOf } from './network.js';
import { openRuns, type Root, type Runs } from './runs.js';
import { savedPage } from './save.js';
import { openTimes } from './times.js';
import type { LayerTimes } from './types.js';

export interface WatchOptions {
  /** Folders with runs; new runs go into the first. */
  folders: readonly string[];
  /** The module of the command line, which runs are started with. */
  main: string;
  /** Default 127.0.0.1. Any other address makes a token necessary. */
  host?: string;
  /** Default: one that is free. */
  port?: number;
  /** Milliseconds between two looks at the folders; default 1,000. */
  rhythm?: number;
}

export interface Watch {
  /** With the token, where there is one. */
  address: string;
  /** How many runs there are now. */
  count(): number;
  close(): Promise<void>;
}

/** Where scripts/build-watch.mjs writes the page. */
const PAGE = fileURLToPath(new URL('../browser/watch/', import.meta.url));

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  json: 'application/json; charset=utf-8',
  jsonl: 'text/plain; charset=utf-8',
};
const typeOf = (name: string) => TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream';

/** A request for data that is larger than any recipe. */
const LARGEST_BODY = 1_000_000;

interface House {
  runs: Runs;
  jobs: Jobs;
  listeners: Set<ServerResponse>;
  times: (model: string) => Promise<LayerTimes>;
}

/** Makes one file of the page and all that it shows. @throws UserError when the page is not built or a folder is not there. */
export async function savePage(folders: readonly string[]): Promise<string> {
  await requirePage();
  return savedPage(openRuns(await rootsOf(folders), new Map()), PAGE);
}

/** Starts the server. @throws UserError when the page is not built, or the address is taken. */
export async function watch({
  folders,
  main,
  host = '127.0.0.1',
  port = 0,
  rhythm = 1000,
}: WatchOptions): Promise<Watch> {
  await requirePage();
  const token = isLoopback(host) ? undefined : randomBytes(24).toString('base64url');
  const house = openHouse(await rootsOf(folders), main);
  await house.runs.refresh();
  const server = createServer((request, response) => void answer({ request, response, house, token }));
  const { port: taken } = await listen(server, host, port);
  const stopLooking = lookAgain(house, rhythm);
  const name = host.includes(':') ? `[${host}]` : host;
  return {
    address: `http://${name}:${taken}/${token ? `?token=${token}` : ''}`,
    count: () => house.runs.rows().length,
    async close() {
      stopLooking();
      house.jobs.close();
      for (const response of house.listeners) response.end();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const requirePage = () =>
  readFile(join(PAGE, 'index.html')).catch(() =>
    fail('The page of espalier watch is not built: run npm run build in the folder of espalier first.'),
  );

/** The folders with their names. @throws UserError when one is not there, or two have the same name. */
async function rootsOf(folders: readonly string[]): Promise<Root[]> {
  for (const folder of folders) {
    const found = await stat(folder).catch(() => undefined);
    if (!found?.isDirectory()) fail(`There is no folder ${folder}: name one with runs, such as runs.`);
  }
  const paths = folders.map((folder) => resolve(folder));
  const names = new Set(paths.map((path) => basename(path)));
  if (names.size < paths.length)
    fail('Two of the folders have the same name: watch the folder above them instead.');
  return paths.map((path) => ({ path, name: paths.length > 1 ? basename(path) : '' }));
}

function openHouse(roots: readonly Root[], main: string): House {
  const failures = new Map<string, string>();
  const runs = openRuns(roots, failures);
  const jobs = openJobs({ root: roots[0], main, failures, pathOf: (id) => runs.pathOf(id)! });
  return { runs, jobs, listeners: new Set(), times: openTimes() };
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', ({ code, message }: NodeJS.ErrnoException) => {
      const why = code === 'EADDRINUSE' ? 'something else listens there; give another --port' : message;
      reject(new UserError(`Cannot listen on port ${port} of ${host}: ${why}.`));
    });
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}

/** Looks at the folders again and again, and tells the pages that listen. */
function lookAgain({ runs, listeners }: House, rhythm: number): () => void {
  const over = new AbortController();
  const look = async () => {
    for await (const _ of setInterval(rhythm, undefined, { signal: over.signal })) {
      const news = await runs.refresh().catch(() => ({ changed: [], gone: [] }));
      if (news.changed.length + news.gone.length > 0)
        for (const response of listeners) response.write(`data: ${JSON.stringify(news)}\n\n`);
    }
  };
  // It ends by being aborted.
  look().catch(() => {});
  return () => over.abort();
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  house: House;
  token?: string;
}

async function answer({ request, response, house, token }: Exchange): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
  const address = new URL(request.url ?? '/', 'http://localhost');
  try {
    const verdict = judge(request, address, token);
    if (verdict === 'refused')
      return say(response, 403, 'This page is not for you: open the address that espalier watch printed.');
    if (verdict === 'set-cookie') {
      response.writeHead(303, { location: '/', 'set-cookie': cookieFor(token!) }).end();
      return;
    }
    const route = routes[`${request.method} ${address.pathname}`];
    if (route) return await route({ request, response, house, query: address.searchParams });
    if (request.method === 'GET') return await sendPage(response, address.pathname);
    say(response, 404, 'There is nothing here.');
  } catch (error) {
    if (response.headersSent) return void response.end();
    if (error instanceof UserError) say(response, 400, error.message);
    else say(response, 500, 'This could not be answered; the terminal says more.');
    if (!(error instanceof UserError)) process.stderr.write(`${(error as Error).stack}\n`);
  }
}

interface Visit {
  request: IncomingMessage;
  response: ServerResponse;
  house: House;
  query: URLSearchParams;
}

const say = (response: ServerResponse, status: number, sentence: string): void =>
  void response.writeHead(status, { 'content-type': TYPES.json }).end(JSON.stringify({ error: sentence }));

const send = (response: ServerResponse, value: unknown): void =>
  void response
    .writeHead(200, { 'content-type': TYPES.json, 'cache-control': 'no-store' })
    .end(JSON.stringify(value));

/** The id of a run that is known: no path of the page's own ever reaches the disk. */
function idIn({ house, query }: Pick<Visit, 'house' | 'query'>): string {
  const id = query.get('id') ?? '';
  return house.runs.pathOf(id) ? id : fail(`There is no run ${id} in this folder.`);
}

const pathIn = (visit: Visit): string => visit.house.runs.pathOf(idIn(visit))!;

async function detailOf(visit: Visit) {
  return (await visit.house.runs.detail(idIn(visit)))!;
}

async function timesOf(visit: Visit) {
  const id = idIn(visit);
  const { files } = await detailOf(visit);
  if (!files.includes('model.onnx'))
    return fail(`${id} has no model yet: it is measured when the run is finished.`);
  return visit.house.times(join(pathIn(visit), 'model.onnx'));
}

const routes: Record<string, (visit: Visit) => Promise<void> | void> = {
  'GET /api/runs': ({ response, house }) => send(response, house.runs.rows()),
  'GET /api/run': async (visit) => send(visit.response, await detailOf(visit)),
  'GET /api/network': async (visit) =>
    send(visit.response, await networkOf(pathIn(visit), await detailOf(visit))),
  'GET /api/times': async (visit) => send(visit.response, await timesOf(visit)),
  'GET /api/events': ({ request, response, house }) => {
    response
      .writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      .write(':\n\n');
    house.listeners.add(response);
    request.on('close', () => house.listeners.delete(response));
  },
  'GET /file': async (visit) => {
    const { files } = await detailOf(visit);
    const name = files.find((file) => file === visit.query.get('name')) ?? fail('There is no such file.');
    visit.response.setHeader('content-type', typeOf(name));
    if (name === 'report.html') visit.response.setHeader('content-security-policy', REPORT_POLICY);
    await pipeline(createReadStream(join(pathIn(visit), name)), visit.response);
  },
  'POST /api/start': async ({ request, response, house }) => {
    const { name, recipe } = (await bodyOf(request)) as { name?: unknown; recipe?: unknown };
    if (typeof name !== 'string' || !recipe || typeof recipe !== 'object')
      return fail('A name and a recipe are needed.');
    send(response, { id: await house.jobs.start(name, recipe) });
  },
  'POST /api/resume': (visit) => {
    visit.house.jobs.resume(idIn(visit));
    send(visit.response, {});
  },
  'POST /api/stop': async (visit) => {
    await visit.house.jobs.stop(idIn(visit));
    send(visit.response, {});
  },
};

async function bodyOf(request: IncomingMessage): Promise<object> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) {
    text += part;
    if (text.length > LARGEST_BODY) fail('The recipe is too long.');
  }
  try {
    const value = JSON.parse(text);
    if (value && typeof value === 'object') return value;
  } catch {}
  return fail('The recipe is not JSON.');
}

/** The page is one document; its files lie beside it. */
async function sendPage(response: ServerResponse, path: string): Promise<void> {
  const name = path === '/' ? 'index.html' : path.slice(1);
  const bytes = /^[\w-]+\.\w+$/.test(name)
    ? await readFile(join(PAGE, name)).catch(() => undefined)
    : undefined;
  if (!bytes) return say(response, 404, 'There is nothing here.');
  response.writeHead(200, { 'content-type': typeOf(name), 'cache-control': 'no-cache' }).end(bytes);
}
