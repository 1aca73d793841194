/** A network in a machine's memory: its weights stay there, programs for inference and training share them. */
import { fail, own, UserError } from '../base/index.js';
import {
  type BatchForm,
  batchOf,
  countOutside,
  type Expanded,
  expandModel,
  inferenceForm,
  type Lookup,
  lookupsFor,
  refuseOutside,
} from '../graph/index.js';
import { floats, floatsLike, type Graph, sizeOf, type Tensor } from '../onnx/index.js';
import { clipping } from './clipping.js';
import { compile } from './compile.js';
import { byName, writeInput } from './input.js';
import { closable } from './lifetime.js';
import { type Place, wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import { type Block, blockAt, pullBlocks, pushBlocks } from './memory.js';
import { ranking } from './ranking.js';
import { training } from './training.js';
import type { Inference, InferenceOptions, Network, Parameter } from './types.js';

/** A program needs more memory than it may take. */
export class MemoryError extends UserError {}

/** Options of {@link loadNetwork}. */
export interface LoadOptions {
  /** The machine that holds the network and computes it; see {@link openMachine}. */
  machine: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, batch first. */
  inputShapes?: Record<string, readonly number[]>;
}

interface Held {
  line: number;
  shape: readonly number[];
  data: Float32Array;
}

/**
 * Puts a model's weights into a machine.
 * @throws UserError for operators or shapes the engine has no form for, and when memory does not suffice.
 */
export function loadNetwork(graph: Graph, options: LoadOptions): Network {
  const { machine } = options;
  const batch = batchOf(graph, options.inputShapes);
  const expand = (training: boolean) => expandModel(graph, { training, inputShapes: batch.shapes });
  const inferring = expand(false);
  const ready = counted(inferring);
  const held = new Map<string, Held>();
  for (const name of [...inferring.learnt.keys(), ...inferring.state])
    held.set(name, hold(machine, graph.initializers.get(name)!));
  const parameters = new Map<string, Parameter>();
  for (const [name, node] of inferring.learnt) {
    const { shape, data } = held.get(name)!;
    parameters.set(name, {
      name,
      shape,
      weight: data,
      prunable: inferring.prunable.has(name),
      op: node.op,
      node: node.name,
    });
  }
  const programs = new Set<{ close(): void }>();
  const places = new Map([...held].map(([name, h]) => [name, placeOf(h)]));
  const inputs = new Map(
    graph.inputs.map((i) => [i.name, sampleOf(inferring.tape.type(inferring.values.get(i.name)!).shape)]),
  );
  const track = <P extends { close(): void }>(program: P, what: string): P => {
    const tracked = closable(program, what, () => {
      programs.delete(tracked);
      freeIfUnused();
    });
    programs.add(tracked);
    return tracked;
  };
  let closed = false;
  const freeIfUnused = () => {
    if (!closed || programs.size > 0) return;
    for (const { line } of held.values()) machine.free(line);
    held.clear();
  };
  const network: Network = {
    graph,
    machine,
    batch,
    parameters,
    inputs,
    state: new Map([...inferring.state].map((name) => [name, held.get(name)!.data])),
    pull: (names = held.keys()) => pullBlocks(machine, blocksOf(held, names)),
    push: (names = held.keys()) => pushBlocks(machine, blocksOf(held, names)),
    inference(o) {
      refuseMeeting(batch, o.batch);
      const form = o.form === 'training' ? counted(expand(true)) : ready;
      return track(inference(graph, form, machine, places, o), 'inference');
    },
    training(o) {
      refuseMeeting(batch, o.batch);
      return track(training({ graph, model: expand(true), machine, places, parameters }, o), 'training');
    },
    clipping: (names) =>
      track(
        clipping(
          machine,
          names.map((name) => blockOf(held.get(name)!)),
        ),
        'clipping',
      ),
    ranking: (pairs) =>
      track(
        ranking(
          machine,
          pairs.map(({ values, marks }) => {
            const block = blockOf(held.get(values)!);
            return { values: block, marks: blockOf(held.get(marks)!), length: block.size };
          }),
        ),
        'ranking',
      ),
    snapshot() {
      const initializers = new Map(graph.initializers);
      for (const [name, h] of held) initializers.set(name, changed(graph.initializers.get(name)!, h.data));
      return { ...inferenceForm(graph), initializers };
    },
    close() {
      closed = true;
      for (const program of [...programs]) program.close();
      freeIfUnused();
    },
  };
  return closable(network, 'network');
}

/** Samples that meet in the file would not meet in the engine's lanes. */
function refuseMeeting({ kind, shapes }: BatchForm, samples: number): void {
  if (kind !== 'mixed' || samples === 1) return;
  const several = Object.entries(shapes).map(
    ([name, [, ...rest]]) => `${name}: [${[samples, ...rest].join(', ')}]`,
  );
  fail(
    `This model computes the samples of a run together, so ${samples} at a time form a whole: load it with the inputShapes { ${several.join(', ')} } and run that, or run single samples.`,
  );
}

function hold(machine: Machine, tensor: Tensor): Held {
  const size = Math.max(1, sizeOf(tensor.shape));
  const line = machine.allocate(size * 4);
  const data = machine.floats(line, size);
  data.set(floats(tensor));
  machine.push(line, size);
  return { line, shape: tensor.shape, data };
}

/** A core shape without the batch dimension that stands as 1 in it. */
const sampleOf = (shape: readonly number[]): readonly number[] => (shape[0] === 1 ? shape.slice(1) : shape);

/** The tensor with new contents, in the type it had. */
const changed = (tensor: Tensor, data: Float32Array): Tensor =>
  floatsLike(tensor, tensor.shape, data.slice(0, sizeOf(tensor.shape)));

function* blocksOf(held: ReadonlyMap<string, Held>, names: Iterable<string>): Generator<Block> {
  for (const name of names) yield blockOf(held.get(name)!);
}

const blockOf = (h: Held): Block => blockAt(h.line, h.data.length);

const placeOf = (h: Held): Place => wholePlace(blockOf(h), h.shape);

/** A model on a tape that counts the indices for which a table has no row. */
interface Counted {
  model: Expanded;
  lookups: Lookup[];
}

const counted = (model: Expanded): Counted => ({ model, lookups: countOutside(model.tape) });

function inference(
  graph: Graph,
  { model, lookups: all }: Counted,
  machine: Machine,
  places: ReadonlyMap<string, Place>,
  o: InferenceOptions,
): Inference {
  const names = o.outputs ?? graph.outputs.map((output) => output.name);
  const cores = names.map(
    (name) => model.values.get(name) ?? fail(`The model has no value '${name}' to give out.`),
  );
  const inputs = graph.inputs.map((input) => input.name);
  const { batch, memory } = o;
  const lookups = lookupsFor(model.tape, all, cores);
  const outputs = [...cores, ...lookups.map(({ outside }) => outside)];
  const program = compile({ machine, tape: model.tape, batch, outputs, inputs, places, memory });
  if (!program)
    fail(
      `A run of ${batch} ${batch === 1 ? 'sample' : 'samples'} needs more than the ${Math.round(memory! / 1e6)} MB that it may use; run fewer, or use smaller inputs.`,
      MemoryError,
    );
  const shapes = cores.map((core) => sampleOf(model.tape.type(core).shape));
  return {
    batch: o.batch,
    peakBytes: program.peakBytes,
    outputs: new Map(names.map((name, i) => [name, shapes[i]])),
    async run(given, count) {
      const values = byName(given, inputs);
      for (const name of inputs)
        writeInput(program, name, own(values, name), count, sizeOf(model.tape.type(name).shape), o.batch);
      await program.run(count);
      await program.pull(outputs);
      for (const lookup of lookups)
        refuseOutside(
          lookup,
          program.read(lookup.outside, count).reduce((sum, missing) => sum + missing, 0),
        );
      return Object.fromEntries(names.map((name, i) => [name, program.read(cores[i], count)]));
    },
    profile: program.profile,
    steps: program.steps,
    compiled: { layout: program.layout, type: model.tape.type },
    close: program.close,
  };
}
