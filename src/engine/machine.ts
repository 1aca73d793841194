/**
 * The seam between TypeScript and the kernels: a memory, and programs that run over it. What a program is, see
 * kernels/program.c. Everything above knows only this interface, not which of the ways stands behind it: what opens one, in Node,
 * is open.ts, and in a browser wasm/browser.ts.
 */
import { fail } from '../base/index.js';
import { type Driver, LINE } from './driver.js';
import { CONTRACT, type Told } from './lowering/contract.js';
import { createSpace, type Space } from './space.js';

/**
 * Memory is addressed in lines of 64 bytes; line 0 is never given out and stands for "none". A machine that is closed refuses to
 * work with a UserError.
 */
export interface Machine {
  /** Whether kernels run as native code, as WebAssembly or on a GPU; for people. What a machine can do, it says below. */
  readonly kind: Driver['kind'];
  /** For people, what the last bits of results depend on: 'native, AVX-512'. */
  readonly engine: string;
  /** For people: 'native, AVX-512, 2 threads'. */
  readonly description: string;
  /** Number of threads. */
  readonly threads: number;
  /** When programs leave pruned weights out. */
  readonly sparse: Sparse;
  /** Floats in a vector register. */
  readonly lanesPerVector: number;
  /**
   * Whether its memory is not the host's: views are then a mirror, {@link pull} and {@link push} do something, and `runHere` is not to
   * be had.
   */
  readonly apart: boolean;
  /** Whether runs add to their profile; a GPU does only if it was opened so, and can. */
  readonly clocked: boolean;
  /** Most bytes that a program's activations should take. */
  readonly room: number;
  /** Work, in multiplications of whole registers, for which threads need not be woken. */
  readonly little: number;
  /** The number in programs of each kernel that it has, by its name in C. Lowering chooses among these only. */
  readonly kernels: ReadonlyMap<string, number>;
  /** What the kernels' code says of itself, for the instruction set that it was compiled for. */
  readonly told: Told;
  /** A formula's number in kernels/formulas.c, by its text there. */
  readonly formulas: ReadonlyMap<string, number>;
  /** The line where `bytes` bytes, all zero, now begin; from a page up, at a page. Throws UserError when memory is short. */
  allocate(bytes: number): number;
  /** Gives a block back; does nothing when the machine is closed. Views of it must not be used any more. */
  free(line: number): void;
  /**
   * Views, `length` in elements, valid until close; in a page without shared memory only until the next `allocate`. They are the
   * memory itself, or a mirror where the machine is apart: then read what programs wrote after a {@link pull}, and {@link push} what
   * you have written.
   */
  floats(line: number, length: number): Float32Array;
  /** A view of doubles at a line, as {@link floats}. */
  doubles(line: number, length: number): Float64Array;
  /** A view of 32-bit integers at a line, as {@link floats}. */
  ints(line: number, length: number): Int32Array;
  /** A view of bytes at a line, as {@link floats}. */
  bytes(line: number, length: number): Uint8Array;
  /**
   * Resolves when views of `words` words of 32 bits from `line` on show what the runs asked for so far have made of them. Without a
   * mirror that is when those runs have ended. Pulls that are asked for together are answered together.
   */
  pull(line: number, words: number): Promise<void>;
  /** What the host has written there is what later runs read. No run that touches it may be waiting. Does nothing without a mirror. */
  push(line: number, words: number): void;
  /**
   * Runs the program at a line, off this thread where there are others; runs asked for meanwhile wait their turn. To the doubles at line
   * `profile` it adds, for each thread t from line `profile + t · profileStride(steps)` on, the nanoseconds spent in the
   * kernels of each step, then those of the whole run.
   * Where the machine is apart it may resolve before the run has ended, and a run that fails may reject a later pull instead.
   */
  run(program: number, profile?: number): Promise<void>;
  /**
   * Runs the program on the calling thread alone, at once: for programs so short that waking the others, and this thread
   * again, would take longer. No run may be under way, and the machine must not be apart.
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

const numbered = (names: readonly string[]) =>
  new Map([...names.entries()].flatMap(([i, name]) => (name ? [[name, i] as const] : [])));
/** From 'VL=16,CONV_MR=8,'. */
export const toldBy = (line: string): Told => {
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
  let last: Promise<void> = Promise.resolve();
  let closed: Promise<void> | undefined;
  const alive = () => {
    if (closed) fail('The machine is closed and can no longer be used; open another one.');
  };
  const space = createSpace(driver.first, driver.limit);
  return {
    ...whatItIs(driver),
    sparse,
    allocate(bytes) {
      alive();
      return allocateIn(driver, space, bytes);
    },
    free(line) {
      // All memory was given back when the machine was closed.
      if (closed) return;
      driver.zero(line, space.give(line));
    },
    ...viewsOf(driver, alive),
    async pull(line, words) {
      alive();
      await last;
      await driver.pull?.(line, words);
    },
    push(line, words) {
      alive();
      driver.push?.(line, words);
    },
    async run(program, profile = 0) {
      alive();
      const result = last.then(() => driver.run(program, profile));
      last = result.catch(() => {});
      return result;
    },
    runHere(program) {
      alive();
      if (driver.push) throw new Error('A machine that is apart runs nothing on the calling thread');
      driver.runHere(program);
    },
    close() {
      closed ??= last.then(() => driver.close());
      return closed;
    },
  };
}

/** What a machine is and can do, which never changes. */
function whatItIs(driver: Driver) {
  const { kind, vector, threads, clocked = true, room, little, push } = driver;
  const [kernels, constants, ...formulas] = driver.names.split('\n');
  const told = toldBy(constants);
  const engine = `${kind}, ${vector}`;
  return {
    kind,
    engine,
    description: `${engine}, ${plural(threads, 'thread')}`,
    threads,
    lanesPerVector: told.VL,
    apart: push !== undefined,
    clocked,
    room: room ?? Number.POSITIVE_INFINITY,
    little: little ?? 0,
    kernels: numbered(listed(kernels)),
    told,
    formulas: numbered(formulas),
  };
}

/** The line of so many bytes, which are now taken. */
function allocateIn(driver: Driver, space: Space, bytes: number): number {
  const lines = Math.max(1, Math.ceil(bytes / LINE));
  const line = space.take(lines);
  if (line !== undefined && driver.reach(line + lines)) return line;
  if (line !== undefined) space.give(line);
  return fail(
    `Not enough memory: ${inMegabytes(lines)} more are needed and the ${driver.kind} engine has ${inMegabytes(space.free())} left of ${inMegabytes(driver.limit)}; use a smaller batch or network.`,
  );
}

interface ViewType<View> {
  new (buffer: ArrayBufferLike, offset: number, length: number): View;
  BYTES_PER_ELEMENT: number;
}

function viewsOf(driver: Driver, alive: () => void): Pick<Machine, 'floats' | 'doubles' | 'ints' | 'bytes'> {
  const view = <View>(type: ViewType<View>, line: number, length: number): View => {
    alive();
    const { buffer, offset } = driver.buffer(line, length * type.BYTES_PER_ELEMENT);
    return new type(buffer, offset, length);
  };
  return {
    floats: (line, length) => view(Float32Array, line, length),
    doubles: (line, length) => view(Float64Array, line, length),
    ints: (line, length) => view(Int32Array, line, length),
    bytes: (line, length) => view(Uint8Array, line, length),
  };
}
