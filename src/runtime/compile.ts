/** From a core graph of one sample to a program in a machine's memory. */
import {
  type Arena,
  arena,
  gathered,
  LINE,
  type Machine,
  placesOf,
  tables,
  written,
} from '../engine/index.js';
import {
  type Choice,
  callsTo,
  fuse,
  LANES,
  type Layout,
  type LoweredValues,
  type Lowering,
  MAP_ROW_AXES,
  type MapCall,
  type Place,
  planMemory,
  type Step,
  wholePlace,
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
  const given = inputs.map((name) => [name, inputPlace(tape.type(name).shape)] as const);
  const { places, ...known } = placesOf(tape, l.table, new Map(given));
  const v: LoweredValues = {
    ...known,
    destined: () => undefined,
    mask: () => undefined,
    masked: () => false,
  };
  const kept = new Set(outputs);
  const { nodes, tails } = takeInTails(needed(tape.nodes, kept), tape.type, kept);
  const context: Context = {
    l,
    v,
    planes: planesOf(everyNode(nodes), (name) => tape.type(name).shape),
    tails,
    parts,
    held: new Map(),
    phased: new Map(),
    widened: new Map(),
    residuals: onlyResiduals(nodes, tails, kept),
  };
  const units = fuse(nodes, tape.type, kept);
  lowerPlanes(context, units);
  const results = outputs.map((name) => v.place(name).buffer);
  for (const buffer of results) buffer.kept = true;
  const plan = planMemory(l.steps, 1, results);
  const { program, address } = written(machine, memory, l.steps, plan);
  const view = ({ buffer }: Place) => machine.floats(address(buffer), buffer.size);
  return {
    write(name, values) {
      const found = places.get(name)!;
      if (!plan.offsets.has(found.buffer)) return;
      view(found).set(values);
      machine.push(address(found.buffer), found.buffer.size);
    },
    async pull() {
      await Promise.all(results.map((buffer) => machine.pull(address(buffer), buffer.size)));
    },
    output: (name) => gathered(view(v.place(name)), v.place(name)),
    start: program,
    layout: { nodes, units, places, steps: l.steps, offsets: plan.offsets },
    steps: described(l.steps, nodes),
    peakBytes: plan.lines * LINE,
    close: memory.free,
  };
}

const inputPlace = (shape: readonly number[]): Place =>
  wholePlace({ laned: false, size: sizeOf(shape), given: true }, shape);

function described(steps: readonly Step[], nodes: readonly CoreNode[]): ProgramStep[] {
  const makers = new Map(
    everyNode(nodes).flatMap((node) => node.outputs.map((name) => [name, node] as const)),
  );
  return steps.map(({ kernel, makes }) => {
    const maker = makers.get(makes ?? '');
    return { kernel, makes, op: maker?.op, layer: maker?.layer };
  });
}

function loweringOf(machine: Machine, memory: Arena): Lowering {
  const steps: Step[] = [];
  const call = callsTo({
    told: machine.told,
    step: (kernel, items, words) => steps.push({ kernel, items, words }),
    scratch: (n) => ({ laned: false, size: n * LANES * machine.threads }),
  });
  const l: Lowering = {
    machine,
    blocks: 1,
    valid: memory.take(1),
    whole: memory.take(1),
    every: memory.take(1),
    seed: memory.take(2),
    steps,
    call: { ...call, map: (a) => (isOfShortRows(a) ? call.mapRows(a) : call.map(a)) },
    // The first of several ways to the same values: the engine's dense kernels.
    either(options, [{ counts, emit }]) {
      const choice: Choice = { ...options, counts: [memory.take(Math.max(1, counts))] };
      emit(choice.counts[0]);
    },
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
