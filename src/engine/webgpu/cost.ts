/** What a training step costs on a GPU, told without one. */
import type { Graph } from '../../onnx/index.js';
import type { Machine } from '../machine.js';
import { loadNetwork } from '../network.js';
import { kernelNames, translate } from './translate.js';

/** Of a training step: dispatches, and what it must read and write at least. */
export interface GpuCost {
  /** Dispatches of forward and backward. */
  gradients: number;
  /** Dispatches of the update of all parameters. */
  update: number;
  /** Bytes of the buffers of each step of forward and backward, each counted once. */
  bytes: number;
}

/** Of the words of a program, more than any has. */
const MOST_WORDS = 2 ** 18;
/** Words that are read of a table, at most. */
const TABLE = 2 ** 20;

/**
 * Compiles the training step of a model (SGD) as for a GPU and counts what it consists of. Nothing is computed; `memory` is a machine
 * that lends its memory, such as one of WebAssembly.
 */
export async function gpuCost(graph: Graph, memory: Machine, batch: number): Promise<GpuCost> {
  const counts: number[] = [];
  const words = (line: number) => {
    for (let length = TABLE; ; length /= 2)
      try {
        return memory.ints(line, length);
      } catch (error) {
        if (!(error instanceof RangeError) || length < 64) throw error;
      }
  };
  const machine: Machine = {
    ...memory,
    kernels: new Map(kernelNames.map((name, i) => [name, i])),
    formulas: new Map(),
    async run(program) {
      const own = memory.ints(program, MOST_WORDS);
      counts.push(translate(own, { memory: words, threads: 256 }).dispatches.length);
    },
  };
  const network = loadNetwork(graph, { machine });
  const training = network.training({ batch, optimizer: 'sgd' });
  const inputs = [...network.inputs].map(([name, shape]) => {
    const size = shape.reduce((n, dim) => n * dim, batch);
    return [name, new Float32Array(size)] as const;
  });
  await training.gradients(Object.fromEntries(inputs), new Int32Array(batch), batch, 0);
  await training.update({ learningRate: 0.1, weightDecay: 0, momentum: 0.9 });
  const bytes = training.steps().reduce((sum, step) => sum + step.bytes, 0);
  network.close();
  return { gradients: counts[0], update: counts[1], bytes };
}
