/** The WebAssembly module seen from TypeScript: what module.c exports and what it wants; threads; features of hosts. */

export interface Kernels {
  /** Where the free memory starts, in bytes. */
  readonly __heap_base: WebAssembly.Global;
  readonly __stack_pointer: WebAssembly.Global;
  names(): number;
  contract(): number;
  run(base: number, program: number, profile: number, threads: number): void;
  run_here(base: number, program: number): void;
  serve(thread: number, threads: number): void;
}

/** What a thread is told at its birth. */
export interface Post {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
  /** Byte address where the thread's stack begins; it grows down. */
  stack: number;
  thread: number;
  threads: number;
}

/** What a thread tells: that it is about to serve, and that it was the last to end a run. */
export type News = 'ready' | 'done';

/** The module over a memory; `done` is called in the thread that is the last to end a run. */
export function instance(module: WebAssembly.Module, memory: WebAssembly.Memory, done = () => {}): Kernels {
  const host = { now: () => performance.now() * 1e6, done };
  return new WebAssembly.Instance(module, { env: { memory }, host }).exports as unknown as Kernels;
}

/** A thread's life: an instance of the module with a stack of its own, serving till the thread is ended. */
export function serve({ module, memory, stack, thread, threads }: Post, tell: (news: News) => void): void {
  const kernels = instance(module, memory, () => tell('done'));
  kernels.__stack_pointer.value = stack;
  tell('ready');
  kernels.serve(thread, threads);
}

/** A module of one function that uses i8x16.relaxed_swizzle. */
const PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2,
  253, 15, 253, 128, 2, 11,
];

/** Whether the host has fused multiply-add in WebAssembly. */
export const hasRelaxedSimd = (): boolean => WebAssembly.validate(Uint8Array.from(PROBE));
