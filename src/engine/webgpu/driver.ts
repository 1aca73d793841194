/**
 * Runs programs on a GPU by WebGPU. The host sees a mirror of the device's memory, of which it pushes what it wrote and pulls what
 * it wants to read. A program becomes a list of dispatches when it first runs (translate.ts); a run is one submission.
 */
import { fail } from '../../base/index.js';
import { type Driver, LINE, Unavailable } from '../driver.js';
import { CONTRACT } from '../lowering/contract.js';
import type { WebGpuOptions } from './options.js';
import { PARAMETER_WORDS } from './shader.js';
import { kernelNames, type Placed, programLength, TOLD, translate } from './translate.js';

/** The flags of WebGPU, which Node does not define. */
const USE = {
  MAP_READ: 1,
  MAP_WRITE: 2,
  COPY_SRC: 4,
  COPY_DST: 8,
  UNIFORM: 64,
  STORAGE: 128,
  QUERY_RESOLVE: 512,
};
const COMPUTE = 4;
const READ = 1;
const WRITE = 2;

/** Memory to start with. */
const FIRST_LINES = (16 * 2 ** 20) / LINE;
/** Lines that are never given out. */
const RESERVED_LINES = 64;
/** Share of the memory that activations may take. */
export const ROOM = 0.7;
/** What the host's mirror may be, at most: an ArrayBuffer has no more. */
const MOST_MIRROR = 2 ** 32;
/** Pieces of the mirror of which is known whether they were ever looked at. */
const PIECE = 2 ** 20;
/** Bytes of a piece of parameters. */
const PARAMETER_BYTES = PARAMETER_WORDS * 4;
/** Bytes from which on a push goes by a mapped buffer, and of buffers that are kept for it: how many, and how large. */
const LARGE_PUSH = 65536;
const MOST_MAPPED = 4;
const MOST_KEPT = 2 ** 26;
/** Dispatches whose times are taken at once, at most. */
const MOST_TIMED = 2048;

interface Ready {
  words: Int32Array;
  dispatches: readonly (Placed & { pipeline: GPUComputePipeline })[];
  parameters: GPUBuffer;
  tables: GPUBuffer;
  scratch: GPUBuffer;
  /** Made for the memory as it was when it had grown so often. */
  group?: { growth: number; made: GPUBindGroup };
}

interface Pull {
  line: number;
  words: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Instances of Dawn whose devices are in use. What is reachable from no closure is collected, and a device whose instance is gone ends
 * the process.
 */
const alive = new Set<GPU>();

/** Opens the GPU; throws Unavailable where there is none. */
export async function openWebGpu(
  gpu: GPU,
  { timed = false, subgroups = true }: WebGpuOptions = {},
): Promise<Driver> {
  const { device, adapter, lanes } = await openDevice(gpu);
  const clocked = timed && device.features.has('timestamp-query');
  const { limits, queue } = device;
  const mirror = reserve(Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, MOST_MIRROR));
  const limit = Math.floor(mirror.byteLength / LINE);
  alive.add(gpu);
  void device.lost.then(() => alive.delete(gpu));
  const looked = new Set<number>();
  let failure: Error | undefined;
  let closing = false;
  let capacity = Math.min(FIRST_LINES, limit);
  let growth = 0;
  let memory = buffer(capacity * LINE, USE.STORAGE | USE.COPY_SRC | USE.COPY_DST);
  const programs = new Map<number, Ready>();
  const pipelines = new Map<string, Promise<GPUComputePipeline>>();
  const staging: GPUBuffer[] = [];
  const mapped: GPUBuffer[] = [];
  let asked: Pull[] = [];
  let timing: Promise<void> = Promise.resolve();

  const bindings = device.createBindGroupLayout({
    entries: [
      { binding: 0, visibility: COMPUTE, buffer: { type: 'storage' } },
      {
        binding: 1,
        visibility: COMPUTE,
        buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: PARAMETER_BYTES },
      },
      { binding: 2, visibility: COMPUTE, buffer: { type: 'read-only-storage' } },
      { binding: 3, visibility: COMPUTE, buffer: { type: 'storage' } },
    ],
  });
  const layout = device.createPipelineLayout({ bindGroupLayouts: [bindings] });

  void device.lost.then(({ message }) => {
    if (!closing) failure ??= lost(message);
  });
  device.addEventListener('uncapturederror', (event) => {
    failure ??= new Error(`The GPU refused its work: ${(event as GPUUncapturedErrorEvent).error.message}`);
  });

  function lost(message: string): Error {
    try {
      return fail(
        `The GPU was lost (${message.trim() || 'no reason is given'}); start again: a run goes on from its last checkpoint.`,
      );
    } catch (error) {
      return error as Error;
    }
  }

  /** A buffer; where the device has no memory for it, the next run says so. */
  function buffer(size: number, usage: number): GPUBuffer {
    device.pushErrorScope('out-of-memory');
    const made = device.createBuffer({ size, usage });
    void device.popErrorScope().then(
      (error) => {
        if (!error || failure) return;
        try {
          fail(`The GPU has no ${Math.ceil(size / 1e6)} MB of memory left; take a smaller batch or network.`);
        } catch (sentence) {
          failure = sentence as Error;
        }
      },
      () => {},
    );
    return made;
  }

  const view = (line: number) => new Int32Array(mirror, line * LINE);

  function reach(end: number): boolean {
    if (end <= capacity) return true;
    if (end > limit) return false;
    const before = memory;
    const bytes = capacity * LINE;
    capacity = Math.min(limit, Math.max(end, Math.ceil(capacity * 1.5)));
    memory = buffer(capacity * LINE, USE.STORAGE | USE.COPY_SRC | USE.COPY_DST);
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(before, 0, memory, 0, bytes);
    queue.submit([encoder.finish()]);
    before.destroy();
    growth++;
    return true;
  }

  /** The pipeline of a shader, of which equal ones are made once. */
  function pipelineOf(code: string): Promise<GPUComputePipeline> {
    const known = pipelines.get(code);
    if (known) return known;
    const compute = { module: device.createShaderModule({ code }), entryPoint: 'main' };
    const made = device.createComputePipelineAsync({ layout, compute });
    pipelines.set(code, made);
    return made;
  }

  function filled(data: Int32Array<ArrayBuffer>, usage: number): GPUBuffer {
    const made = buffer(data.byteLength, usage | USE.COPY_DST);
    queue.writeBuffer(made, 0, data);
    return made;
  }

  /** The program at a line as dispatches: as it was last, where its words are the same. */
  async function ready(program: number): Promise<Ready> {
    const live = view(program);
    const words = live.subarray(0, programLength(live));
    const known = programs.get(program);
    if (known && same(known.words, words)) return known;
    if (known) forget(program);
    const { dispatches, tables, scratch } = translate(words, {
      memory: view,
      threads: limits.maxComputeInvocationsPerWorkgroup,
      subgroup: subgroups ? lanes : undefined,
    });
    const made = await Promise.all(
      dispatches.map(async (d) => ({ ...d, pipeline: await pipelineOf(d.code) })),
    );
    const parameters = new Int32Array(Math.max(1, made.length) * PARAMETER_WORDS);
    for (const [i, d] of made.entries()) parameters.set(d.parameters, i * PARAMETER_WORDS);
    const one: Ready = {
      words: words.slice(),
      dispatches: made,
      parameters: filled(parameters, USE.UNIFORM),
      tables: filled(tables as Int32Array<ArrayBuffer>, USE.STORAGE),
      scratch: buffer(Math.max(16, scratch), USE.STORAGE),
    };
    programs.set(program, one);
    return one;
  }

  function forget(program: number): void {
    const known = programs.get(program);
    if (!known) return;
    for (const own of [known.parameters, known.tables, known.scratch]) own.destroy();
    programs.delete(program);
  }

  function groupOf(one: Ready): GPUBindGroup {
    if (one.group?.growth === growth) return one.group.made;
    const made = device.createBindGroup({
      layout: bindings,
      entries: [
        { binding: 0, resource: { buffer: memory } },
        { binding: 1, resource: { buffer: one.parameters, size: PARAMETER_BYTES } },
        { binding: 2, resource: { buffer: one.tables } },
        { binding: 3, resource: { buffer: one.scratch } },
      ],
    });
    one.group = { growth, made };
    return made;
  }

  async function run(program: number, profile: number): Promise<void> {
    const one = await ready(program);
    if (failure) throw failure;
    flushPulls();
    const group = groupOf(one);
    const encoder = device.createCommandEncoder();
    if (clocked && profile) return runTimed(one, group, encoder, profile);
    const pass = encoder.beginComputePass();
    let last: GPUComputePipeline | undefined;
    for (const [i, { pipeline, grid }] of one.dispatches.entries()) {
      if (pipeline !== last) pass.setPipeline(pipeline);
      last = pipeline;
      pass.setBindGroup(0, group, [i * PARAMETER_BYTES]);
      pass.dispatchWorkgroups(...grid);
    }
    pass.end();
    queue.submit([encoder.finish()]);
  }

  /** The same with a pass for each dispatch, whose times are added to the profile. */
  function runTimed(one: Ready, group: GPUBindGroup, encoder: GPUCommandEncoder, profile: number): void {
    const count = Math.min(one.dispatches.length, MOST_TIMED);
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * count });
    for (const [i, { pipeline, grid }] of one.dispatches.entries()) {
      const timestampWrites =
        i < count
          ? { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 }
          : undefined;
      const pass = encoder.beginComputePass({ timestampWrites });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group, [i * PARAMETER_BYTES]);
      pass.dispatchWorkgroups(...grid);
      pass.end();
    }
    const resolved = buffer(16 * count, USE.QUERY_RESOLVE | USE.COPY_SRC);
    const read = buffer(16 * count, USE.MAP_READ | USE.COPY_DST);
    encoder.resolveQuerySet(querySet, 0, 2 * count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, 16 * count);
    queue.submit([encoder.finish()]);
    const steps = one.words[0];
    timing = timing.then(async () => {
      await read.mapAsync(READ);
      const times = new BigInt64Array(read.getMappedRange());
      const totals = new Float64Array(mirror, profile * LINE, steps + 1);
      for (let i = 0; i < count; i++)
        totals[one.dispatches[i].step] += Number(times[2 * i + 1] - times[2 * i]);
      totals[steps] += Number(times[2 * count - 1] - times[0]);
      for (const own of [querySet, resolved, read]) own.destroy();
    });
    timing.catch(() => {});
  }

  /** The same by a buffer that is mapped already, which is faster than `writeBuffer`. */
  function pushLarge(line: number, bytes: number): void {
    const at = mapped.findIndex(({ size }) => size >= bytes);
    const stage =
      at < 0
        ? device.createBuffer({ size: bytes, usage: USE.MAP_WRITE | USE.COPY_SRC, mappedAtCreation: true })
        : mapped.splice(at, 1)[0];
    new Uint8Array(stage.getMappedRange(0, bytes)).set(new Uint8Array(mirror, line * LINE, bytes));
    stage.unmap();
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(stage, 0, memory, line * LINE, bytes);
    queue.submit([encoder.finish()]);
    if (mapped.length >= MOST_MAPPED || bytes > MOST_KEPT) stage.destroy();
    else
      stage.mapAsync(WRITE).then(
        () => mapped.push(stage),
        () => {},
      );
  }

  function pull(line: number, words: number): Promise<void> {
    if (asked.length === 0) queueMicrotask(flushPulls);
    return new Promise((resolve, reject) => asked.push({ line, words, resolve, reject }));
  }

  /** Copies what was asked for together, as the memory is now. */
  function flushPulls(): void {
    if (asked.length === 0) return;
    const pulls = asked;
    asked = [];
    const bytes = pulls.reduce((sum, { words }) => sum + words * 4, 0);
    const at = staging.findIndex(({ size }) => size >= bytes);
    const stage =
      at < 0
        ? buffer(2 ** Math.ceil(Math.log2(Math.max(256, bytes))), USE.MAP_READ | USE.COPY_DST)
        : staging.splice(at, 1)[0];
    const encoder = device.createCommandEncoder();
    let to = 0;
    for (const { line, words } of pulls) {
      if (words > 0) encoder.copyBufferToBuffer(memory, line * LINE, stage, to, words * 4);
      to += words * 4;
    }
    queue.submit([encoder.finish()]);
    void answer(pulls, stage, bytes);
  }

  async function answer(pulls: readonly Pull[], stage: GPUBuffer, bytes: number): Promise<void> {
    try {
      if (bytes > 0) await stage.mapAsync(READ, 0, bytes);
      await timing;
      if (failure) throw failure;
      const data = bytes > 0 ? new Int32Array(stage.getMappedRange(0, bytes)) : new Int32Array(0);
      let from = 0;
      for (const { line, words } of pulls) {
        look(line, words * 4);
        new Int32Array(mirror, line * LINE, words).set(data.subarray(from, from + words));
        from += words;
      }
      if (bytes > 0) stage.unmap();
      staging.push(stage);
      for (const { resolve } of pulls) resolve();
    } catch (error) {
      for (const { reject } of pulls) reject(failure ?? error);
    }
  }

  /** Notes that the host has seen, and may have written, so much of the mirror. */
  function look(line: number, bytes: number): void {
    for (let piece = Math.floor((line * LINE) / PIECE); piece * PIECE < line * LINE + bytes; piece++)
      looked.add(piece);
  }

  return {
    kind: 'webgpu',
    vector: adapter,
    names: `${kernelNames.map((name) => `${name},`).join('')}\n${TOLD}`,
    contract: CONTRACT,
    threads: 1,
    clocked,
    first: RESERVED_LINES,
    limit,
    room: limit * LINE * ROOM,
    reach,
    buffer(line, bytes) {
      look(line, bytes);
      return { buffer: mirror, offset: line * LINE };
    },
    zero(line, lines) {
      flushPulls();
      for (const program of programs.keys()) if (program >= line && program < line + lines) forget(program);
      const encoder = device.createCommandEncoder();
      const end = Math.min(line + lines, capacity);
      if (end > line) encoder.clearBuffer(memory, line * LINE, (end - line) * LINE);
      queue.submit([encoder.finish()]);
      const [from, to] = [line * LINE, (line + lines) * LINE];
      for (const piece of looked) {
        const [begin, finish] = [Math.max(from, piece * PIECE), Math.min(to, (piece + 1) * PIECE)];
        if (begin < finish) new Uint8Array(mirror, begin, finish - begin).fill(0);
      }
    },
    pull,
    push(line, words) {
      flushPulls();
      if (words * 4 >= LARGE_PUSH) return pushLarge(line, words * 4);
      if (words > 0) queue.writeBuffer(memory, line * LINE, mirror, line * LINE, words * 4);
    },
    run,
    runHere() {
      throw new Error('A GPU runs nothing on the calling thread');
    },
    async close() {
      closing = true;
      device.destroy();
    },
  };
}

/** The GPU that programs run on; throws Unavailable where there is none. */
export async function requestAdapter(gpu: GPU): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Unavailable('there is no GPU that WebGPU can use');
  return adapter;
}

/** What an adapter is called; browsers tell less of it than Node. */
export const nameOf = ({ info: { device, description, architecture, vendor } }: GPUAdapter): string =>
  device || description || [vendor, architecture].filter(Boolean).join(' ') || 'GPU';

/** A device with all that the adapter has of what the engine may use. */
async function openDevice(gpu: GPU): Promise<{ device: GPUDevice; adapter: string; lanes?: number }> {
  const adapter = await requestAdapter(gpu);
  const {
    maxBufferSize,
    maxStorageBufferBindingSize,
    maxComputeInvocationsPerWorkgroup,
    maxComputeWorkgroupSizeX,
    maxComputeWorkgroupStorageSize,
  } = adapter.limits;
  const features = (['timestamp-query', 'subgroups', 'shader-f16'] as GPUFeatureName[]).filter((name) =>
    adapter.features.has(name),
  );
  const device = await adapter.requestDevice({
    requiredFeatures: features,
    requiredLimits: {
      maxBufferSize,
      maxStorageBufferBindingSize,
      maxComputeInvocationsPerWorkgroup,
      maxComputeWorkgroupSizeX,
      maxComputeWorkgroupStorageSize,
    },
  });
  const { subgroupMinSize = 1 } = adapter.info;
  const lanes = device.features.has('subgroups') && subgroupMinSize > 1 ? subgroupMinSize : undefined;
  return { device, adapter: nameOf(adapter), lanes };
}

/** The greatest mirror up to so many bytes that the host sets aside; pages that are never touched cost nothing. */
function reserve(most: number): ArrayBuffer {
  for (
    let bytes = Math.floor(most / PIECE) * PIECE;
    bytes >= FIRST_LINES * LINE;
    bytes = Math.floor(bytes / 2)
  ) {
    try {
      return new ArrayBuffer(bytes);
    } catch {}
  }
  throw new Unavailable('there is no memory for its mirror');
}

function same(a: Int32Array, b: Int32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
