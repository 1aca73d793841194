/**
 * Ways to a model's answers: the engine, onnxruntime with and without its optimisations, and the reference in double precision. A
 * check compares any two of them.
 */
import { readFile } from 'node:fs/promises';
import {
  type Inference,
  type InferenceOptions,
  loadNetwork,
  type Machine,
  MemoryError,
  type Network,
} from '../../engine/index.js';
import { answerInDoubles } from '../../graph/index.js';
import { type Graph, widenedFile } from '../../onnx/index.js';
import { isForRuntime, modelOf } from '../../runtime/internal.js';
import { type Answers, dataOf, shapesOf, type Trial } from '../samples.js';
import { isNarrowModel, wideInputs } from './narrow.js';
import { openChecker } from './session.js';

export interface Answerer {
  /** As it is called in sentences: 'the engine'. */
  readonly name: string;
  answer(trial: Trial): Promise<Answers>;
  close(): Promise<void>;
}

/** Bytes of activations that samples side by side may take in a check. */
const MOST_MEMORY = 1e9;

/** Computes each trial once. */
export function remembering(answerer: Answerer): Answerer {
  const known = new Map<Trial, Promise<Answers>>();
  return {
    ...answerer,
    answer(trial) {
      const found = known.get(trial) ?? answerer.answer(trial);
      known.set(trial, found);
      return found;
    },
  };
}

export interface EngineOptions {
  machine: Machine;
  /** Values to give; default the outputs of the model. */
  outputs?: readonly string[];
  /** Most bytes of activations with samples side by side. */
  memory?: number;
}

/**
 * The engine, samples side by side; where that would take too much memory, since most of its sixteen lanes are idle for few samples of
 * large images, the runtime, one after another.
 */
export function engineAnswerer(
  graph: Graph,
  { machine, outputs, memory = MOST_MEMORY }: EngineOptions,
): Answerer {
  const dtypes = new Map(graph.outputs.map(({ name, dtype }) => [name, dtype]));
  const run = async (trial: Trial) => {
    const inputShapes = shapesOf(trial);
    const network = loadNetwork(graph, { machine, inputShapes });
    try {
      const { samples: count = 1, shapes } = network.batch;
      const most = isForRuntime(machine) ? memory : undefined;
      const program = inferenceWithin(network, { batch: count, outputs, memory: most });
      if (program) return await program.run(dataOf(trial), count);
      return await runAlone(graph, dataOf(trial), { machine, inputShapes: shapes, outputs, count });
    } finally {
      network.close();
    }
  };
  return remembering({
    name: 'the engine',
    async answer(trial) {
      const found = Object.entries(await run(trial));
      return Object.fromEntries(
        found.map(([name, data]) => [name, { dtype: dtypes.get(name) ?? 'float32', data }]),
      );
    },
    close: async () => {},
  });
}

/** Undefined where it takes more memory than it may. */
function inferenceWithin(network: Network, options: InferenceOptions): Inference | undefined {
  try {
    return network.inference(options);
  } catch (error) {
    if (error instanceof MemoryError) return undefined;
    throw error;
  }
}

interface AloneOptions {
  machine: Machine;
  /** Of a single sample. */
  inputShapes: Record<string, number[]>;
  outputs?: readonly string[];
  count: number;
}

async function runAlone(
  graph: Graph,
  data: Record<string, Float32Array>,
  { machine, inputShapes, outputs, count }: AloneOptions,
): Promise<Record<string, Float32Array>> {
  const wanted = outputs?.map((name) => ({ name, dtype: 'float32' as const })) ?? graph.outputs;
  const model = modelOf({ ...graph, outputs: wanted }, { machine, inputShapes });
  try {
    const parts: Record<string, Float32Array>[] = [];
    for (let i = 0; i < count; i++) {
      const one = Object.entries(data).map(([name, all]) => {
        const size = all.length / count;
        return [name, all.subarray(i * size, (i + 1) * size)] as const;
      });
      parts.push(await model.run(Object.fromEntries(one)));
    }
    return Object.fromEntries(wanted.map(({ name }) => [name, joined(parts.map((part) => part[name]))]));
  } finally {
    await model.close();
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** The model in double precision, operator by operator; for small work only. */
export const referenceAnswerer = (graph: Graph): Answerer =>
  remembering({
    name: 'the reference in double precision',
    answer: async ({ inputs }) => answerInDoubles(graph, inputs),
    close: async () => {},
  });

export interface OnnxruntimeOptions {
  /** What the file holds. */
  graph: Graph;
  machine: Machine;
  /** Whether onnxruntime may fuse and rewrite the graph. */
  optimized: boolean;
  /** Whether floats of 16 bits stay that; default as float32, in which the engine computes them. */
  asWritten?: boolean;
}

/**
 * A file, or its bytes, in onnxruntime; undefined where that is not installed.
 * @throws UserError when it refuses the file.
 */
export async function onnxruntimeAnswerer(
  source: string | Uint8Array,
  { graph, machine, optimized, asWritten = false }: OnnxruntimeOptions,
): Promise<Answerer | undefined> {
  const widen = isNarrowModel(graph) && !asWritten;
  const given = widen ? widenedFile(typeof source === 'string' ? await readFile(source) : source) : source;
  const session = await openChecker(given, { name: graph.name, threads: machine.threads, optimized });
  if (!session) return undefined;
  return remembering({
    name: 'onnxruntime',
    answer: ({ inputs }) => session.run(widen ? wideInputs(inputs) : inputs),
    close: session.close,
  });
}
