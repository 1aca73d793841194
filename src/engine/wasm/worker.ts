/** A thread of the WebAssembly engine in Node. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Post, serve } from './module.js';

serve(workerData as Post, (news) => parentPort!.postMessage(news));
