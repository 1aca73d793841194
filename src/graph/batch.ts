/**
 * What an input of a model is: how the samples of a run lie in it. The engine, the check of an export, benchmarks and data all
 * go by what is said here.
 *
 * ONNX does not say which axis counts samples. By custom it is the first of every input, left open, or fixed at the number
 * that was traced. But a file may fix it so that no single sample can be computed (a Reshape to [4, −1]), have inputs
 * without such an axis (state [49]), or let samples meet (x·xᵀ). Then a run is a whole: exactly the shapes of the file.
 */
import { own } from '../base/index.js';
import type { Graph, Value } from '../onnx/index.js';
import { expandModel, sampleShape } from './expand.js';
import { inferTypes } from './facts/infer.js';
import { partFor, type Reach, reachIn } from './reach.js';
import { samplesIn } from './samples.js';

export interface BatchForm {
  /**
   * - `open`: the first axis of every input counts samples, and the file leaves it open.
   * - `fixed`: it counts samples, and the file says how many.
   * - `none`: an input has no such axis, or a sample cannot be computed by itself.
   * - `mixed`: it is left open, but samples of one run meet.
   */
  kind: 'open' | 'fixed' | 'none' | 'mixed';
  /** How many samples the file takes at a time; undefined where any number, and 1 where a run is a whole. */
  samples?: number;
  /** Whether other runtimes, too, take several samples of an open batch at a time, and give as many answers, sample first. */
  together: boolean;
  /** Shapes of the inputs of one run: of a sample, with 1 for the batch, or of a whole. */
  shapes: Record<string, number[]>;
}

export type InputShapes = Readonly<Record<string, readonly number[]>>;

/** Unlikely to stand in a file for anything else, so that shapes meant for one sample do not fit by chance. */
const SEVERAL = 3;

/**
 * @param inputShapes shapes of inputs whose dimensions the file leaves open, batch first.
 * @throws UserError where a shape stays open.
 */
export function batchOf(graph: Graph, inputShapes: InputShapes = {}): BatchForm {
  const whole = Object.fromEntries(graph.inputs.map((input) => [input.name, wholeShape(input, inputShapes)]));
  const counts = new Set(graph.inputs.map((input) => countOf(input, own(inputShapes, input.name))));
  const [samples] = counts;
  const none: BatchForm = { kind: 'none', samples: 1, together: false, shapes: whole };
  if (counts.size !== 1 || samples === 'none') return none;
  const single = withCount(whole, 1);
  const count = samples === 'open' ? SEVERAL : samples;
  const seen = count === 1 ? 'apart' : findSamples(graph, withCount(whole, count), count);
  if (typeof seen === 'object') return ofPart(graph, seen, inputShapes) ?? none;
  const found = seen === 'unseen' && samples === 'open' ? 'apart' : seen;
  if (found === 'meet') return samples === 'open' ? { ...none, kind: 'mixed' } : none;
  if (samples === 'open') return { kind: 'open', together: found === 'apart', shapes: single };
  if (found === 'apart' && (count === 1 || standsAlone(graph, { whole, single, count })))
    return { kind: 'fixed', samples: count, together: true, shapes: single };
  return none;
}

/** The form of what can be computed of a model; other runtimes may do with several samples at a time whatever they like. */
function ofPart(graph: Graph, { outputs, edge }: Reach, inputShapes: InputShapes): BatchForm | undefined {
  const ends = [...outputs, ...edge];
  return ends.length > 0 ? { ...batchOf(partFor(graph, ends), inputShapes), together: false } : undefined;
}

/** The number of samples that an input is declared with; 'none' where it has no axis for them. */
function countOf({ shape }: Value, given: readonly number[] | undefined): number | 'open' | 'none' {
  if ((shape ?? given)?.length === 0) return 'none';
  const declared = shape?.[0];
  if (typeof declared === 'number' && declared > 0) return declared;
  return given && given[0] > 1 ? given[0] : 'open';
}

/** The shape that the file declares, with what is given for what it leaves open. */
function wholeShape(input: Value, inputShapes: Readonly<Record<string, readonly number[]>>): number[] {
  const shape = sampleShape(input, inputShapes);
  const declared = input.shape?.[0];
  return typeof declared === 'number' && declared > 0 ? [declared, ...shape.slice(1)] : shape;
}

const withCount = (shapes: BatchForm['shapes'], count: number): BatchForm['shapes'] =>
  Object.fromEntries(Object.entries(shapes).map(([name, [, ...rest]]) => [name, [count, ...rest]]));

/**
 * Whether `count` samples in one run stay apart and come out sample first, or come out so as far as can be seen; of a model that cannot be
 * computed whole, how far it can.
 */
function findSamples(
  graph: Graph,
  inputShapes: BatchForm['shapes'],
  count: number,
  shapesOnly = true,
): 'apart' | 'unseen' | 'meet' | 'neither' | Reach {
  const instead = () => (shapesOnly ? findSamples(graph, inputShapes, count, false) : 'neither');
  return attempt(instead, () => {
    const expanded = expandModel(graph, { inputShapes, shapesOnly, carry: true });
    if (expanded.carried.size > 0) return reachIn(graph, expanded);
    const { tape, values } = expanded;
    const inputs = graph.inputs.map(({ name }) => values.get(name)!);
    const places = samplesIn(tape.nodes, tape.type, inputs, count);
    const outputs = graph.outputs.map(({ name }) => values.get(name)!);
    if (outputs.some((name) => places.get(name) === 'meet')) return 'meet';
    if (!outputs.every((name) => tape.type(name).shape[0] === count)) return 'neither';
    return outputs.some((name) => places.get(name) === 'unknown') ? 'unseen' : 'apart';
  });
}

/** Whether a single sample fits through a model that is declared for several, and gives a single answer. */
function standsAlone(
  graph: Graph,
  { whole, single, count }: { whole: BatchForm['shapes']; single: BatchForm['shapes']; count: number },
): boolean {
  return attempt(
    () => false,
    () => {
      const many = inferTypes(graph, { inputShapes: whole, batch: count }).types;
      const one = inferTypes(graph, { inputShapes: single }).types;
      return graph.outputs.every(({ name }) => {
        const [from, to] = [many.get(name)?.shape, one.get(name)?.shape];
        return from?.every((dim, axis) => (axis === 0 ? to?.[0] === 1 && dim === count : dim === to?.[axis]));
      });
    },
  );
}

/** Tries what shapes that the file was not made for may break, in whatever way. */
function attempt<T>(instead: () => T, work: () => T): T {
  try {
    return work();
  } catch {
    return instead();
  }
}
