/** What a way to run programs (native, WebAssembly) gives; machine.ts makes a {@link Machine} of it. Lines of 64 bytes. */

export const LINE = 64;

/** Ways to run programs, by the names that people choose them by. */
export const engines = ['native', 'wasm', 'webgpu'] as const;

export type EngineName = (typeof engines)[number];

/**
 * Where the host's memory is not that of the programs (a GPU's), a driver has `pull` and `push`, and `buffer` shows a *mirror* of the
 * memory: what the host wrote and pushed, and what it pulled. It does not move while the driver is open. What was not pulled since a
 * program wrote it may be anything there.
 */
export interface Driver {
  readonly kind: EngineName;
  /** The instruction set, for people: 'AVX-512', 'NEON', 'relaxed-simd', … */
  readonly vector: string;
  /**
   * The kernels in their order, each followed by a comma, those that it has; what it lacks is left out, or has an empty name where it
   * would have a number. In the next line what follows from the instruction set ('VL=16,'); then the formulas of kernels/formulas.c
   * that it knows, each after a new line.
   */
  readonly names: string;
  /** The contract that the kernels were compiled from: CONTRACT of lowering/calls.ts. */
  readonly contract: string;
  readonly threads: number;
  /** Whether runs tell the times of their steps; default true. */
  readonly clocked?: boolean;
  /** The free lines: from `first` up to, not including, `limit`. All of it is zero. */
  readonly first: number;
  readonly limit: number;
  /** Most bytes that a program's activations should take; default all there are. */
  readonly room?: number;
  /**
   * Work, in multiplications of whole registers, that one thread does in a few milliseconds: for so little the others need not be
   * woken. Default 0.
   */
  readonly little?: number;
  /** Makes the lines below `end` usable; false when the host has no more memory. */
  reach(end: number): boolean;
  /** A buffer that holds `bytes` bytes from `line` on, and where in it they start: the memory, or the host's mirror of it. */
  buffer(line: number, bytes: number): { buffer: ArrayBufferLike; offset: number };
  /** Sets memory, and the mirror of it, to zero, giving it back to the system where that is possible. */
  zero(line: number, lines: number): void;
  /**
   * Brings the mirror of `words` words of 32 bits from `line` on up to date with all runs so far. What it copies is as of this call,
   * even if it resolves after later runs; several may be asked for before the first has resolved, and are best answered together.
   */
  pull?(line: number, words: number): Promise<void>;
  /** Takes over what the host wrote into the mirror, for all later runs; what the mirror becomes afterwards does not matter. */
  push?(line: number, words: number): void;
  /**
   * Runs one program; called again only after its promise has resolved, which a driver with a mirror may do as soon as it has taken
   * the run on: pulls wait for it, and reject if it fails. There the times of `profile` are added to the mirror, by the time that a
   * later pull resolves, and are not pulled.
   */
  run(program: number, profile: number): Promise<void>;
  /** Runs one program on the calling thread alone; no other may be under way. Never called where there is a mirror. */
  runHere(program: number): void;
  close(): Promise<void>;
}

/** Why a driver cannot be had here: half a sentence, for "…: it has not been built". */
export class Unavailable extends Error {}
