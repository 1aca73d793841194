/**
 * The engine in a browser: WebAssembly, over a shared memory with a worker for each thread where the page is isolated from
 * others (crossOriginIsolated), else over a plain memory on the calling thread. What it consists of is embedded in the
 * bundle that scripts/build-browser.mjs makes, so that there is no address that could be wrong.
 */
import { fail } from '../../base/index.js';
import { type Driver, Unavailable } from '../driver.js';
import { type Machine, machineOver, type Sparse, threadCount } from '../machine.js';
import type { News, Post } from './module.js';
import { type Host, openWasm, type Thread } from './wasm.js';

/** What the bundle brings along. */
export interface Embedded {
  /** The source of a thread's worker: web-worker.ts. */
  worker: string;
  /** The bytes of the kernels. */
  kernels(memory: 'plain' | 'shared', relaxed: boolean): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * For training, whose views of a plain memory are used as long as the machine is there: that memory is set aside whole and never grows.
   * Its thread gives others a turn now and then, to be told to stop for example.
   */
  training?: boolean;
}

/** Throws UserError on settings that cannot be met, and where the browser is too old. */
export async function openHere(embedded: Embedded, asked?: number, sparse?: Sparse): Promise<Machine> {
  const threads = threadCount(asked, navigator.hardwareConcurrency, 'threads');
  return machineOver(await openDriver(embedded, threads), sparse);
}

async function openDriver(embedded: Embedded, threads: number): Promise<Driver> {
  if (threads > 1 && globalThis.crossOriginIsolated)
    try {
      return await openWasm(isolated(embedded), threads);
    } catch (error) {
      // Workers may be forbidden to the page; then one thread is what there is.
      if (!(error instanceof Unavailable)) throw error;
    }
  try {
    return await openWasm({
      read: (relaxed) => embedded.kernels('plain', relaxed),
      ...(embedded.training && { whole: true, breathe }),
    });
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    return fail(`Models cannot be run here: ${error.message}; update the browser.`);
  }
}

/** Milliseconds after which messages are let in. */
const BREATH = 30;
let breathed = 0;

/** Lets the thread's messages in, if none were for a while. */
async function breathe(): Promise<void> {
  if (performance.now() - breathed < BREATH) return;
  const { port1, port2 } = new MessageChannel();
  await new Promise((resolve) => {
    port1.onmessage = resolve;
    port2.postMessage(undefined);
  });
  port1.close();
  breathed = performance.now();
}

const isolated = ({ worker, kernels }: Embedded): Host => ({
  read: (relaxed) => kernels('shared', relaxed),
  startThread: (post, done, failed) => startThread(worker, post, done, failed),
});

/** Resolves when the thread serves; rejects with Unavailable where the page may have no workers. */
function startThread(
  source: string,
  post: Post,
  done: () => void,
  failed: (error: Error) => void,
): Promise<Thread> {
  const address = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  return new Promise<Thread>((resolve, reject) => {
    const worker = new Worker(address);
    worker.addEventListener('message', ({ data }: MessageEvent<News>) => {
      if (data === 'done') done();
      else resolve({ hold() {}, release() {}, end: () => worker.terminate() });
    });
    worker.addEventListener('error', ({ message }) => {
      failed(new Error(message));
      reject(new Unavailable(`a worker cannot be started: ${message}`));
    });
    worker.postMessage(post);
  })
    .catch((error: Error) => {
      throw error instanceof Unavailable ? error : new Unavailable(error.message);
    })
    .finally(() => URL.revokeObjectURL(address));
}
