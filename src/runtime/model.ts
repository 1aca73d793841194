/** A model made ready to run on one sample at a time. */
import { fail } from '../base/index.js';
import { type Card, cardOf, takesChannelsLast } from '../data/pictures/index.js';
import type { Machine } from '../engine/index.js';
import {
  affords,
  answersOf,
  budget,
  type CoreNode,
  type CoreOptions,
  countOutside,
  expandBefore,
  foldBatchNorm,
  lookupsFor,
  refuseOutside,
  runCore,
  sampleShape,
  type Tape,
  tape,
  toTensor,
  toValue,
} from '../graph/index.js';
import { floats, type Graph, sizeOf } from '../onnx/index.js';
import { compile, type Program, type ProgramStep } from './compile.js';
import { rewrite } from './rewrite.js';
import { type Declared, floatsFor, type Numbers } from './values.js';
import { countOf } from './weights.js';

/** Options of `load`. */
export interface LoadOptions {
  /** Default: the cores there are. In a browser without shared memory (crossOriginIsolated) there is one, whatever is asked for. */
  threads?: number;
  /** A machine to run on, which stays open when the model is closed; default one of the model's own. */
  machine?: Machine;
  /** Shapes of inputs whose dimensions the file leaves open, by name, batch first. */
  inputShapes?: Record<string, readonly number[]>;
}

/** A card with what the graph itself tells. */
export interface ModelCard extends Card {
  /** Whether the first output is between 0 and 1 already, by a Softmax or Sigmoid. */
  readonly probabilities: boolean;
}

/** A model that is loaded for inference, one sample at a time. */
export interface Model {
  /** Shape of each input and output, as in the file, the batch 1. */
  readonly inputs: ReadonlyMap<string, readonly number[]>;
  /** Shape of each output, as in the file, the batch 1. */
  readonly outputs: ReadonlyMap<string, readonly number[]>;
  /** What the file says of the pictures and classes that the model is for; {@link classify} goes by it. */
  readonly card: ModelCard;
  /** What it runs on, for people: 'native, AVX-512, 2 threads'. */
  readonly machine: string;
  /** Bytes of activations at the peak of a run. */
  readonly peakBytes: number;
  /**
   * Runs one sample; values are row-major. They are copied before the call returns, so the arrays may be filled anew at once. Runs
   * asked for meanwhile wait their turn.
   * @throws UserError when an input is missing, has the wrong length or holds ids that a table has no row for, and when the model
   * is closed.
   */
  run(inputs: Readonly<Record<string, Numbers>>): Promise<Record<string, Float32Array>>;
  /**
   * Gives the memory back when the runs asked for are done, and ends the machine where it is the model's own. Closing again does
   * nothing.
   */
  close(): Promise<void>;
}

export type ModelOptions = LoadOptions & { machine: Machine };

/**
 * A run is done on the calling thread up to the work that the machine calls little, or so much for each step. On an idle machine two
 * threads take up to two fifths off runs of 2 ms and more, but beside threads of others (another runtime's that still spin, say) many
 * short steps take twice as long, since at every barrier the one waits for the other; and networks of several hundred small steps
 * gain nothing by threads, which meet after every one.
 */
const ALONE_EACH = 75_000;

/** Shapes of inputs that are left open: as given, else those of pictures of the size that the card says. */
function shapesFor(graph: Graph, given: LoadOptions['inputShapes']): LoadOptions['inputShapes'] {
  const { size, colors, layout } = cardOf(graph);
  const [input, ...others] = graph.inputs;
  if (given || !size || others.length > 0 || input?.shape?.length !== 4) return given;
  const { name, shape } = input;
  const last = takesChannelsLast(graph, input, { layout });
  const channels = shape[last ? 3 : 1] ?? (colors && (colors === 'grey' ? 1 : 3));
  if (typeof channels !== 'number') return given;
  const wanted = last ? [1, ...size, channels] : [1, channels, ...size];
  return {
    [name]: wanted.map((dim, axis) => (axis > 0 && typeof shape[axis] === 'number' ? shape[axis] : dim)),
  };
}

/**
 * A model on a machine, which stays open when it is closed.
 * @param most work up to which a run stays on the calling thread; default by how many steps it has.
 * @throws UserError for operators or shapes that there is no form for, and when memory does not suffice.
 */
export const modelOf = (graph: Graph, options: ModelOptions, most?: number): Model =>
  programmed(graph, options, most).model;

export interface Programmed {
  model: Model;
  /** The steps of its program, and what that was made of. */
  steps: readonly ProgramStep[];
  layout: Program['layout'];
  type: Tape['type'];
}

/** Whether a machine has the kernels for single samples; a GPU does not. */
export const isForRuntime = ({ kernels }: Machine): boolean => kernels.has('plane_dense');

/** {@link modelOf} with its program. */
export function programmed(graph: Graph, given: ModelOptions, most?: number): Programmed {
  const options = { ...given, inputShapes: shapesFor(graph, given.inputShapes) };
  const { machine } = options;
  if (!isForRuntime(machine))
    fail(`espalier/runtime does not run on ${machine.kind}: use the engine native or wasm.`);
  const { t, values } = expanded(foldBatchNorm(graph, { inputShapes: options.inputShapes }), options);
  const declared = new Map(
    graph.inputs.map(({ name, dtype }): [string, Declared] => [name, { dtype, shape: t.type(name).shape }]),
  );
  const cores = new Map(graph.outputs.map(({ name }) => [name, values.get(name)!]));
  const alone =
    !machine.apart && (machine.threads === 1 || isLittle(t, machine, most ?? usualMost(t, machine)));
  const lookups = lookupsFor(t, countOutside(t), [...cores.values()]);
  const program = compile({
    machine,
    tape: t,
    inputs: [...declared.keys()],
    outputs: [...new Set([...cores.values(), ...lookups.map(({ outside }) => outside)])],
    parts: alone ? 1 : machine.threads,
  });
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let closed: Promise<void> | undefined;
  const valuesOf = (given: Readonly<Record<string, Numbers>>) =>
    [...declared].map(([name, type]): [string, Float32Array] => [name, floatsFor(given, name, type)]);
  const write = (given: [string, Float32Array][]) => {
    for (const [name, data] of given) program.write(name, data);
  };
  const read = () => {
    for (const lookup of lookups) refuseOutside(lookup, program.output(lookup.outside)[0]);
    return Object.fromEntries([...cores].map(([name, core]) => [name, program.output(core)]));
  };
  /** What is given is in the program's memory, or a copy of it is kept, before this returns. */
  const inTurn = (given: [string, Float32Array][]) => {
    const kept = waiting > 0 ? given.map(([name, data]): [string, Float32Array] => [name, data.slice()]) : [];
    if (waiting === 0) write(given);
    waiting++;
    const turn = last
      .then(() => {
        write(kept);
        return machine.run(program.start);
      })
      .then(program.pull)
      .then(read)
      .finally(() => waiting--);
    last = turn.catch(() => {});
    return turn;
  };
  const model: Model = {
    card: modelCard(graph),
    inputs: new Map([...declared].map(([name, { shape }]) => [name, shape])),
    outputs: new Map([...cores].map(([name, core]) => [name, t.type(core).shape])),
    peakBytes: program.peakBytes,
    machine: machine.description,
    async run(values) {
      if (closed) fail('This model is closed and can no longer be run; load it again.');
      const data = valuesOf(values);
      if (!alone) return inTurn(data);
      write(data);
      machine.runHere(program.start);
      return read();
    },
    close() {
      closed ??= last.then(program.close);
      return closed;
    },
  };
  return { model, steps: program.steps, layout: program.layout, type: t.type };
}

function modelCard(graph: Graph): ModelCard {
  const card = cardOf(graph);
  const [input] = graph.inputs;
  const last = input?.shape?.length === 4 && takesChannelsLast(graph, input, card);
  const answers = graph.outputs.length > 0 ? answersOf(graph, graph.outputs[0].name) : undefined;
  const probabilities = answers === 'probabilities' || answers === 'truths';
  return { ...card, layout: last ? 'NHWC' : 'NCHW', probabilities };
}

/** The model as a core graph of one sample in which nothing is in lanes and all weights are constants. */
function expanded(graph: Graph, options: LoadOptions): { t: Tape; values: Map<string, string> } {
  const t = tape();
  const given = new Map<string, string>();
  for (const value of graph.inputs) {
    const shape = sampleShape(value, options.inputShapes, graph.inputs);
    given.set(value.name, t.declare(value.name, { dtype: value.dtype, shape, laned: false }));
  }
  const values = expandBefore(t, graph, given);
  foldConstants(t);
  const found = rewrite(
    t,
    graph.outputs.map(({ name }) => values.get(name)!),
  );
  return { t, values: new Map(graph.outputs.map(({ name }) => [name, found.get(values.get(name)!)!])) };
}

/** Computes what does not depend on the inputs. */
function foldConstants(t: Tape): void {
  const left = budget();
  const rest = t.nodes.filter((node) => {
    const types = node.inputs.map((name) => t.type(name));
    if (node.op === 'scan') makeKnown(node as CoreNode<'scan'>, t);
    if (node.op === 'uniform' || !types.every(({ constant }) => constant)) return true;
    if (node.op === 'reshape') {
      // Alone worth a path of its own: it is what stands before most large weights, and changes none.
      const type = t.type(node.outputs[0]);
      t.types.set(node.outputs[0], { ...type, constant: { ...types[0].constant!, shape: [...type.shape] } });
      return false;
    }
    if (!affords(left, [node], t.type)) return true;
    const known = new Map(node.inputs.map((name, i) => [name, toValue(types[i].constant!)]));
    const made = runCore([node], known);
    for (const name of node.outputs) {
      const type = t.type(name);
      t.types.set(name, { ...type, constant: toTensor(made.get(name)!, type.dtype) });
    }
    return false;
  });
  t.nodes.length = 0;
  for (const node of rest) t.nodes.push(node);
}

/** Tells the body of a loop which of its whole values are known. */
function makeKnown({ inputs, options }: CoreNode<'scan'>, t: Tape): void {
  const { states, items, whole } = options;
  for (const [k, name] of whole.entries())
    t.types.set(name, t.type(inputs[states.length + items.length + k]));
}

const views = new Set(['reshape', 'transpose', 'slice', 'expand']);

const usualMost = (t: Tape, machine: Machine): number =>
  Math.max(machine.little, ALONE_EACH * t.nodes.filter(({ op }) => !views.has(op)).length);

/**
 * What a weight among zeros costs beside its multiplications, in multiplications: it is loaded with its place, for planes that
 * may fill one register. (VGG-19 on 32² at 90 %: 5.4 ms alone, 3.4 ms by two; at 95 %: 2.5 and 3.3.)
 */
const EACH_AMONG_ZEROS = 2;

/** Whether the convolutions and products of a run are at most so many multiplications of whole registers. */
const isLittle = (t: Tape, machine: Machine, most: number): boolean =>
  workOf(t, machine, t.nodes, most) <= most;

/** That work, or more than `most`. */
function workOf(t: Tape, machine: Machine, nodes: readonly CoreNode[], most: number): number {
  let work = 0;
  for (const node of nodes) {
    if (node.op === 'scan') {
      const { length, nodes: body } = node.options as CoreOptions['scan'];
      work += length * workOf(t, machine, body, most / length);
    }
    const result = node.op === 'conv' || node.op === 'matmul' ? t.type(node.outputs[0]).shape : [];
    if (node.op === 'matmul')
      work += (sizeOf(result) * t.type(node.inputs[0]).shape.at(-1)!) / machine.lanesPerVector;
    if (node.op === 'conv') {
      const weights = contentsOf(t, node.inputs[1]);
      const count = countOf(weights);
      const registers = Math.ceil(sizeOf(result.slice(2)) / machine.lanesPerVector);
      work += count * (registers + (2 * count < weights.length ? EACH_AMONG_ZEROS : 0));
    }
    if (work > most) return work;
  }
  return work;
}

function contentsOf(t: Tape, name: string): Float32Array {
  const { constant } = t.type(name);
  return constant ? floats(constant) : new Float32Array();
}
