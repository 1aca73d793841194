/** What a model costs on a GPU, told without one. */
import { everyNode, workOf } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { type Machine, toldBy } from '../machine.js';
import { loadNetwork } from '../network.js';
import type { Compiled, Network, StepTime } from '../types.js';
import { ROOM } from './driver.js';
import { kernelNames, TOLD, translate } from './translate.js';

/** Of a training step, or of inference. */
export interface GpuCost {
  /** Samples that go through together. */
  microBatch: number;
  /** Dispatches: of inference, or of forward and backward over the whole batch. */
  dispatches: number;
  /** Dispatches of the update of all parameters, in training. */
  update?: number;
  /** Floating-point operations of the products in convolutions and matrices, two for each multiply-accumulate. */
  flops: number;
  /** Bytes of the buffers of each step, each counted once: what must be read and written at least. */
  bytes: number;
}

/** Options of {@link gpuCost}. */
export interface GpuCostOptions {
  /** A machine that lends its memory, such as one of WebAssembly; nothing is computed on it. */
  memory: Machine;
  batch: number;
  /** A step of training with SGD; default inference. */
  train?: boolean;
  /** As of `loadNetwork`. */
  inputShapes?: Record<string, number[]>;
}

/** A card by its data sheet: operations and bytes in a second. */
export const H100 = { name: 'H100', flops: 67e12, bytes: 3e12 };

/** Words of a program or a table, more than any has. */
const MOST_WORDS = 2 ** 20;
/** Bytes that most adapters bind at once. */
const BOUND = 2 ** 31;
const PRODUCTS = ['conv', 'convInput', 'convWeight', 'matmul'];

/** A machine for which programs are compiled as for a GPU, and not run: what they would have been in dispatches is counted. */
export function asGpu(memory: Machine, onRun: (dispatches: number) => void = () => {}): Machine {
  const told = toldBy(TOLD);
  return {
    ...memory,
    kind: 'webgpu',
    engine: 'webgpu',
    description: 'webgpu',
    threads: 1,
    apart: true,
    room: Math.min(memory.room, ROOM * BOUND),
    told,
    lanesPerVector: told.VL,
    kernels: new Map(kernelNames.map((name, i) => [name, i])),
    formulas: new Map(),
    async run(program) {
      const words = (line: number) => wordsFrom(memory, line);
      onRun(translate(words(program), { memory: words, threads: 256 }).dispatches.length);
    },
  };
}

/** So many words from a line on, or as many as there are up to the end of the memory. */
function wordsFrom(memory: Machine, line: number): Int32Array {
  let [most, tooMany] = [0, MOST_WORDS + 1];
  for (let length = MOST_WORDS; most < tooMany - 1; length = Math.floor((most + tooMany) / 2))
    try {
      memory.ints(line, length);
      most = length;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      tooMany = length;
    }
  return memory.ints(line, most);
}

/** Compiles a model as for a GPU and counts what a run of it consists of. */
export async function gpuCost(graph: Graph, options: GpuCostOptions): Promise<GpuCost> {
  const { memory, inputShapes } = options;
  let dispatches = 0;
  const machine = asGpu(memory, (more) => {
    dispatches += more;
  });
  const network = loadNetwork(graph, { machine, inputShapes });
  try {
    return await (options.train ? ofTraining : ofInference)(network, options.batch, () => {
      const counted = dispatches;
      dispatches = 0;
      return counted;
    });
  } finally {
    network.close();
  }
}

/** @param counted dispatches since it was last called. */
async function ofTraining(network: Network, batch: number, counted: () => number): Promise<GpuCost> {
  const training = network.training({ batch, optimizer: 'sgd' });
  const { microBatch } = training;
  await training.gradients(zeros(network, batch), new Int32Array(batch), batch, 0);
  const dispatches = counted();
  await training.update({ learningRate: 0.1, weightDecay: 0, momentum: 0.9 });
  return { microBatch, dispatches, update: counted(), ...amounts(training, { batch, microBatch }) };
}

async function ofInference(network: Network, batch: number, counted: () => number): Promise<GpuCost> {
  const inference = network.inference({ batch });
  await inference.run(zeros(network, batch), batch);
  return {
    microBatch: batch,
    dispatches: counted(),
    ...amounts(inference, { batch, microBatch: batch }),
  };
}

const zeros = ({ inputs }: Network, batch: number): Record<string, Float32Array> =>
  Object.fromEntries(
    [...inputs].map(([name, shape]) => [name, new Float32Array(shape.reduce((n, dim) => n * dim, batch))]),
  );

function amounts(
  program: { steps(): readonly StepTime[]; readonly compiled?: Compiled },
  { batch, microBatch }: Pick<GpuCost, 'microBatch'> & { batch: number },
): Pick<GpuCost, 'flops' | 'bytes'> {
  const { layout, type } = program.compiled!;
  const products = everyNode(layout.nodes).filter(({ op }) => PRODUCTS.includes(op));
  const work = products.reduce((sum, node) => {
    const laned = [...node.inputs, ...node.outputs].some((name) => type(name).laned);
    return sum + (laned ? batch : 1) * workOf(node, type);
  }, 0);
  const bytes = program.steps().reduce((sum, step) => sum + step.bytes, 0);
  return { flops: 2 * work, bytes: Math.ceil(batch / microBatch) * bytes };
}
