/** The face of the WebAssembly module: what module.c exports and what it wants. */

export interface Kernels {
  /** Where the free memory starts, in bytes. */
  readonly __heap_base: WebAssembly.Global;
  readonly __stack_pointer: WebAssembly.Global;
  names(): number;
  lanes(): number;
  run(base: number, program: number, profile: number, threads: number): void;
  run_here(base: number, program: number): void;
  serve(thread: number, threads: number): void;
}

export const imports = (memory: WebAssembly.Memory, done: () => void): WebAssembly.Imports => ({
  env: { memory },
  host: { now: () => performance.now() * 1e6, done },
});
