/**
 * Runs programs by WebAssembly: over one shared memory and with a thread per worker, or, where memory cannot be shared, over
 * a plain one and on the calling thread. Both grow. Views made before a shared memory grew stay valid; the growth of a plain
 * one empties them.
 */
import { type Driver, LINE, Unavailable } from '../driver.js';
import { hasRelaxedSimd, instance, type Kernels, type Post } from './module.js';

const PAGE = 65536;
/** Memory to start with, as the module asks (build-wasm.mjs), and the least to grow by: 4 and 16 MiB. */
const FIRST_PAGES = 64;
const STEP_PAGES = 256;
/** All that 32 bits can address, less a page, so that no address of an end wraps round to 0. */
const MOST_PAGES = 65535;
const STACK = 256 * 1024;
/** Of its memory, what activations may take: weights, and what else there is, need some. */
const ROOM_SHARE = 0.8;
/** A millisecond of work for one thread. */
const LITTLE = 4_000_000;

/** What the engine needs of where it runs. */
export interface Host {
  /** The bytes of the module: for a shared memory where there is `startThread`; with relaxed-simd or without. */
  read(relaxed: boolean): Promise<Uint8Array<ArrayBuffer>>;
  /** Whether relaxed-simd is used. Default: where the host has it. */
  relaxed?: boolean;
  /** Sets a plain memory aside whole, so that it never grows and views of it stay valid. Default false. */
  whole?: boolean;
  /** Waited for after each run on the calling thread. */
  breathe?(): Promise<void>;
  /** Starts a thread; `done` is called when it was the last to end a run, `failed` when it died. */
  startThread?(post: Post, done: () => void, failed: (error: Error) => void): Thread | Promise<Thread>;
}

export interface Thread {
  /** An idle thread keeps no process alive; one that is held does. */
  hold(): void;
  release(): void;
  end(): unknown;
}

/** How programs are run. */
type Runner = Pick<Driver, 'threads' | 'run' | 'close'>;

/** Opens a team of `threads`, or none without `host.startThread`; throws Unavailable where there is no WebAssembly with simd128. */
export async function openWasm(host: Host, threads = 1): Promise<Driver> {
  const shared = host.startThread !== undefined;
  const { module, vector } = await compile(host);
  const { memory, pages } = host.whole && !shared ? reserveWhole() : reserve(shared);
  const kernels = instance(module, memory);
  const stacks = Math.ceil(kernels.__heap_base.value / STACK) * STACK;
  const first = (stacks + (shared ? threads * STACK : 0)) / LINE;
  if (!reach(first)) throw new Unavailable('there is no memory for its threads');
  const post = (thread: number): Post => ({
    module,
    memory,
    stack: stacks + (thread + 1) * STACK,
    thread,
    threads,
  });
  const runner = host.startThread
    ? await team(host.startThread, post, kernels)
    : alone(kernels, host.breathe);

  function reach(end: number): boolean {
    const have = memory.buffer.byteLength / PAGE;
    const need = Math.ceil((end * LINE) / PAGE);
    if (need <= have) return true;
    try {
      memory.grow(Math.min(pages - have, Math.max(need - have, STEP_PAGES)));
      return need <= memory.buffer.byteLength / PAGE;
    } catch {
      return false;
    }
  }

  return {
    kind: 'wasm',
    vector,
    names: text(memory, kernels.names()),
    contract: text(memory, kernels.contract()),
    first,
    limit: (pages * PAGE) / LINE,
    room: ROOM_SHARE * pages * PAGE,
    little: LITTLE,
    reach,
    buffer: (line) => ({ buffer: memory.buffer, offset: line * LINE }),
    zero: (line, lines) => {
      const have = memory.buffer.byteLength - line * LINE;
      if (have > 0) new Uint8Array(memory.buffer, line * LINE, Math.min(have, lines * LINE)).fill(0);
    },
    runHere: (program) => kernels.run_here(0, program),
    ...runner,
  };
}

const alone = (kernels: Kernels, breathe?: Host['breathe']): Runner => ({
  threads: 1,
  async run(program) {
    kernels.run_here(0, program);
    await breathe?.();
  },
  close: async () => {},
});

async function team(
  start: NonNullable<Host['startThread']>,
  post: (thread: number) => Post,
  kernels: Kernels,
): Promise<Runner> {
  const { threads } = post(0);
  let current: { resolve: () => void; reject: (error: Error) => void } | undefined;
  let broken: Error | undefined;
  const members: Thread[] = [];
  const births = Array.from({ length: threads }, async (_, thread) => {
    members[thread] = await start(post(thread), done, failed);
  });
  for (const birth of await Promise.allSettled(births))
    if (birth.status === 'rejected') {
      endAll();
      throw birth.reason;
    }

  function done(): void {
    members[0].release();
    current?.resolve();
    current = undefined;
  }

  function failed(error: Error): void {
    broken ??= error;
    members[0]?.release();
    current?.reject(broken);
    current = undefined;
    // The others would wait for the dead one at its barrier for ever.
    endAll();
  }

  function endAll(): void {
    for (const thread of members) void thread?.end();
  }

  return {
    threads,
    run: (program, profile) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        current = { resolve, reject };
        members[0].hold();
        kernels.run(0, program, profile, threads);
      }),
    async close() {
      await Promise.all(members.map((thread) => thread.end()));
    },
  };
}

async function compile(host: Host): Promise<{ module: WebAssembly.Module; vector: string }> {
  const relaxed = host.relaxed ?? hasRelaxedSimd();
  const bytes = await host.read(relaxed);
  if (!WebAssembly.validate(bytes))
    throw new Unavailable(
      `this host has no WebAssembly with simd128${host.startThread ? ' and threads' : ''}`,
    );
  return { module: await WebAssembly.compile(bytes), vector: relaxed ? 'relaxed-simd' : 'simd128' };
}

/** The greatest memory, up to 4 GiB, that the host will set aside room for. */
function reserve(shared: boolean): { memory: WebAssembly.Memory; pages: number } {
  for (let pages = MOST_PAGES; pages > FIRST_PAGES; pages = Math.floor(pages / 2)) {
    try {
      return { memory: new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: pages, shared }), pages };
    } catch {}
  }
  throw new Unavailable('there is no memory for it');
}

/** Pages of a memory that is set aside whole: 2 GiB, or what the host has. They cost nothing before they are used. */
const WHOLE_PAGES = 32768;

function reserveWhole(): { memory: WebAssembly.Memory; pages: number } {
  for (let pages = WHOLE_PAGES; pages > FIRST_PAGES; pages = Math.floor(pages / 2)) {
    try {
      return { memory: new WebAssembly.Memory({ initial: pages, maximum: MOST_PAGES }), pages };
    } catch {}
  }
  throw new Unavailable('there is no memory for it');
}

/** The bytes from `address` up to a zero, as text. */
function text(memory: WebAssembly.Memory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
