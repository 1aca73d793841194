/** From a core graph of one sample to a program in a machine's memory. */
import { LINE } from '../engine/driver.js';
import { assemble } from '../engine/lowering/assemble.js';
import { callsTo, type MapCall } from '../engine/lowering/calls.js';
import { LANES, MAP_ROW_AXES } from '../engine/lowering/contract.js';
import { fuse } from '../engine/lowering/fuse.js';
import type { Layout } from '../engine/lowering/layout.js';
import type { Values } from '../engine/lowering/lower.js';
import { type Buffer, type Place, wholePlace } from '../engine/lowering/place.js';
import { planMemory } from '../engine/lowering/plan.js';
import type { Choice, Lowering, Step } from '../engine/lowering/steps.js';
import type { Machine } from '../engine/machine.js';
import type { CoreName, CoreNode } from '../graph/core.js';
import { needed } from '../graph/needed.js';
import type { Tape } from '../graph/tape.js';
import { floats, sizeOf } from '../onnx/tensor.js';
import type { Context } from './context.js';
import { copyPlain } from './copies.js';
import { takeInTails } from './fuse.js';
import { lowerPlanes } from './lower.js';
import { planesOf } from './planes.js';

export interface Program {
  /** Live view of an input, row by row; undefined where nothing depends on it. */
  input(name: string): Float32Array | undefined;
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
export function compile({ machine, tape, inputs, outputs, parts }: CompileOptions): Program {
  const lines: number[] = [];
  const take = (bytes: number): number => {
    const line = machine.allocate(bytes);
    lines.push(line);
    return line;
  };
  const free = () => {
    for (const line of lines) machine.free(line);
  };
  try {
    return write();
  } catch (error) {
    free();
    throw error;
  }

  function write(): Program {
    const fixed = (size: number): Buffer => ({ laned: false, size, fixed: take(size * 4) });
    const steps: Step[] = [];
    const l = loweringOf(machine, steps, fixed);
    const places = new Map<string, Place>();
    for (const name of inputs) {
      const { shape } = tape.type(name);
      places.set(name, wholePlace({ laned: false, size: sizeOf(shape), given: true }, shape));
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
    const v: Values = {
      type: tape.type,
      place,
      put: (name, p) => places.set(name, p),
      destined: () => undefined,
      mask: () => undefined,
      masked: () => false,
    };
    const kept = new Set(outputs);
    const { nodes, tails } = takeInTails(needed(tape.nodes, kept), tape.type, kept);
    const context: Context = {
      l,
      v,
      planes: planesOf(nodes, (name) => tape.type(name).shape),
      tails,
      parts,
      held: new Map(),
      phased: new Map(),
      widened: new Map(),
      residuals: onlyResiduals(nodes, tails, kept),
    };
    const units = fuse(nodes, tape.type, kept);
    lowerPlanes(context, units);
    const results = outputs.map((name) => place(name).buffer);
    for (const buffer of results) buffer.kept = true;
    const plan = planMemory(steps, 1, results);
    const base = take(Math.max(1, plan.lines) * LINE);
    const { words } = assemble(machine, steps, plan, base);
    const start = take(words.byteLength);
    machine.ints(start, words.length).set(words);
    const view = ({ buffer }: Place) =>
      machine.floats(buffer.fixed ?? base + (plan.offsets.get(buffer) ?? 0), buffer.size);
    const makers = new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
    return {
      input: (name) => (plan.offsets.has(places.get(name)!.buffer) ? view(places.get(name)!) : undefined),
      output: (name) => gathered(view(place(name)), place(name)),
      start,
      layout: { nodes, units, places, steps, offsets: plan.offsets },
      steps: steps.map(({ kernel, makes }) => {
        const maker = makers.get(makes ?? '');
        return { kernel, makes, op: maker?.op, layer: maker?.layer };
      }),
      peakBytes: plan.lines * LINE,
      close: free,
    };
  }
}

function onlyResiduals(
  nodes: readonly CoreNode[],
  tails: Context['tails'],
  kept: ReadonlySet<string>,
): Set<string> {
  const names = new Set([...tails.values()].flatMap(({ residual }) => residual ?? []));
  for (const node of nodes)
    for (const [i, name] of node.inputs.entries())
      if (i < 2 || tails.get(node)?.residual !== name) names.delete(name);
  for (const name of kept) names.delete(name);
  return names;
}

function loweringOf(machine: Machine, steps: Step[], fixed: (size: number) => Buffer): Lowering {
  const call = callsTo({
    told: machine.told,
    step: (kernel, items, words) => steps.push({ kernel, items, words }),
    scratch: (n) => ({ laned: false, size: n * LANES * machine.threads }),
  });
  const l: Lowering = {
    machine,
    blocks: 1,
    valid: fixed(1),
    whole: fixed(1),
    every: fixed(1),
    seed: fixed(2),
    steps,
    call: { ...call, map: (a) => (isOfShortRows(a) ? call.mapRows(a) : call.map(a)) },
    // The first of several ways to the same values: the engine's dense kernels.
    either(options, [{ counts, emit }]) {
      const choice: Choice = { ...options, counts: [fixed(Math.max(1, counts))] };
      emit(choice.counts[0]);
    },
    table: tables(machine, fixed),
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

/** Tables in memory, each content once. */
function tables(machine: Machine, fixed: (size: number) => Buffer): Lowering['table'] {
  const known = new Map<string, { bits: Int32Array; buffer: Buffer }[]>();
  return (data) => {
    const bits = new Int32Array(data.buffer, data.byteOffset, data.length);
    const key = summary(bits);
    const alike = known.get(key) ?? [];
    const same = alike.find((k) => areSame(k.bits, bits));
    if (same) return same.buffer;
    const buffer = fixed(Math.max(1, bits.length));
    machine.ints(buffer.fixed!, bits.length).set(bits);
    known.set(key, [...alike, { bits, buffer }]);
    return buffer;
  };
}

/** The length and a number made of a few hundred elements: tables that differ mostly differ in it. */
function summary(bits: Int32Array): string {
  const step = Math.max(1, Math.floor(bits.length / 256));
  let hash = 0;
  for (let i = 0; i < bits.length; i += step) hash = Math.imul(hash ^ bits[i], 0x9e3779b1);
  return `${bits.length}:${hash}`;
}

function areSame(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** The elements of a place, row by row. */
function gathered(memory: Float32Array, p: Place): Float32Array {
  const result = new Float32Array(sizeOf(p.shape));
  const rank = p.shape.length;
  // Inner axes that lie as they should are one run.
  let inner = rank;
  let run = 1;
  while (inner > 0 && (p.shape[inner - 1] === 1 || p.strides[inner - 1] === run)) run *= p.shape[--inner];
  const last = run === 1 && inner > 0 ? inner - 1 : inner;
  const copy = (axis: number, from: number, to: number, size: number): void => {
    if (axis < last) {
      const part = size / p.shape[axis];
      for (let i = 0; i < p.shape[axis]; i++) copy(axis + 1, from + i * p.strides[axis], to + i * part, part);
    } else if (last === inner) result.set(memory.subarray(from, from + run), to);
    else for (let i = 0, at = from; i < size; i++, at += p.strides[last]) result[to + i] = memory[at];
  };
  if (result.length > 0) copy(0, p.offset, 0, result.length);
  return result;
}
