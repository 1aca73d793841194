/** The training step as two programs: forward, loss and backward; and the update. */
import { totalmem } from 'node:os';
import { fail, own } from '../base/index.js';
import { differentiate, type Expanded, type Tape } from '../graph/index.js';
import { type Graph, sizeOf } from '../onnx/index.js';
import { compile, type Program } from './compile.js';
import { openDirections } from './directions.js';
import { goalOf } from './goal.js';
import { byName, writeInput } from './input.js';
import { LANES, type Place, wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import type { Block } from './memory.js';
import { type Part, partsOf } from './parts.js';
import type { Parameter, Training, TrainingOptions } from './types.js';
import { type Updater, updater } from './update.js';

/** Share of the machine's memory that activations may take. */
const MEMORY_SHARE = 0.7;
/** Passes that one step may consist of, each with random numbers of its own. */
const MOST_PASSES = 4096;

/** A network's weights and how the training step reads it. */
export interface TrainedNetwork {
  graph: Graph;
  model: Expanded;
  machine: Machine;
  places: ReadonlyMap<string, Place>;
  parameters: ReadonlyMap<string, Parameter>;
}

/**
 * Compiles the training step; see {@link Training}.
 * @throws UserError where the output to train is not said, a teacher does not fit, or memory does not suffice.
 */
export function training(network: TrainedNetwork, o: TrainingOptions): Training {
  const { graph, model, machine, places, parameters } = network;
  const { tape } = model;
  const trained = [...parameters.values()]
    .filter(o.trained ?? (() => true))
    .map((p) => ({ ...p, block: places.get(p.name)!.buffer as Block }));
  const { optimizer } = o;
  const update = updater(machine, trained, typeof optimizer === 'string' ? () => optimizer : optimizer);
  const given = graph.inputs.map(({ name }) => name);
  const goal = goalOf(graph, model, o);
  const { patterns } = tape;
  const all = differentiate(tape, goal.seeds, [...trained.map(({ name }) => name), ...patterns.keys()]);
  const gradients = new Map([...all].filter(([name]) => !patterns.has(name)));
  const directions = o.curvature ? openDirections(machine, tape, trained) : undefined;
  const changes = directions?.changes(gradients, goal.asked[0].name) ?? gradients;
  const memory = o.memory ?? memoryFor(machine);
  const options = {
    ...{ machine, tape, memory, backwardFrom: goal.backwardFrom },
    outputs: goal.correct === undefined ? [goal.loss] : [goal.loss, goal.correct],
    inputs: [...given, ...goal.asked.map(({ name }) => name)],
    ...destinations(tape, changes, update),
    patterns: patternsOf(tape, all),
    places: new Map([...places, ...(directions?.places ?? [])]),
  };
  const free = () => {
    update.close();
    directions?.close();
  };
  const program = largest(o.batch, (batch) => compile({ ...options, batch }), memory, free);
  const samples = o.samples ?? 1;
  const sums = program.batch < o.batch || samples > 1 ? update.sums() : undefined;
  const begin = passesOf({ program, goal, given, tape, sums, seed: o.seed ?? 0, samples });
  return {
    batch: o.batch,
    microBatch: program.batch,
    peakBytes: program.peakBytes,
    slots: update.slots,
    directions: directions?.views,
    ahead: machine.apart,
    begin,
    gradients: async (...pass) => (await begin(...pass)).outcome(),
    pull: update.pull,
    push(parts, names = update.slots.keys()) {
      const all = [...names];
      update.push(
        parts.filter((part) => part !== 'direction'),
        all,
      );
      if (parts.includes('direction')) for (const name of all) directions!.push(name);
    },
    update: update.step,
    gradientNorm: update.norm,
    profile: program.profile,
    steps: program.steps,
    compiled: { layout: program.layout, type: tape.type },
    close() {
      program.close();
      sums?.close();
      free();
    },
  };
}

/** Bytes that activations may take. */
const memoryFor = ({ room }: Machine): number => Math.min(totalmem() * MEMORY_SHARE, room);

interface Passes {
  program: Program;
  goal: ReturnType<typeof goalOf>;
  /** Inputs of the model. */
  given: readonly string[];
  tape: Tape;
  /** Adds up the gradients of several passes. */
  sums?: ReturnType<Updater['sums']>;
  seed: number;
  /** Passes over a batch, at most. */
  samples: number;
}

/** Forward and backward over a batch: in as many parts as memory asks for, as often as the step wants samples of it. */
function passesOf({ program, goal, given, tape, sums, seed, samples: most }: Passes): Training['begin'] {
  const { loss, correct, asked, answersOf } = goal;
  const pass = async ({ inputs, answers, count }: Whole, [from, n]: Part, step: number, every: boolean) => {
    for (const name of given) {
      const size = sizeOf(tape.type(name).shape);
      const whole = own(inputs, name);
      const some = n === count ? whole : whole?.subarray(from * size, (from + n) * size);
      writeInput(program, name, some, n, size, program.batch);
    }
    for (const { name, size } of asked) {
      const some = own(answers, name)?.subarray(from * size, (from + n) * size);
      writeInput(program, name, some, n, size, program.batch);
    }
    await program.run(n, { whole: count, seed, step, every });
    return async () => {
      await program.pull(correct === undefined ? [loss] : [loss, correct]);
      return {
        loss: program.read(loss, n)[0],
        correct: correct === undefined ? undefined : program.read(correct, n)[0],
      };
    };
  };
  return async (values, answers, count, step, { dense = true, samples = most } = {}) => {
    const whole = { inputs: byName(values, given), answers: answersOf(answers, count), count };
    const total: Outcome = { loss: 0 };
    const add = (result: Outcome) => {
      total.loss += result.loss / samples;
      if (result.correct !== undefined) total.correct = (total.correct ?? 0) + result.correct / samples;
    };
    let passes = 0;
    let last: (() => Promise<Outcome>) | undefined;
    for (let sample = 0; sample < samples; sample++) {
      for (const part of partsOf(count, program.batch)) {
        if (last) add(await last());
        last = await pass(whole, part, step * MOST_PASSES + passes, dense);
        await sums?.add(passes++ === 0);
      }
    }
    await sums?.finish(samples);
    return {
      async outcome() {
        if (last) add(await last());
        return total;
      },
    };
  };
}

type Outcome = Awaited<ReturnType<Training['gradients']>>;

/** A batch. */
interface Whole {
  inputs: Readonly<Record<string, Float32Array>>;
  answers: Readonly<Record<string, Float32Array>>;
  count: number;
}

/**
 * Where each gradient goes: its parameter's slot; and the mask beside it. Two parameters of one sum have one gradient; each
 * gets a value of its own. A gradient that is another value reshaped is computed in place: the kernels know its mask then.
 */
function destinations(
  tape: Tape,
  gradients: ReadonlyMap<string, string>,
  update: Updater,
): { destined: Map<string, Place>; masks: Map<string, Place> } {
  const destined = new Map<string, Place>();
  const masks = new Map<string, Place>();
  for (const [name, value] of gradients) {
    const slot = update.slots.get(name)!;
    const { shape } = tape.type(value);
    const core = destined.has(value) ? tape.emit('reshape', [value], { shape })[0] : value;
    const { gradient, mask } = slot.blocks;
    destined.set(core, wholePlace(gradient, shape));
    const source = unshaped(tape, core);
    if (destined.has(source) && source !== core) continue;
    const own = tape.type(source).shape;
    destined.set(source, wholePlace(gradient, own));
    masks.set(source, wholePlace(mask, own));
  }
  return { destined, masks };
}

/** By gradient: the value that is 0 where the gradient is of no use. */
function patternsOf(tape: Tape, gradients: ReadonlyMap<string, string>): Map<string, string> {
  const known = [...tape.patterns].filter(([value]) => gradients.has(value));
  return new Map(known.map(([value, pattern]) => [unshaped(tape, gradients.get(value)!), pattern]));
}

/** What a value is a reshaped view of, where nothing else uses that. */
function unshaped(tape: Tape, value: string): string {
  const maker = tape.nodes.find((node) => node.outputs[0] === value);
  if (maker?.op !== 'reshape') return value;
  const [source] = maker.inputs;
  const users = tape.nodes.filter((node) => node.inputs.includes(source));
  return users.length === 1 && !tape.type(source).laned ? unshaped(tape, source) : value;
}

/** The program for the most samples that fit in memory: the batch, or halves of it again and again. */
function largest(
  batch: number,
  make: (batch: number) => Program | undefined,
  limit: number,
  giveUp: () => void,
): Program {
  for (let part = batch; ; part = Math.ceil(part / 2 / LANES) * LANES) {
    const program = make(part);
    if (program) return program;
    if (part <= LANES) {
      giveUp();
      fail(
        `Training this model needs more than the ${Math.round(limit / 1e6)} MB of memory there are even for ${LANES} samples; use a smaller model or input, or a machine with more memory.`,
      );
    }
  }
}
