/** A network in a machine's memory: its weights stay there, programs for inference and training share them. */
import { totalmem } from 'node:os';
import { fail } from '../base/errors.js';
import { differentiate } from '../graph/differentiate.js';
import { type Expanded, expandModel } from '../graph/expand.js';
import type { Graph, Tensor } from '../onnx/model.js';
import { floats, sizeOf } from '../onnx/tensor.js';
import { compile, type Program } from './compile.js';
import { type Place, wholePlace } from './lowering/place.js';
import type { Machine } from './machine.js';
import type { Inference, InferenceOptions, Network, Parameter, Training, TrainingOptions } from './types.js';
import { updater } from './update.js';

const LANES = 16;
/** Share of the machine's memory that activations may take. */
const MEMORY_SHARE = 0.7;
const WASM_MEMORY = 3.5e9;

export interface LoadOptions {
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
  const { machine, inputShapes } = options;
  const expand = (training: boolean) => expandModel(graph, { training, inputShapes });
  const inferring = expand(false);
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
  const track = <P extends { close(): void }>(program: P): P => {
    const tracked: P = {
      ...program,
      close() {
        if (programs.delete(tracked)) program.close();
      },
    };
    programs.add(tracked);
    return tracked;
  };
  return {
    graph,
    machine,
    parameters,
    inputs,
    state: new Map([...inferring.state].map((name) => [name, held.get(name)!.data])),
    inference: (o) => track(inference(graph, inferring, machine, places, o)),
    training: (o) => track(training(graph, expand(true), machine, places, parameters, o)),
    snapshot() {
      const initializers = new Map(graph.initializers);
      for (const [name, h] of held) initializers.set(name, changed(graph.initializers.get(name)!, h.data));
      return { ...graph, initializers };
    },
    close() {
      for (const program of programs) program.close();
      for (const h of held.values()) machine.free(h.line);
      held.clear();
    },
  };
}

function hold(machine: Machine, tensor: Tensor): Held {
  const size = Math.max(1, sizeOf(tensor.shape));
  const line = machine.allocate(size * 4);
  const data = machine.floats(line, size);
  data.set(floats(tensor));
  return { line, shape: tensor.shape, data };
}

/** A core shape without the batch dimension that stands as 1 in it. */
const sampleOf = (shape: readonly number[]): readonly number[] => (shape[0] === 1 ? shape.slice(1) : shape);

/** The tensor with new contents, in the type it had. */
const changed = (tensor: Tensor, data: Float32Array): Tensor => ({
  ...tensor,
  data: tensor.dtype === 'float64' ? Float64Array.from(data) : data.slice(0, sizeOf(tensor.shape)),
});

const placeOf = (h: Held): Place => wholePlace({ laned: false, size: h.data.length, fixed: h.line }, h.shape);

function inference(
  graph: Graph,
  model: Expanded,
  machine: Machine,
  places: ReadonlyMap<string, Place>,
  o: InferenceOptions,
): Inference {
  const names = o.outputs ?? graph.outputs.map((output) => output.name);
  const cores = names.map(
    (name) => model.values.get(name) ?? fail(`The model has no value '${name}' to give out.`),
  );
  const inputs = graph.inputs.map((input) => input.name);
  const program = compile({ machine, tape: model.tape, batch: o.batch, outputs: cores, inputs, places })!;
  const shapes = cores.map((core) => sampleOf(model.tape.type(core).shape));
  return {
    batch: o.batch,
    peakBytes: program.peakBytes,
    outputs: new Map(names.map((name, i) => [name, shapes[i]])),
    async run(values, count) {
      for (const name of inputs)
        writeInput(program, name, values[name], count, sizeOf(model.tape.type(name).shape), o.batch);
      await program.run(count);
      return Object.fromEntries(names.map((name, i) => [name, program.read(cores[i], count)]));
    },
    close: program.close,
  };
}

function writeInput(
  program: Program,
  name: string,
  data: Float32Array | undefined,
  count: number,
  size: number,
  batch: number,
) {
  if (!data) fail(`The input '${name}' is missing; give its values.`);
  if (count > batch)
    fail(`${count} samples were given to a program for at most ${batch}; give fewer at a time.`);
  if (data.length !== size * count) {
    fail(
      `The input '${name}' has ${data.length} numbers, but ${count} samples of ${size} need ${size * count}.`,
    );
  }
  program.write(name, data, count);
}

function training(
  graph: Graph,
  model: Expanded,
  machine: Machine,
  places: ReadonlyMap<string, Place>,
  parameters: ReadonlyMap<string, Parameter>,
  o: TrainingOptions,
): Training {
  const trained = [...parameters.values()]
    .filter(o.trained ?? (() => true))
    .map((p) => ({ ...p, line: places.get(p.name)!.buffer.fixed! }));
  const update = updater(machine, trained, o.optimizer);
  const { tape } = model;
  const [image] = graph.inputs;
  if (graph.inputs.length !== 1 || graph.outputs.length !== 1) {
    fail(
      `Training needs a model with one input and one output; this one has ${graph.inputs.length} and ${graph.outputs.length}.`,
    );
  }
  const logits = model.values.get(graph.outputs[0].name)!;
  const labels = tape.declare('labels#', { dtype: 'float32', shape: [1], laned: true });
  const [loss, correct, seed] = tape.emit('crossEntropy', [logits, labels], {
    smoothing: o.labelSmoothing ?? 0,
  });
  const backwardFrom = tape.nodes.length - 1;
  const gradients = differentiate(
    tape,
    new Map([[logits, seed]]),
    trained.map((p) => p.name),
  );
  const destined = new Map<string, Place>();
  for (const [name, value] of gradients) {
    const slot = update.slots.get(name)!;
    const { shape } = tape.type(value);
    // Two parameters of one sum have one gradient; each gets a value of its own.
    const core = destined.has(value) ? tape.emit('reshape', [value], { shape })[0] : value;
    const buffer = { laned: false, size: slot.gradient.length, fixed: slot.gradientLine };
    destined.set(core, wholePlace(buffer, shape));
  }
  const limit =
    o.memory ?? Math.min(totalmem() * MEMORY_SHARE, machine.kind === 'wasm' ? WASM_MEMORY : Infinity);
  const inputs = [image.name, labels];
  const options = {
    machine,
    tape,
    outputs: [loss, correct],
    inputs,
    places,
    destined,
    backwardFrom,
    memory: limit,
  };
  const program = largest(o.batch, (batch) => compile({ ...options, batch }), limit, update.close);
  const size = sizeOf(tape.type(image.name).shape);
  const part = program.batch;
  const sums = part < o.batch ? update.sums() : undefined;
  return {
    batch: o.batch,
    microBatch: part,
    peakBytes: program.peakBytes,
    slots: update.slots,
    async gradients(images, answers, count, step) {
      let totalLoss = 0;
      let totalCorrect = 0;
      for (let from = 0; from < count; from += part) {
        const n = Math.min(part, count - from);
        writeInput(
          program,
          image.name,
          n === count ? images : images.subarray(from * size, (from + n) * size),
          n,
          size,
          part,
        );
        program.write(labels, answers.subarray(from, from + n), n);
        await program.run(n, { whole: count, seed: o.seed ?? 0, step: step * 4096 + from / part });
        totalLoss += program.read(loss, n)[0];
        totalCorrect += program.read(correct, n)[0];
        await sums?.add(from === 0);
      }
      sums?.finish();
      return { loss: totalLoss, correct: totalCorrect };
    },
    update: update.step,
    profile: program.profile,
    close() {
      program.close();
      sums?.close();
      update.close();
    },
  };
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
