/**
 * The seam between TypeScript and the kernels: a memory, and programs that run over it. What a program is, see
 * kernels/program.c. Everything above knows only this interface, not which of the ways stands behind it: what opens one, in Node,
 * is open.ts, and in a browser wasm/browser.ts.
 */
import { fail } from '../base/errors.js';
import { type Driver, LINE } from './driver.js';
import { CONTRACT, type Told } from './lowering/contract.js';
import { createSpace } from './space.js';

/**
 * Memory is addressed in lines of 64 bytes; line 0 is never given out and stands for "none". A machine that is closed refuses to
 * work with a UserError.
 */
export interface Machine {
  /** Whether kernels run as native code or as WebAssembly. */
  readonly kind: 'native' | 'wasm';
  /** For people: 'native, AVX-512, 2 threads'. */
  readonly description: string;
  /** Number of threads. */
  readonly threads: number;
  /** When programs leave pruned weights out. */
  readonly sparse: Sparse;
  /** Floats in a vector register. */
  readonly lanesPerVector: number;
  /** A kernel's number in programs, by its name in C. */
  readonly kernels: ReadonlyMap<string, number>;
  /** What the kernels' code says of itself, for the instruction set that it was compiled for. */
  readonly told: Told;
  /** A formula's number in kernels/formulas.c, by its text there. */
  readonly formulas: ReadonlyMap<string, number>;
  /** The line where `bytes` bytes, all zero, now begin; from a page up, at a page. Throws UserError when memory is short. */
  allocate(bytes: number): number;
  /** Gives a block back; does nothing when the machine is closed. Views of it must not be used any more. */
  free(line: number): void;
  /** Live views, `length` in elements, valid until close; without shared memory only until the next `allocate`. */
  floats(line: number, length: number): Float32Array;
  /** A view of doubles at a line, as {@link floats}. */
  doubles(line: number, length: number): Float64Array;
  /** A view of 32-bit integers at a line, as {@link floats}. */
  ints(line: number, length: number): Int32Array;
  /** A view of bytes at a line, as {@link floats}. */
  bytes(line: number, length: number): Uint8Array;
  /**
   * Runs the program at a line, off this thread where there are others; runs asked for meanwhile wait their turn. To the doubles at line
   * `profile` it adds, for each thread t from line `profile + t · profileStride(steps)` on, the nanoseconds spent in the
   * kernels of each step, then those of the whole run.
   */
  run(program: number, profile?: number): Promise<void>;
  /**
   * Runs the program on the calling thread alone, at once: for programs so short that waking the others, and this thread
   * again, would take longer. No run may be under way.
   */
  runHere(program: number): void;
  /** Waits for the runs asked for, then ends the threads and gives the memory back; views become empty or stale. */
  close(): Promise<void>;
}

/**
 * When programs take the kernels that compute nothing with weights of 0: where the clock says that it is faster, always,
 * or never. It changes no bit of any result.
 */
export type Sparse = 'auto' | 'always' | 'never';

/** Lines between the profiles of two threads, for a program of `steps` steps. */
export const profileStride = (steps: number): number => Math.ceil(((steps + 1) * 8) / LINE);

const MOST_THREADS = 256;

/** The number of threads that is asked for, by default that of the `cores`. Throws UserError, naming what to `correct`. */
export function threadCount(asked: number | string | undefined, cores: number, correct: string): number {
  if (asked === undefined || asked === '') return Math.min(cores, MOST_THREADS);
  const threads = Number(asked);
  if (Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS) return threads;
  return fail(
    `The number of threads is "${asked}", but must be a whole number from 1 to ${MOST_THREADS}: correct ${correct}.`,
  );
}

const numbered = (names: readonly string[]) => new Map(names.map((name, i) => [name, i]));
/** From 'VL=16,CONV_MR=8,'. */
const toldBy = (line: string): Told => {
  const pairs = listed(line).map((pair) => pair.split('='));
  return Object.fromEntries(pairs.map(([name, value]) => [name, Number(value)])) as unknown as Told;
};
const listed = (line: string): string[] => line.split(',').slice(0, -1);
const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;
const inMegabytes = (lines: number): string => `${Math.ceil((lines * LINE) / 1e6)} MB`;

/** A machine that runs its programs so. */
export function machineOver(driver: Driver, sparse: Sparse = 'auto'): Machine {
  if (driver.contract !== CONTRACT)
    throw new Error('The kernels were built from other sources than this: build them anew');
  const [kernels, constants, ...formulas] = driver.names.split('\n');
  const told = toldBy(constants);
  const space = createSpace(driver.first, driver.limit);
  let last: Promise<void> = Promise.resolve();
  let closed: Promise<void> | undefined;

  const alive = () => {
    if (closed) fail('The machine is closed and can no longer be used; open another one.');
  };

  function allocate(bytes: number): number {
    alive();
    const lines = Math.max(1, Math.ceil(bytes / LINE));
    const line = space.take(lines);
    if (line !== undefined && driver.reach(line + lines)) return line;
    if (line !== undefined) space.give(line);
    return fail(
      `Not enough memory: ${inMegabytes(lines)} more are needed and the ${driver.kind} engine has ${inMegabytes(space.free())} left of ${inMegabytes(driver.limit)}; take a smaller batch or network.`,
    );
  }

  function view<View>(
    type: { new (buffer: ArrayBufferLike, offset: number, length: number): View; BYTES_PER_ELEMENT: number },
    line: number,
    length: number,
  ): View {
    alive();
    const { buffer, offset } = driver.buffer(line, length * type.BYTES_PER_ELEMENT);
    return new type(buffer, offset, length);
  }

  async function run(program: number, profile = 0): Promise<void> {
    alive();
    const result = last.then(() => driver.run(program, profile));
    last = result.catch(() => {});
    return result;
  }

  return {
    kind: driver.kind,
    description: `${driver.kind}, ${driver.vector}, ${plural(driver.threads, 'thread')}`,
    threads: driver.threads,
    sparse,
    lanesPerVector: told.VL,
    kernels: numbered(listed(kernels)),
    told,
    formulas: numbered(formulas),
    allocate,
    free(line) {
      // All memory was given back when the machine was closed.
      if (closed) return;
      driver.zero(line, space.give(line));
    },
    floats: (line, length) => view(Float32Array, line, length),
    doubles: (line, length) => view(Float64Array, line, length),
    ints: (line, length) => view(Int32Array, line, length),
    bytes: (line, length) => view(Uint8Array, line, length),
    run,
    runHere(program) {
      alive();
      driver.runHere(program);
    },
    close() {
      closed ??= last.then(() => driver.close());
      return closed;
    },
  };
}
