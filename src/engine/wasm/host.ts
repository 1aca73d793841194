/** What the WebAssembly engine needs of its host, here Node: the module's bytes, and threads. */
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';

/** What a thread is told at its birth. */
export interface Post {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Byte address where the thread's stack begins; it grows down. */
  stack: number;
  thread: number;
  threads: number;
}

export interface Thread {
  /** An idle thread keeps no process alive; one that is held does. */
  hold(): void;
  release(): void;
  end(): Promise<unknown>;
}

/** Reads `name`.wasm, which lies with the sources, whence the package carries it. */
export const readModule = (name: string): Promise<Uint8Array<ArrayBuffer>> =>
  readFile(new URL(`../../../src/engine/wasm/${name}.wasm`, import.meta.url));

/** Starts a thread; `done` is called when it was the last to end a run, `failed` when it died. */
export function startThread(post: Post, done: () => void, failed: (error: Error) => void): Thread {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: post, execArgv: [] });
  worker.on('message', done);
  worker.on('error', failed);
  worker.unref();
  return { hold: () => worker.ref(), release: () => worker.unref(), end: () => worker.terminate() };
}
