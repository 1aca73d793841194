/** A headless Chromium, driven by the DevTools protocol over a pipe: messages of JSON, each ended by a zero. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export interface Browser {
  /** For people: 'HeadlessChrome/140.0.0.0'. */
  readonly version: string;
  /** Opens a page, and waits until it has loaded. */
  open(address: string, screen?: Screen): Promise<Page>;
  close(): Promise<void>;
}

/** What a page is looked at with; by default the browser's own window. */
export interface Screen {
  width: number;
  height: number;
  dark?: boolean;
  /** Pixels of the device for one of the page; default 1. */
  scale?: number;
}

export interface Page {
  /** What the page has complained about so far: errors in its console, exceptions, things that could not be loaded. */
  readonly complaints: readonly string[];
  /** A picture of what is seen, as WebP of this quality (0 … 100). */
  screenshot(quality: number): Promise<Buffer>;
  /** What an expression gives, or what its promise resolves to; it must be JSON. Throws with the page's message. */
  evaluate<T>(expression: string): Promise<T>;
  close(): Promise<void>;
}

type Send = <T = void>(method: string, params?: object, sessionId?: string) => Promise<T>;

/** What is read of the answer to Runtime.evaluate. */
interface Evaluated<T> {
  result: { value: T };
  exceptionDetails?: { text: string; exception?: { description?: string } };
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** Where Chromium is; undefined where it is not. CHROMIUM names another. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const paths = NAMES.flatMap((name) => folders.map((folder) => join(folder, name)));
  return [...(process.env.CHROMIUM ? [process.env.CHROMIUM] : []), ...paths].find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param options.gpu offer WebGPU to pages, by software where there is no GPU; `options.switches`: others of its switches. */
export async function openChromium(
  path: string,
  { gpu = false, switches = [] }: { gpu?: boolean; switches?: readonly string[] } = {},
): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'espalier-chromium-'));
  const child = spawn(
    path,
    [
      '--headless=new',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      '--no-sandbox',
      '--no-first-run',
      '--disable-gpu',
      ...(gpu ? ['--enable-unsafe-webgpu'] : []),
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      ...switches,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const ended = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const { send, fail, listen } = talk(child.stdio[3] as Writable, child.stdio[4] as Readable);
  child.on('error', fail);
  void ended.then(() => fail(new Error('Chromium has ended')));
  const { product } = await send<{ product: string }>('Browser.getVersion');

  async function open(address: string, screen?: Screen): Promise<Page> {
    const { targetId } = await send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    const complaints: string[] = [];
    listen(sessionId, (method, params) => complaints.push(...complaintIn(method, params)));
    await Promise.all(['Runtime.enable', 'Log.enable'].map((method) => send(method, {}, sessionId)));
    if (screen) await look(sessionId, screen);
    const { errorText } = await send<{ errorText?: string }>('Page.navigate', { url: address }, sessionId);
    if (errorText) throw new Error(`${address}: ${errorText}`);
    const page: Page = {
      complaints,
      async screenshot(quality) {
        const { data } = await send<{ data: string }>(
          'Page.captureScreenshot',
          { format: 'webp', quality },
          sessionId,
        );
        return Buffer.from(data, 'base64');
      },
      async evaluate<T>(expression: string) {
        const { result, exceptionDetails } = await send<Evaluated<T>>(
          'Runtime.evaluate',
          { expression, awaitPromise: true, returnByValue: true },
          sessionId,
        );
        if (exceptionDetails)
          throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      },
      close: () => send('Target.closeTarget', { targetId }),
    };
    await page.evaluate(
      "document.readyState === 'complete' || new Promise((resolve) => addEventListener('load', () => resolve()))",
    );
    return page;
  }

  async function look(sessionId: string, { width, height, dark = false, scale = 1 }: Screen): Promise<void> {
    const metrics = { width, height, deviceScaleFactor: scale, mobile: width < 500 };
    await send('Emulation.setDeviceMetricsOverride', metrics, sessionId);
    const features = [{ name: 'prefers-color-scheme', value: dark ? 'dark' : 'light' }];
    await send('Emulation.setEmulatedMedia', { features }, sessionId);
  }

  return {
    version: product,
    open,
    async close() {
      await send('Browser.close').catch(() => {});
      await ended;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Whether a page has a GPU to compute on. */
export const hasGpu = (page: Page): Promise<boolean> =>
  page.evaluate<boolean>('(async () => Boolean(navigator.gpu && (await navigator.gpu.requestAdapter())))()');

/** An event of the protocol in a sentence, where it is a complaint. */
function complaintIn(method: string, params: EventParams): string[] {
  if (method === 'Runtime.exceptionThrown') return [params.exceptionDetails?.text ?? 'an exception'];
  if (method === 'Log.entryAdded' && params.entry?.level === 'error') return [params.entry.text];
  if (method === 'Runtime.consoleAPICalled' && params.type === 'error')
    return [(params.args ?? []).map(({ value }) => String(value)).join(' ')];
  return [];
}

/** What is read of events. */
interface EventParams {
  type?: string;
  args?: { value?: unknown }[];
  entry?: { level: string; text: string };
  exceptionDetails?: { text: string };
}

type Listener = (method: string, params: EventParams) => void;

interface Talk {
  send: Send;
  fail: (error: Error) => void;
  /** Calls back for every event of a session. */
  listen: (sessionId: string, listener: Listener) => void;
}

/** Requests to the browser; after `fail` all of them are refused. */
function talk(to: Writable, from: Readable): Talk {
  const listeners = new Map<string, Listener>();
  const waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();
  let last = 0;
  let broken: Error | undefined;
  let rest = '';
  from.setEncoding('utf8').on('data', (data: string) => {
    const messages = (rest + data).split('\0');
    rest = messages.pop()!;
    for (const message of messages) {
      const { id, result, error, method, params, sessionId } = JSON.parse(message);
      if (method) listeners.get(sessionId)?.(method, params);
      const { resolve, reject } = waiting.get(id) ?? {};
      waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result as never);
    }
  });
  to.on('error', () => {});
  return {
    send: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        waiting.set(++last, { resolve, reject });
        to.write(`${JSON.stringify({ id: last, method, params, sessionId })}\0`);
      }),
    listen: (sessionId, listener) => listeners.set(sessionId, listener),
    fail(error) {
      broken = error;
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
    },
  };
}

/** Bundles what pages load, by scripts such as 'build-browser'. */
export function bundlePages(...names: string[]): void {
  for (const name of names) {
    const { status, stderr } = spawnSync(process.execPath, [`scripts/${name}.mjs`], {
      cwd: fileURLToPath(new URL('../../', import.meta.url)),
      encoding: 'utf8',
    });
    assert.equal(status, 0, stderr);
  }
}

/** Calls a function in the page, with what is given to it as JSON. */
export const call = <T, A>(page: Page, f: (given: A) => Promise<T>, given?: A): Promise<T> =>
  page.evaluate<T>(`(${f})(${JSON.stringify(given) ?? ''})`);
