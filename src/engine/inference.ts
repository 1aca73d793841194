/** The forward pass as a program. */
import { fail, own, UserError } from '../base/index.js';
import {
  coreValue,
  countOutside,
  type Expanded,
  type Lookup,
  lookupsFor,
  refuseOutside,
  type Tape,
} from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { compile, type Program } from './compile.js';
import { byName, writeInput } from './input.js';
import type { Place } from './lowering/place.js';
import type { Machine } from './machine.js';
import type { Inference, InferenceOptions, Inputs } from './types.js';

/** A program needs more memory than it may take. */
export class MemoryError extends UserError {}

/** A model on a tape that counts the indices for which a table has no row. */
export interface Counted {
  model: Expanded;
  lookups: Lookup[];
}

export const counted = (model: Expanded): Counted => ({ model, lookups: countOutside(model.tape) });

/** A core shape without the batch dimension that stands as 1 in it. */
export const sampleOf = (shape: readonly number[]): readonly number[] =>
  shape[0] === 1 ? shape.slice(1) : shape;

/** What is run, on which weights. */
export interface InferredNetwork {
  graph: Graph;
  form: Counted;
  machine: Machine;
  places: ReadonlyMap<string, Place>;
}

/**
 * Compiles the forward pass; see {@link Inference}.
 * @throws UserError for an output that is not there, MemoryError where the program would take more memory than it may.
 */
export function inference(network: InferredNetwork, o: InferenceOptions): Inference {
  const { graph, form, machine, places } = network;
  const { tape } = form.model;
  const names = o.outputs ?? graph.outputs.map((output) => output.name);
  const cores = names.map((name) =>
    coreValue(form.model, name, `The model has no value '${name}' to give out.`),
  );
  const inputs = graph.inputs.map((input) => input.name);
  const lookups = lookupsFor(tape, form.lookups, cores);
  const outputs = [...cores, ...lookups.map(({ outside }) => outside)];
  const { batch, memory } = o;
  const program = compile({ machine, tape, batch, outputs, inputs, places, memory }) ?? refuse(o);
  return {
    batch,
    peakBytes: program.peakBytes,
    outputs: new Map(names.map((name, i) => [name, sampleOf(tape.type(cores[i]).shape)])),
    async run(given, count) {
      await runOver({ program, tape, inputs, outputs, lookups }, given, count);
      return Object.fromEntries(names.map((name, i) => [name, program.read(cores[i], count)]));
    },
    profile: program.profile,
    steps: program.steps,
    compiled: { layout: program.layout, type: tape.type },
    close: program.close,
  };
}

function refuse({ batch, memory }: InferenceOptions): never {
  fail(
    `A run of ${batch} ${batch === 1 ? 'sample' : 'samples'} needs more than the ${Math.round(memory! / 1e6)} MB that it may use; run fewer, or use smaller inputs.`,
    MemoryError,
  );
}

interface Runnable {
  program: Program;
  tape: Tape;
  /** Of the model. */
  inputs: readonly string[];
  /** Core values that can be read afterwards. */
  outputs: readonly string[];
  lookups: readonly Lookup[];
}

/** Runs a program over samples, and refuses indices for which a table has no row. */
async function runOver(
  { program, tape, inputs, outputs, lookups }: Runnable,
  given: Inputs,
  count: number,
): Promise<void> {
  const values = byName(given, inputs);
  for (const name of inputs)
    writeInput(program, name, own(values, name), count, sizeOf(tape.type(name).shape), program.batch);
  await program.run(count);
  await program.pull(outputs);
  for (const lookup of lookups)
    refuseOutside(
      lookup,
      program.read(lookup.outside, count).reduce((sum, missing) => sum + missing, 0),
    );
}
