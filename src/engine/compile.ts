/** From a core graph to a program in a machine's memory. */
import { type CoreNode, everyNode, needed, type Tape } from '../graph/index.js';
import { type Access, accessTo } from './access.js';
import { bytesTouched, profileOf, timesOf } from './account.js';
import { LINE } from './driver.js';
import { guideOf, INSTEAD } from './guide.js';
import { lanesOf, linesAt, readPlace } from './lanes.js';
import { beginSteps, inputPlace, makersOf } from './lowering/begin.js';
import { STEP } from './lowering/contract.js';
import { fuse } from './lowering/fuse.js';
import type { Layout } from './lowering/layout.js';
import { lower } from './lowering/lower.js';
import { lowerCopy } from './lowering/map.js';
import { LANES, type Place } from './lowering/place.js';
import { planMemory } from './lowering/plan.js';
import type { Choice, Lowering, Step } from './lowering/steps.js';
import { type Machine, profileStride } from './machine.js';
import { type Arena, arena, type BlockRow } from './memory.js';
import type { StepTime } from './types.js';
import { placesOf, tables, type Written, written } from './writing.js';

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
  /** Waits until these can be read as the last run left them. */
  pull(names: readonly string[]): Promise<void>;
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
  const { machine, batch } = o;
  const memory = arena(machine);
  const told = memory.row([1, 1, 1, 2]);
  const l = loweringFor(o, memory, told);
  const { places, backward, kept, nodes, units } = lowered(o, l);
  const plan = planMemory(l.steps, l.blocks, kept);
  if (o.memory !== undefined && plan.lines * LINE > o.memory) {
    memory.free();
    return undefined;
  }
  const made = written(machine, memory, l.steps, plan);
  const profile = memory.take((profileStride(l.steps.length) * LINE * machine.threads) / 4).fixed;
  return {
    ...{ batch, peakBytes: plan.lines * LINE, close: memory.free },
    layout: { nodes, units, places: places.places, steps: l.steps, offsets: plan.offsets },
    ...valuesOf(accessTo({ ...l, place: places.place, written: made, plan }), l.blocks),
    ...runsOf(l, told, made, profile),
    profile: () => profileOf(machine, l.steps, profile),
    steps: () => accountOf(l, { nodes, backward, made, profile }),
  };
}

/** How calls become steps, in so many blocks of samples. */
function loweringFor({ machine, batch }: CompileOptions, memory: Arena, told: BlockRow): Lowering {
  const [valid, whole, every, seed] = told.blocks;
  const begun = beginSteps(machine);
  return {
    ...begun,
    ...{ valid, whole, every, seed },
    blocks: Math.ceil(batch / LANES),
    either: choosing(begun.steps, memory),
    table: tables(machine, memory),
  };
}

/** Writes all ways to the same values, each step with the way that it belongs to, to be chosen from while the program is in use. */
const choosing =
  (steps: Step[], memory: Arena): Lowering['either'] =>
  (options, ways, instead) => {
    // Nothing to choose.
    if (ways.length === 1 && !instead) return ways[0].emit(memory.take(ways[0].counts));
    const choice: Choice = { ...options, counts: [] };
    const record = (way: number, emit: () => void) => {
      const before = steps.length;
      emit();
      for (const step of steps.slice(before)) step.way ??= { choice, way };
    };
    for (const [way, { counts, emit }] of ways.entries()) {
      choice.counts.push(memory.take(counts));
      record(way, () => emit(choice.counts[way]));
    }
    if (instead) record(INSTEAD, instead);
  };

/** Fuses what is needed and writes the steps of it. */
function lowered(o: CompileOptions, l: Lowering) {
  const { tape, outputs, inputs, destined, masks, patterns } = o;
  const given = inputs.map((name) => [name, inputPlace(tape.type(name))] as const);
  const places = placesOf(tape, l.table, new Map([...o.places, ...given]));
  const { place } = places;
  const wanted = new Set([...outputs, ...(destined?.keys() ?? []), ...(patterns?.values() ?? [])]);
  const nodes = needed(tape.nodes, wanted);
  const after = everyNode(tape.nodes.slice(o.backwardFrom ?? tape.nodes.length));
  const backward = new Set(after.flatMap((n) => n.outputs));
  const units = fuse(nodes, tape.type, wanted);
  lower(l, units, {
    ...places,
    destined: (name) => destined?.get(name),
    mask: (name) => masks?.get(name) ?? (patterns?.has(name) ? place(patterns.get(name)!) : undefined),
    masked: (name) => backward.has(name),
  });
  for (const [name, to] of destined ?? []) settle(l, place(name), to);
  const kept = outputs.map((name) => place(name).buffer);
  for (const buffer of kept) buffer.kept = true;
  return { places, backward, kept, nodes, units };
}

/** Reading and writing values, sample by sample or as lines. */
function valuesOf(
  { fill, pull, look }: Access,
  blocks: number,
): Pick<Program, 'write' | 'writeLines' | 'pull' | 'read' | 'readLines'> {
  return {
    write: (name, data, count) => fill(name, (memory, size) => lanesOf(memory, size, data, count)),
    writeLines: (name, lines) => fill(name, (memory) => memory.set(lines)),
    pull,
    readLines(name) {
      const { memory, place } = look(name);
      return linesAt(memory, place, blocks);
    },
    read(name, count) {
      const { memory, place } = look(name);
      return readPlace(memory, place, count);
    },
  };
}

/** A run: what it has to know is written, and the ways that it takes are chosen by the clock. */
function runsOf(
  { machine, steps, valid, whole, every, seed }: Lowering,
  told: BlockRow,
  made: Written,
  profile: number,
): Pick<Program, 'run'> {
  const guide = guideOf(machine, steps, made, profile);
  return {
    async run(count, { whole: all = count, seed: key = 0, step = 0, every: whether = true } = {}) {
      machine.floats(valid.fixed!, 1)[0] = count;
      machine.floats(whole.fixed!, 1)[0] = all;
      machine.ints(seed.fixed!, 2).set([key | 0, step | 0]);
      machine.ints(every.fixed!, 1)[0] = whether ? 1 : 0;
      told.push();
      await guide.set(whether);
      await machine.run(made.program, profile);
      await guide.learn();
    },
  };
}

interface Accounted {
  nodes: readonly CoreNode[];
  backward: ReadonlySet<string>;
  made: Written;
  profile: number;
}

/** The steps with what they make, and their times. */
function accountOf(
  { machine, steps, blocks }: Lowering,
  { nodes, backward, made, profile }: Accounted,
): StepTime[] {
  const makers = makersOf(nodes);
  return timesOf(machine, steps, profile).map((time, i) => {
    const { kernel, makes } = steps[i];
    const node = makes === undefined ? undefined : makers.get(makes);
    const gradient = makes !== undefined && backward.has(makes);
    const taken = made.words[made.at[i] + STEP.items] > 0;
    const bytes = bytesTouched(steps[i], blocks);
    return { kernel, makes, layer: node?.layer, op: node?.op, gradient, time, bytes, taken };
  });
}

/** A value that was there before its destination was known (a parameter's gradient that is another's, say) is copied. */
function settle(l: Lowering, from: Place, to: Place): void {
  if (from.buffer !== to.buffer) lowerCopy(l, from, to);
}
