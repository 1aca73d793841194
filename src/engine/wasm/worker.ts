/** A thread of the WebAssembly engine: an instance of the module with a stack of its own, serving till it is ended. */
import { parentPort, workerData } from 'node:worker_threads';
import type { Post } from './host.js';
import { imports, type Kernels } from './instance.js';

const { module, memory, stack, thread, threads } = workerData as Post;
const kernels = new WebAssembly.Instance(
  module,
  imports(memory, () => parentPort!.postMessage(0)),
).exports as unknown as Kernels;
kernels.__stack_pointer.value = stack;
kernels.serve(thread, threads);
