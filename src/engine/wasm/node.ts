/** The WebAssembly engine in Node: modules are files, threads are worker threads. */
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { Unavailable } from '../driver.js';
import type { News } from './module.js';
import type { Host } from './wasm.js';

export const nodeHost: Host = {
  // They lie with the sources, whence the package carries them.
  read: (relaxed) => bytesOf(relaxed ? 'espalier-relaxed' : 'espalier'),
  startThread(post, done, failed) {
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: post, execArgv: [] });
    worker.on('message', (news: News) => news === 'done' && done());
    worker.on('error', failed);
    worker.unref();
    return { hold: () => worker.ref(), release: () => worker.unref(), end: () => worker.terminate() };
  },
};

async function bytesOf(name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readFile(new URL(`../../../src/engine/wasm/${name}.wasm`, import.meta.url));
  } catch {
    throw new Unavailable(`its file ${name}.wasm is missing`);
  }
}
