/** From a core graph to a program in a machine's memory. */
import type { Type } from '../graph/core.js';
import { needed } from '../graph/needed.js';
import type { Tape } from '../graph/tape.js';
import { floats, sizeOf } from '../onnx/tensor.js';
import { chooseWays } from './choice.js';
import { LINE } from './driver.js';
import { assemble } from './lowering/assemble.js';
import { callsTo } from './lowering/calls.js';
import { NO_BARRIER, STEP } from './lowering/contract.js';
import { fuse } from './lowering/fuse.js';
import type { Layout } from './lowering/layout.js';
import { lower } from './lowering/lower.js';
import { lowerCopy } from './lowering/map.js';
import { type Buffer, LANES, type Place, wholePlace } from './lowering/place.js';
import { linesOf, planMemory } from './lowering/plan.js';
import type { Choice, Lowering, Step } from './lowering/steps.js';
import { type Machine, profileStride } from './machine.js';
import type { StepTime } from './types.js';

export interface CompileOptions {
  machine: Machine;
  tape: Tape;
  /** The most samples of a run. */
  batch: number;
  /** Values to be read after a run. */
  outputs: readonly string[];
  /** Places of values that are in memory already: parameters, running statistics. */
  places: ReadonlyMap<string, Place>;
  /** Memory for certain values: gradients. */
  destined?: ReadonlyMap<string, Place>;
  /** The masks of the weights whose gradients these are. */
  masks?: ReadonlyMap<string, Place>;
  /** Of further gradients: values that are 0 where the gradient is of no use. */
  patterns?: ReadonlyMap<string, string>;
  /** Values of the tape's inputs, written before every run. */
  inputs: readonly string[];
  /** Nodes from this one on are gradients: lanes beyond the valid samples stay 0 there. */
  backwardFrom?: number;
  /** Most bytes of memory; beyond it `undefined` is returned. */
  memory?: number;
}

export interface Program {
  readonly batch: number;
  /** Bytes of activations and scratch. */
  readonly peakBytes: number;
  /** Writes samples, dense and sample first, into an input. */
  write(name: string, data: ArrayLike<number>, count: number): void;
  /** Reads an output: dense, sample first where it differs from sample to sample. */
  read(name: string, count: number): Float32Array;
  /** The same with all lanes side by side, as they are computed: block by block, a line for each element. */
  writeLines(name: string, lines: Float32Array): void;
  readLines(name: string): Float32Array;
  /**
   * Runs with `count` valid samples out of `whole` (the batch that this run is a part of); with the gradients of `every`
   * weight, or 0 for those of pruned ones.
   */
  run(
    count: number,
    options?: { whole?: number; seed?: number; step?: number; every?: boolean },
  ): Promise<void>;
  /** Nanoseconds by kernel over all runs, summed over threads; 'wait' is what they stood still. */
  profile(): Map<string, number>;
  /** What it was made of. */
  readonly layout: Layout;
  /** The steps of a run, in their order, with the nanoseconds that each took over all runs, summed over threads. */
  steps(): StepTime[];
  close(): void;
}

/** Compiles the nodes that `outputs` and `destined` need. @returns undefined when it needs more than `memory` bytes. */
export function compile(o: CompileOptions): Program | undefined {
  const { machine, tape } = o;
  const blocks = Math.ceil(o.batch / LANES);
  const lines: number[] = [];
  const take = (bytes: number): number => {
    const line = machine.allocate(bytes);
    lines.push(line);
    return line;
  };
  const fixed = (floatsOf: number): Buffer => ({ laned: false, size: floatsOf, fixed: take(floatsOf * 4) });
  const valid = fixed(1);
  const whole = fixed(1);
  const every = fixed(1);
  const seed = fixed(2);
  const steps: Step[] = [];
  const l: Lowering = {
    machine,
    blocks,
    valid,
    whole,
    every,
    seed,
    steps,
    call: callsTo({
      told: machine.told,
      step: (kernel, items, words) => steps.push({ kernel, items, words }),
      scratch: (n) => ({ laned: false, size: n * LANES * machine.threads }),
    }),
    either(options, ways, instead) {
      const choice: Choice = { ...options, counts: [] };
      const record = (way: number, emit: () => void) => {
        const before = steps.length;
        emit();
        for (const step of steps.slice(before)) step.way ??= { choice, way };
      };
      for (const [way, { counts, emit }] of ways.entries()) {
        choice.counts.push(fixed(counts));
        record(way, () => emit(choice.counts[way]));
      }
      if (instead) record(INSTEAD, instead);
    },
    table: tables(machine, fixed),
  };
  const places = new Map<string, Place>(o.places);
  for (const name of o.inputs) {
    const place = inputPlace(tape.type(name));
    places.set(name, place);
  }
  const place = (name: string): Place => {
    const found = places.get(name);
    if (found) return found;
    const { constant } = tape.type(name);
    if (!constant) throw new Error(`The value '${name}' has no place yet`);
    const made = wholePlace(l.table(floats(constant)), constant.shape);
    places.set(name, made);
    return made;
  };
  const wanted = new Set([...o.outputs, ...(o.destined?.keys() ?? []), ...(o.patterns?.values() ?? [])]);
  const nodes = needed(tape.nodes, wanted);
  const backward = new Set(tape.nodes.slice(o.backwardFrom ?? tape.nodes.length).flatMap((n) => n.outputs));
  const units = fuse(nodes, tape.type, wanted);
  lower(l, units, {
    type: tape.type,
    place,
    put: (name, p) => places.set(name, p),
    destined: (name) => o.destined?.get(name),
    mask: (name) => o.masks?.get(name) ?? (o.patterns?.has(name) ? place(o.patterns.get(name)!) : undefined),
    masked: (name) => backward.has(name),
  });
  for (const [name, p] of o.destined ?? []) settle(l, place(name), p);
  const kept = o.outputs.map((name) => place(name).buffer);
  for (const buffer of kept) buffer.kept = true;

  const plan = planMemory(steps, blocks, kept);
  const free = () => {
    for (const line of lines) machine.free(line);
  };
  if (o.memory !== undefined && plan.lines * LINE > o.memory) {
    free();
    return undefined;
  }
  const base = take(Math.max(1, plan.lines) * LINE);
  const { words, at } = assemble(machine, steps, plan, base);
  const program = take(words.byteLength);
  machine.ints(program, words.length).set(words);
  const profile = take(profileStride(steps.length) * LINE * machine.threads);
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const guide = guideOf(machine, steps, machine.ints(program, words.length), at, profile);
  const address = (b: Buffer) => b.fixed ?? base + (plan.offsets.get(b) ?? 0);
  return {
    batch: o.batch,
    peakBytes: plan.lines * LINE,
    write(name, data, count) {
      const { buffer } = places.get(name)!;
      if (buffer.fixed === undefined && !plan.offsets.has(buffer)) return;
      lanesOf(machine.floats(address(buffer), buffer.size * blocks * LANES), buffer.size, data, count);
    },
    writeLines(name, lines) {
      const { buffer } = places.get(name)!;
      if (buffer.fixed === undefined && !plan.offsets.has(buffer)) return;
      machine.floats(address(buffer), buffer.size * blocks * LANES).set(lines);
    },
    readLines(name) {
      const p = place(name);
      return linesAt(machine.floats(address(p.buffer), p.buffer.size * blocks * LANES), p, blocks);
    },
    read(name, count) {
      const p = place(name);
      const size = p.buffer.laned ? p.buffer.size * blocks * LANES : p.buffer.size;
      return readPlace(machine.floats(address(p.buffer), size), p, count);
    },
    async run(count, { whole: all = count, seed: key = 0, step = 0, every: whether = true } = {}) {
      machine.floats(valid.fixed!, 1)[0] = count;
      machine.floats(whole.fixed!, 1)[0] = all;
      machine.ints(seed.fixed!, 2).set([key | 0, step | 0]);
      machine.ints(every.fixed!, 1)[0] = whether ? 1 : 0;
      guide.set(whether);
      await machine.run(program, profile);
      guide.learn();
    },
    layout: { nodes, units, places, steps, offsets: plan.offsets },
    profile: () => profileOf(machine, steps, profile),
    steps() {
      const taken = (i: number) => machine.ints(program, words.length)[at[i] + STEP.items] > 0;
      return timesOf(machine, steps, profile).map((time, i) => {
        const { kernel, makes } = steps[i];
        const node = makes === undefined ? undefined : makers.get(makes);
        const gradient = makes !== undefined && backward.has(makes);
        const bytes = bytesTouched(steps[i], blocks);
        return { kernel, makes, layer: node?.layer, op: node?.op, gradient, time, bytes, taken: taken(i) };
      });
    },
    close: free,
  };
}

const inputPlace = (type: Type): Place => {
  const size = sizeOf(type.shape);
  return wholePlace({ laned: type.laned, size, given: true }, type.shape);
};

/** A value that was there before its destination was known (a parameter's gradient that is another's, say) is copied. */
function settle(l: Lowering, from: Place, to: Place): void {
  if (from.buffer !== to.buffer) lowerCopy(l, from, to);
}

/** Tables in memory, each content once. */
function tables(machine: Machine, fixed: (size: number) => Buffer): Lowering['table'] {
  const known = new Map<string, { data: Int32Array | Float32Array; buffer: Buffer }[]>();
  return (data) => {
    const key = `${data instanceof Int32Array}${data.length}:${data.slice(0, 8)}`;
    const same = known.get(key)?.find((k) => k.data.every((x, i) => Object.is(x, data[i])));
    if (same) return same.buffer;
    const buffer = fixed(Math.max(1, data.length));
    if (data instanceof Int32Array) machine.ints(buffer.fixed!, data.length).set(data);
    else machine.floats(buffer.fixed!, data.length).set(data);
    known.set(key, [...(known.get(key) ?? []), { data, buffer }]);
    return buffer;
  };
}

/** Samples into lanes. Lanes without a sample repeat the first, so that they compute with sound numbers. */
export function lanesOf(memory: Float32Array, size: number, data: ArrayLike<number>, count: number): void {
  const lanes = memory.length / size;
  for (let lane = 0; lane < lanes; lane++) {
    const from = (lane < count ? lane : 0) * size;
    const to = Math.floor(lane / LANES) * size * LANES + (lane % LANES);
    for (let i = 0; i < size; i++) memory[to + i * LANES] = data[from + i];
  }
}

/** Where in its buffer each element of a place lies, row-major. */
function offsetsOf(p: Place): Int32Array {
  const offsets = new Int32Array(sizeOf(p.shape));
  const index = p.shape.map(() => 0);
  for (let i = 0, at = p.offset; i < offsets.length; i++) {
    offsets[i] = at;
    for (let axis = p.shape.length - 1; axis >= 0; axis--) {
      at += p.strides[axis];
      if (++index[axis] < p.shape[axis]) break;
      at -= p.strides[axis] * p.shape[axis];
      index[axis] = 0;
    }
  }
  return offsets;
}

/** The lines of a laned place, in stretches that lie side by side. */
function linesAt(memory: Float32Array, p: Place, blocks: number): Float32Array {
  const offsets = offsetsOf(p);
  const size = offsets.length;
  const lines = new Float32Array(blocks * size * LANES);
  for (let from = 0; from < size; ) {
    let to = from + 1;
    while (to < size && offsets[to] === offsets[from] + to - from) to++;
    for (let block = 0; block < blocks; block++) {
      const at = (block * p.buffer.size + offsets[from]) * LANES;
      lines.set(memory.subarray(at, at + (to - from) * LANES), (block * size + from) * LANES);
    }
    from = to;
  }
  return lines;
}

function readPlace(memory: Float32Array, p: Place, count: number): Float32Array {
  const offsets = offsetsOf(p);
  const size = offsets.length;
  if (!p.buffer.laned) return Float32Array.from(offsets, (at) => memory[at]);
  const result = new Float32Array(size * count);
  for (let n = 0; n < count; n++) {
    const lane = Math.floor(n / LANES) * p.buffer.size * LANES + (n % LANES);
    for (let i = 0; i < size; i++) result[n * size + i] = memory[lane + offsets[i] * LANES];
  }
  return result;
}

/** The number of the way that is taken by the weights alone. */
const INSTEAD = 2;
/** How many of the weights are looked at to tell how many are not 0. */
const LOOKS = 1024;

/** The share of the floats at a place that are not 0, from looks at equal distances. */
function densityOf(machine: Machine, { buffer, offset, shape }: Place): () => number {
  const size = sizeOf(shape);
  const values = machine.floats(buffer.fixed!, offset + size).subarray(offset);
  const looks = Math.min(LOOKS, size);
  return () => {
    let found = 0;
    for (let i = 0; i < looks; i++) if (values[Math.floor(((i + 0.5) * size) / looks)] !== 0) found++;
    return found / looks;
  };
}

/** Sets a program to the ways that its choices take, and learns from the clock. */
function guideOf(
  machine: Machine,
  steps: readonly Step[],
  words: Int32Array,
  at: readonly number[],
  profile: number,
) {
  const stride = profileStride(steps.length);
  const times = Array.from({ length: machine.threads }, (_, t) =>
    machine.doubles(profile + t * stride, steps.length),
  );
  const timeOf = (own: readonly number[]) => {
    let total = 0;
    for (const view of times) for (const i of own) total += view[i];
    return total;
  };
  const owned = new Map<Choice, { way: number; step: number }[]>();
  steps.forEach(({ way }, step) => {
    if (!way) return;
    const own = owned.get(way.choice);
    if (own) own.push({ way: way.way, step });
    else owned.set(way.choice, [{ way: way.way, step }]);
  });
  const guides = [...owned].map(([choice, all]) => {
    const counts: (Int32Array | undefined)[] = choice.counts.map((c) => machine.ints(c.fixed!, c.size));
    if (choice.instead) counts[INSTEAD] = undefined;
    const ways = counts.map((own, way) => ({
      counts: own,
      steps: all.flatMap((one) => (one.way === way ? [one.step] : [])),
      spent: 0,
    }));
    const density = choice.instead && densityOf(machine, choice.instead.weights);
    const instead = () => density !== undefined && density() >= choice.instead!.density;
    return {
      ...choice,
      ways,
      instead,
      chooser: chooseWays(choice.weights, machine.sparse),
      taken: -1,
      free: true,
    };
  });
  return {
    set(every: boolean) {
      for (const guide of guides) {
        const instead = guide.instead();
        guide.free = !instead && !(guide.gradient && every);
        const way = instead ? INSTEAD : guide.free ? guide.chooser.next() : 0;
        if (way === guide.taken) continue;
        guide.taken = way;
        for (const [w, own] of guide.ways.entries())
          for (const i of own.steps) {
            words[at[i] + STEP.items] = w === way ? steps[i].items : 0;
            words[at[i] + STEP.flags] = w === way ? 0 : NO_BARRIER;
          }
      }
    },
    learn() {
      for (const guide of guides) {
        const own = guide.ways[guide.taken];
        const spent = timeOf(own.steps);
        if (guide.free) guide.chooser.took(spent - own.spent, sum(own.counts!));
        own.spent = spent;
      }
    },
  };
}

const sum = (numbers: Int32Array): number => {
  let total = 0;
  for (const x of numbers) total += x;
  return total;
};

/** Nanoseconds of each step over all runs, summed over threads. */
function timesOf(machine: Machine, steps: readonly Step[], line: number): number[] {
  const stride = profileStride(steps.length);
  const views = Array.from({ length: machine.threads }, (_, t) =>
    machine.doubles(line + t * stride, steps.length),
  );
  return steps.map((_, i) => views.reduce((sum, view) => sum + view[i], 0));
}

/** Bytes of the buffers that a step reads or writes, each counted once. */
function bytesTouched({ words }: Step, blocks: number): number {
  const buffers = new Set(
    words.flatMap((word) => (typeof word === 'object' && 'buffer' in word ? [word.buffer] : [])),
  );
  return [...buffers].reduce((sum, buffer) => sum + linesOf(buffer, blocks) * LINE, 0);
}

function profileOf(machine: Machine, steps: readonly Step[], line: number): Map<string, number> {
  const total = new Map<string, number>();
  const add = (name: string, time: number) => total.set(name, (total.get(name) ?? 0) + time);
  const stride = profileStride(steps.length);
  for (let t = 0; t < machine.threads; t++) {
    const times = machine.doubles(line + t * stride, steps.length + 1);
    let busy = 0;
    steps.forEach((step, i) => {
      add(step.kernel, times[i]);
      busy += times[i];
    });
    add('wait', times[steps.length] - busy);
  }
  return total;
}
