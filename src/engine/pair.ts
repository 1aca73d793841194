/**
 * A network and the one that it is to answer like, on one tape: what either computes, and what is computed from both, can be
 * run in segments. A segment begins at any values that cut the graph, which an earlier one has left as lines of memory.
 */
import {
  type BatchForm,
  type Build,
  batchOf,
  type CoreNode,
  expandBefore,
  expandModel,
  needed,
  type Tape,
} from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { compile, type Program } from './compile.js';
import { blocksOf, holdTensors, placesOfHeld, release } from './held.js';
import { lanesOf } from './lanes.js';
import { LANES, type Place } from './lowering/place.js';
import type { Machine } from './machine.js';
import { pushBlocks } from './memory.js';

/** Two networks of the same inputs, and the language in which more is computed from their values. */
export interface Pair {
  readonly batch: BatchForm;
  readonly build: Build;
  /** Of both, the teacher's first. */
  readonly nodes: readonly CoreNode[];
  /** Core values of either network by the names of ONNX values. */
  readonly student: ReadonlyMap<string, string>;
  readonly teacher: ReadonlyMap<string, string>;
  /** The student's learnt numbers and running statistics, to be written to; then push them. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Segments take these arrays as you have written them; see `push` of a network. */
  push(names: Iterable<string>): void;
  /** 1 for a sample, 0 for the lanes beyond the last one, in the shape [1]. */
  readonly valid: string;
  segment(options: SegmentOptions): Segment;
  close(): void;
}

export interface SegmentOptions {
  /** The most samples of a run. */
  batch: number;
  /** Core values that the segment begins with. */
  from: readonly string[];
  /** Core values to compute that differ from sample to sample. */
  lines: readonly string[];
  /** Core values to compute that do not. */
  sums: readonly string[];
}

/** Of a value, all lanes of all blocks: what `run` takes and gives. */
export type Lines = Float32Array;

export interface Segment {
  readonly peakBytes: number;
  /** Runs `count` samples from the lines of `from`, in that order. */
  run(from: readonly Lines[], count: number): Promise<{ lines: Lines[]; sums: Float32Array[] }>;
  close(): void;
}

/** Floats that the lines of a value take for so many samples. */
export const linesSize = (shape: readonly number[], batch: number): number =>
  Math.ceil(batch / LANES) * LANES * sizeOf(shape);

/** Samples, dense and sample first, as lines; lanes beyond the last repeat the first. */
export function linesFrom(data: Float32Array, size: number, count: number, batch: number): Lines {
  const lines = new Float32Array(Math.ceil(batch / LANES) * LANES * size);
  lanesOf(lines, size, data, count);
  return lines;
}

/**
 * Puts the student's weights into a machine, and both networks on a tape.
 * @throws UserError for operators or shapes that the engine has no form for.
 */
export function openPair(
  { student, teacher }: { student: Graph; teacher: Graph },
  { machine, inputShapes }: { machine: Machine; inputShapes?: Record<string, readonly number[]> },
): Pair {
  const batch = batchOf(student, inputShapes);
  const model = expandModel(student, { inputShapes: batch.shapes, carry: true });
  const { tape } = model;
  const given = new Map(student.inputs.map(({ name }) => [name, model.values.get(name)!]));
  const teacherValues = expandBefore(tape, teacher, given, true);
  const valid = tape.declare('valid#', { dtype: 'float32', shape: [1], laned: true });
  const held = holdTensors(machine, student, [...model.learnt.keys(), ...model.state]);
  const places = placesOfHeld(held);
  return {
    batch,
    build: tape,
    nodes: tape.nodes,
    student: model.values,
    teacher: teacherValues,
    weights: new Map([...held].map(([name, { view }]) => [name, view])),
    valid,
    push: (names) => pushBlocks(machine, blocksOf(held, names)),
    segment: (options) => openSegment({ machine, tape, places, valid }, options),
    close: () => release(machine, held),
  };
}

interface Cut {
  machine: Machine;
  tape: Tape;
  /** Of the student's weights. */
  places: ReadonlyMap<string, Place>;
  valid: string;
}

/** Compiles what lies between the values that a segment begins with and those that it computes. */
function openSegment(
  { machine, tape, places, valid }: Cut,
  { batch, from, lines, sums }: SegmentOptions,
): Segment {
  const inputs = [...new Set([...from, valid])];
  const made = new Set(inputs);
  const between = tape.nodes.filter((node) => !node.outputs.some((name) => made.has(name)));
  const outputs = [...lines, ...sums];
  const nodes = needed(between, new Set(outputs));
  const program = compile({ machine, tape: { ...tape, nodes }, batch, outputs, inputs, places }) as Program;
  const blocks = Math.ceil(batch / LANES);
  return {
    peakBytes: program.peakBytes,
    async run(given, count) {
      for (const [i, name] of from.entries()) program.writeLines(name, given[i]);
      program.writeLines(
        valid,
        Float32Array.from({ length: blocks * LANES }, (_, lane) => (lane < count ? 1 : 0)),
      );
      await program.run(count);
      await program.pull(outputs);
      return {
        lines: lines.map((name) => program.readLines(name)),
        sums: sums.map((name) => program.read(name, count)),
      };
    },
    close: program.close,
  };
}
