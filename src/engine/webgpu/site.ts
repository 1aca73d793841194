/** Where a program for the GPU is put together: tables and scratch memory of its own, beside the machine's memory. */
import type { Class } from './classes.js';

export interface Site {
  /** Threads that a workgroup may have. */
  readonly threads: number;
  /** Lanes that every subgroup has at least, a power of two; absent where there are no subgroups. */
  readonly subgroup?: number;
  /** Puts integers into the program's tables, and returns where they begin. */
  table(data: Int32Array): number;
  /** So many floats of scratch memory, from a multiple of four on. */
  scratch(floats: number): number;
  /** The merged classes of the table of a convolution at a line, for so many blocks. */
  classes(line: number, blocks: number): Class[];
  /** What was made under a name before, or is now. */
  memo<Value>(name: string, make: () => Value): Value;
}
