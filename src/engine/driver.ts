/** What a way to run programs (native, WebAssembly) gives; machine.ts makes a {@link Machine} of it. Lines of 64 bytes. */

export const LINE = 64;

export interface Driver {
  readonly kind: 'native' | 'wasm';
  /** The instruction set, for people: 'AVX-512', 'NEON', 'relaxed-simd', … */
  readonly vector: string;
  /**
   * The kernels in their order, each followed by a comma; in the next line what follows from the instruction set ('VL=16,');
   * then the formulas of kernels/formulas.c, each after a new line.
   */
  readonly names: string;
  /** The contract that the kernels were compiled from: CONTRACT of lowering/calls.ts. */
  readonly contract: string;
  readonly threads: number;
  /** The free lines: from `first` up to, not including, `limit`. All of it is zero. */
  readonly first: number;
  readonly limit: number;
  /** Makes the lines below `end` usable; false when the host has no more memory. */
  reach(end: number): boolean;
  /** A buffer that holds `bytes` bytes from `line` on, and where in it they start. */
  buffer(line: number, bytes: number): { buffer: ArrayBufferLike; offset: number };
  /** Sets memory to zero, giving it back to the system where that is possible. */
  zero(line: number, lines: number): void;
  /** Runs one program; called again only after it has ended. */
  run(program: number, profile: number): Promise<void>;
  /** Runs one program on the calling thread alone; no other may be under way. */
  runHere(program: number): void;
  close(): Promise<void>;
}

/** Why a driver cannot be had here: half a sentence, for "…: it has not been built". */
export class Unavailable extends Error {}
