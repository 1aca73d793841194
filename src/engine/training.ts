/** The training step as two programs: forward, loss and backward; and the update. */
import { totalmem } from 'node:os';
import { fail } from '../base/index.js';
import { differentiate, type Expanded } from '../graph/index.js';
import type { Graph } from '../onnx/index.js';
import { compile, type Program } from './compile.js';
import { destinations, patternsOf } from './destinations.js';
import { type Directions, openDirections } from './directions.js';
import { goalOf } from './goal.js';
import { LANES, type Place } from './lowering/place.js';
import type { Machine } from './machine.js';
import type { Block } from './memory.js';
import { passesOf } from './passes.js';
import type { Parameter, SlotPart, Training, TrainingOptions } from './types.js';
import { type Trained, type Updater, updater } from './update.js';

/** Share of the machine's memory that activations may take. */
const MEMORY_SHARE = 0.7;

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
  const { graph, model, machine } = network;
  const { tape } = model;
  const trained = trainedOf(network, o);
  const { optimizer } = o;
  const update = updater(machine, trained, typeof optimizer === 'string' ? () => optimizer : optimizer);
  const given = graph.inputs.map(({ name }) => name);
  const { goal, directions, destined } = emitStep(network, o, trained, update);
  const memory = o.memory ?? memoryFor(machine);
  const free = () => {
    update.close();
    directions?.close();
  };
  const options = {
    ...{ machine, tape, memory, ...destined, backwardFrom: goal.backwardFrom },
    outputs: goal.correct === undefined ? [goal.loss] : [goal.loss, goal.correct],
    inputs: [...given, ...goal.asked.map(({ name }) => name)],
    places: new Map([...network.places, ...(directions?.places ?? [])]),
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
    push: (parts, names) => pushParts(update, directions, parts, names),
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

/** The parameters that are trained, with the memory that they lie in. */
const trainedOf = ({ parameters, places }: TrainedNetwork, o: TrainingOptions): Trained[] =>
  [...parameters.values()]
    .filter(o.trained ?? (() => true))
    .map((p) => ({ ...p, block: places.get(p.name)!.buffer as Block }));

/** Emits the loss and its gradients, and where they are asked for how these change along directions, on the model's tape. */
function emitStep(
  { graph, model, machine }: TrainedNetwork,
  o: TrainingOptions,
  trained: readonly Trained[],
  update: Updater,
) {
  const { tape } = model;
  const { patterns } = tape;
  const goal = goalOf(graph, model, o);
  const all = differentiate(tape, goal.seeds, [...trained.map(({ name }) => name), ...patterns.keys()]);
  const gradients = new Map([...all].filter(([name]) => !patterns.has(name)));
  const directions = o.curvature ? openDirections(machine, tape, trained) : undefined;
  const changes = directions?.changes(gradients, goal.asked[0].name) ?? gradients;
  const destined = { ...destinations(tape, changes, update), patterns: patternsOf(tape, all) };
  return { goal, directions, destined };
}

function pushParts(
  update: Updater,
  directions: Directions | undefined,
  parts: readonly (SlotPart | 'direction')[],
  names: Iterable<string> = update.slots.keys(),
): void {
  const all = [...names];
  const own = parts.filter((part) => part !== 'direction');
  update.push(own, all);
  if (parts.includes('direction')) for (const name of all) directions!.push(name);
}

/** Bytes that activations may take. */
const memoryFor = ({ room }: Machine): number => Math.min(totalmem() * MEMORY_SHARE, room);

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
