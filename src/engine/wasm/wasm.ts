/**
 * Runs programs by WebAssembly: one shared memory that grows, and a thread per worker. Views made before the memory
 * grew stay valid, since growing a shared memory moves nothing.
 */
import { type Driver, LINE, Unavailable } from '../driver.js';
import { readModule, startThread } from './host.js';
import { imports, type Kernels } from './instance.js';

const PAGE = 65536;
/** Memory to start with, as the module asks (build-wasm.mjs), and the least to grow by: 4 and 16 MiB. */
const FIRST_PAGES = 64;
const STEP_PAGES = 256;
/** All that 32 bits can address, less a page, so that no address of an end wraps round to 0. */
const MOST_PAGES = 65535;
const STACK = 256 * 1024;

/** Opens a team of `threads`; throws Unavailable where the host has no WebAssembly with threads and simd128. */
export async function openWasm(threads: number): Promise<Driver> {
  const { module, vector } = await compile();
  const { memory, pages } = reserve();
  const kernels = new WebAssembly.Instance(
    module,
    imports(memory, () => {}),
  ).exports as unknown as Kernels;
  const stacks = Math.ceil(kernels.__heap_base.value / STACK) * STACK;
  const first = (stacks + threads * STACK) / LINE;
  if (!reach(first)) throw new Unavailable('there is no memory for its threads');

  let current: { resolve: () => void; reject: (error: Error) => void } | undefined;
  let broken: Error | undefined;
  const team = Array.from({ length: threads }, (_, thread) =>
    startThread({ module, memory, stack: stacks + (thread + 1) * STACK, thread, threads }, done, failed),
  );

  function done(): void {
    team[0].release();
    current?.resolve();
    current = undefined;
  }

  function failed(error: Error): void {
    broken ??= error;
    team[0].release();
    current?.reject(broken);
    current = undefined;
    // The others would wait for the dead one at its barrier for ever.
    for (const thread of team) void thread.end();
  }

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
    lanes: kernels.lanes(),
    names: text(memory, kernels.names()),
    threads,
    first,
    limit: (pages * PAGE) / LINE,
    reach,
    buffer: (line) => ({ buffer: memory.buffer, offset: line * LINE }),
    zero: (line, lines) => {
      const have = memory.buffer.byteLength - line * LINE;
      if (have > 0) new Uint8Array(memory.buffer, line * LINE, Math.min(have, lines * LINE)).fill(0);
    },
    run: (program, profile) =>
      new Promise((resolve, reject) => {
        if (broken) return reject(broken);
        current = { resolve, reject };
        team[0].hold();
        kernels.run(0, program, profile, threads);
      }),
    runHere: (program) => kernels.run_here(0, program),
    async close() {
      await Promise.all(team.map((thread) => thread.end()));
    },
  };
}

/** Of the two modules the one that this host can run faster: with fused multiply-add where it knows relaxed-simd. */
async function compile(): Promise<{ module: WebAssembly.Module; vector: string }> {
  const candidates = [
    ['espalier-relaxed', 'relaxed-simd'],
    ['espalier', 'simd128'],
  ];
  for (const [name, vector] of candidates) {
    const bytes = await readModule(name).catch(() => {
      throw new Unavailable(`its file ${name}.wasm is missing`);
    });
    if (WebAssembly.validate(bytes)) return { module: await WebAssembly.compile(bytes), vector };
  }
  throw new Unavailable('this host has no WebAssembly with simd128 and threads');
}

/** The greatest memory, up to 4 GiB, that the host will set aside room for. */
function reserve(): { memory: WebAssembly.Memory; pages: number } {
  for (let pages = MOST_PAGES; pages > FIRST_PAGES; pages = Math.floor(pages / 2)) {
    try {
      const memory = new WebAssembly.Memory({ initial: FIRST_PAGES, maximum: pages, shared: true });
      return { memory, pages };
    } catch {}
  }
  throw new Unavailable('there is no memory for it');
}

/** The bytes from `address` up to a zero, as text. */
function text(memory: WebAssembly.Memory, address: number): string {
  const bytes = new Uint8Array(memory.buffer, address);
  return String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0)));
}
