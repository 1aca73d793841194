/** From a core graph of one sample to a program in a machine's memory. */
import {
  type Arena,
  accessTo,
  arena,
  gathered,
  LINE,
  type Machine,
  placesOf,
  tables,
  written,
} from '../engine/index.js';
import {
  beginSteps,
  fuse,
  inputPlace,
  type Layout,
  type LoweredValues,
  type Lowering,
  MAP_ROW_AXES,
  type MapCall,
  makersOf,
  planMemory,
  type Step,
} from '../engine/lowering/index.js';
import { type CoreName, type CoreNode, everyNode, needed, type Tape } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import type { Context } from './context.js';
import { copyPlain } from './copies.js';
import { onlyResiduals, takeInTails } from './fuse.js';
import { lowerPlanes } from './lower.js';
import { planesOf } from './planes.js';

export interface Program {
  /** Writes an input, row by row, where anything depends on it. */
  write(name: string, values: Float32Array): void;
  /** Waits until outputs can be read after a run that the machine did off this thread. */
  pull(): Promise<void>;
  /** A copy of an output, row by row. */
  output(name: string): Float32Array;
  /** The line where the program begins. */
  readonly start: number;
  /** What it was made of. */
  readonly layout: Layout;
  /** In their order. */
  readonly steps: readonly ProgramStep[];
  /** Bytes of activations at the peak of a run. */
  readonly peakBytes: number;
  close(): void;
}

/** A step, and what of the model it works on. */
export interface ProgramStep {
  kernel: string;
  /** The core value that it makes or helps to make, and the operator that this is the result of. */
  makes?: string;
  op?: CoreName;
  /** The node of the model. */
  layer?: string;
}

export interface CompileOptions {
  machine: Machine;
  tape: Tape;
  inputs: readonly string[];
  outputs: readonly string[];
  /** Parts that a step is cut into, so that threads share it. */
  parts: number;
}

/** @throws UserError when memory does not suffice. */
export function compile(o: CompileOptions): Program {
  const memory = arena(o.machine);
  try {
    return compiled(o, memory);
  } catch (error) {
    memory.free();
    throw error;
  }
}

function compiled({ machine, tape, inputs, outputs, parts }: CompileOptions, memory: Arena): Program {
  const l = loweringOf(machine, memory);
  const given = inputs.map((name) => [name, inputPlace(tape.type(name))] as const);
  const { places, ...values } = placesOf(tape, l.table, new Map(given));
  const { nodes, units } = lowered(l, { ...values, ...NOTHING_TRAINED }, { tape, outputs, parts });
  const results = outputs.map((name) => values.place(name).buffer);
  for (const buffer of results) buffer.kept = true;
  const plan = planMemory(l.steps, 1, results);
  const made = written(machine, memory, l.steps, plan);
  const { fill, pull, look } = accessTo({ machine, blocks: 1, place: values.place, written: made, plan });
  return {
    write: (name, values) => fill(name, (memory) => memory.set(values)),
    pull: () => pull(outputs),
    output(name) {
      const { memory, place } = look(name);
      return gathered(memory, place);
    },
    start: made.program,
    layout: { nodes, units, places, steps: l.steps, offsets: plan.offsets },
    steps: described(l.steps, nodes),
    peakBytes: plan.lines * LINE,
    close: memory.free,
  };
}

/** Without training no value has a destination or a mask, and without lanes none are to be left out. */
const NOTHING_TRAINED = { destined: () => undefined, mask: () => undefined, masked: () => false };

/** Fuses what the outputs need and writes the steps of it. */
function lowered(
  l: Lowering,
  v: LoweredValues,
  { tape, outputs, parts }: Pick<CompileOptions, 'tape' | 'outputs' | 'parts'>,
) {
  const kept = new Set(outputs);
  const { nodes, tails } = takeInTails(needed(tape.nodes, kept), tape.type, kept);
  const context: Context = {
    ...{ l, v, tails, parts },
    planes: planesOf(everyNode(nodes), (name) => tape.type(name).shape),
    held: new Map(),
    phased: new Map(),
    widened: new Map(),
    residuals: onlyResiduals(nodes, tails, kept),
  };
  const units = fuse(nodes, tape.type, kept);
  lowerPlanes(context, units);
  return { nodes, units };
}

function described(steps: readonly Step[], nodes: readonly CoreNode[]): ProgramStep[] {
  const makers = makersOf(nodes);
  return steps.map(({ kernel, makes }) => {
    const maker = makers.get(makes ?? '');
    return { kernel, makes, op: maker?.op, layer: maker?.layer };
  });
}

function loweringOf(machine: Machine, memory: Arena): Lowering {
  const { steps, call } = beginSteps(machine);
  const l: Lowering = {
    ...{ machine, steps, blocks: 1 },
    valid: memory.take(1),
    whole: memory.take(1),
    every: memory.take(1),
    seed: memory.take(2),
    call: { ...call, map: (a) => (isOfShortRows(a) ? call.mapRows(a) : call.map(a)) },
    // The first of several ways to the same values: the engine's dense kernels.
    either: (_, [{ counts, emit }]) => emit(memory.take(counts)),
    table: tables(machine, memory),
    copy: (from, to) => copyPlain(l, from, to),
  };
  return l;
}

/** Elements of a short row, and how many rows there must be. */
const SHORT_ROW = 100;
const FEW_ROWS = 4;

/** Whether the map kernel would spend more on rows than on their elements: then map_rows takes several at a time. */
function isOfShortRows({ plain, sizes, elements }: MapCall): boolean {
  const rows = sizes[MAP_ROW_AXES - 1];
  const inner = sizeOf(sizes.slice(MAP_ROW_AXES, -1));
  return plain === 1 && inner === 1 && elements <= SHORT_ROW && rows >= FEW_ROWS;
}
