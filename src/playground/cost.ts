/** What a run will take, from a measured pass of the model: said before it starts. */
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { graphToTrain } from '../objectives/index.js';
import type { Graph, Value } from '../onnx/index.js';
import { type ModelTask, measure, openModel, openTask, type Task } from '../runs/index.js';
import { dataSpec, engineFor, RANDOM_SAMPLES, removesChannels } from './given.js';
import { MODEL } from './places.js';
import type { Choice, Cost } from './protocol.js';

/** Passes forwards that a sample takes in training: its own, twice backwards, and some for all that is around; one more with a teacher. */
const PASSES = 5;
const BATCH = 128;
/** What a sample takes in reconstruction: both networks, several times, since not all layers fit into memory at once. */
const RECONSTRUCTION_PASSES = 8;
/** Samples with which layers are reconstructed where there are data. */
const RECONSTRUCTION_SAMPLES = 512;
/** Multiplications of a second when equations are solved. */
const SOLVED_PER_SECOND = 5e8;
/** To export the model, and to check it in onnxruntime-web. */
const EXPORT_SECONDS = 2;
/** Multiply-accumulates of the pass that is measured, its samples at most, and passes of which the fastest counts. */
const MEASURED_MACS = 1e9;
const MOST_MEASURED = 64;
const TRIES = 3;
/** Samples that the engine computes side by side at least. */
const LANES = 16;

/** @throws UserError where the model cannot be run. */
export async function costOf({ data, epochs, distil, inputShape, ...choice }: Choice): Promise<Cost> {
  const machine = await openMachine({ engine: engineFor(choice) });
  try {
    const task: ModelTask & Partial<Pick<Task, 'dataset'>> =
      data === 'none'
        ? await openModel({ model: MODEL, inputShape })
        : await openTask({ model: MODEL, data: dataSpec(data), inputShape });
    const { train, test } = task.dataset ?? {};
    const forward = await measureForward(machine, task);
    const trains = train !== undefined && epochs > 0;
    const trained = trains ? train.length * epochs * (PASSES + (distil ? 1 : 0)) : 0;
    const measured = (test?.length ?? 0) * (epochs + 2);
    const solved = choice.reconstruct && removesChannels(choice.method);
    const samples = train ? Math.min(train.length, RECONSTRUCTION_SAMPLES) : RANDOM_SAMPLES;
    const passes = trained + measured + (solved ? samples * RECONSTRUCTION_PASSES : 0);
    const solving = solved ? solvingCost(task) : { seconds: 0, bytes: 0 };
    const held = solved ? forward.sampleBytes * samples + solving.bytes : forward.bytes;
    const weights = weightBytes(task.graph);
    return {
      seconds: EXPORT_SECONDS + solving.seconds + forward.seconds * passes,
      // Weights, with gradient, momentum and mask where they are trained.
      bytes: Math.max(held + weights, trains ? trainingBytes(machine, task) + 4 * weights : 0),
      limit: Number.isFinite(machine.room) ? machine.room : 0,
    };
  } finally {
    await machine.close();
  }
}

/** Of the equations that reconstruction solves: of each layer as many as an output has inputs, in double precision. */
function solvingCost({ graph, inputShapes }: ModelTask): { seconds: number; bytes: number } {
  const sizes = measure(graph, inputShapes).layers.map(({ shape, size }) =>
    shape.length > 2 ? size / shape[0] : Math.max(...shape),
  );
  return {
    seconds: sizes.reduce((sum, n) => sum + n ** 3 / 3, 0) / SOLVED_PER_SECOND,
    bytes: 8 * Math.max(0, ...sizes) ** 2,
  };
}

const weightBytes = ({ initializers }: Graph): number =>
  [...initializers.values()].reduce((sum, { data }) => sum + 4 * data.length, 0);

/** Seconds of a sample, and bytes of activations: of the pass that was measured, and of each sample. */
async function measureForward(
  machine: Machine,
  { graph, inputShapes }: ModelTask,
): Promise<{ seconds: number; bytes: number; sampleBytes: number }> {
  const { macs } = measure(graph, inputShapes);
  const count = Math.max(1, Math.min(MOST_MEASURED, Math.floor(MEASURED_MACS / Math.max(1, macs))));
  const network = loadNetwork(graph, { machine, inputShapes });
  try {
    const inference = network.inference({ batch: count });
    const inputs = zerosFor({ graph, inputShapes }, count);
    await inference.run(inputs, count);
    let fastest = Number.POSITIVE_INFINITY;
    for (let n = 0; n < TRIES; n++) {
      const begin = performance.now();
      await inference.run(inputs, count);
      fastest = Math.min(fastest, performance.now() - begin);
    }
    const { peakBytes: bytes } = inference;
    inference.close();
    return {
      seconds: fastest / 1000 / count,
      bytes,
      sampleBytes: bytes / (LANES * Math.ceil(count / LANES)),
    };
  } finally {
    network.close();
  }
}

function zerosFor({ graph, inputShapes }: ModelTask, count: number): Record<string, Float32Array> {
  const sizeOf = ({ name, shape }: Value): number => {
    const [, ...sample] = inputShapes[name] ?? shape ?? [];
    return sample.reduce<number>((size, dim) => size * Number(dim), 1);
  };
  return Object.fromEntries(
    graph.inputs.map((input) => [input.name, new Float32Array(count * sizeOf(input))]),
  );
}

/** Of the activations of a step. */
function trainingBytes(machine: Machine, { graph, inputShapes }: ModelTask): number {
  const network = loadNetwork(graphToTrain(graph, undefined), { machine, inputShapes });
  try {
    const training = network.training({ batch: BATCH, optimizer: 'sgd' });
    const { peakBytes } = training;
    training.close();
    return peakBytes;
  } finally {
    network.close();
  }
}
