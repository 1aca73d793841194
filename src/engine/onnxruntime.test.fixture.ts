/** For tests and docs/models.md: a model on the engine and in onnxruntime. */
import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { integer, random, UserError, uniform } from '../base/index.js';
import { type Graph, readModel, sizeOf, type Value } from '../onnx/index.js';
import { ownModels } from '../onnx/own-models.test.fixture.js';
import { type Inference, loadNetwork, type Machine, type Network } from './index.js';
import { openShapes } from './open-shapes.test.fixture.js';

/** What became of a model: refused in a sentence, or compared output by output. */
export type Outcome = { refused: string } | { outputs: Difference[] };

export interface Difference {
  output: string;
  /** Largest |engine − onnxruntime| over the output, and largest |onnxruntime|. */
  difference: number;
  scale: number;
  /** Whether both have their largest element at the same place. */
  samePeak: boolean;
  /** Whether onnxruntime gives the same number everywhere, as models without trained weights may. */
  uniform: boolean;
}

/** A model to be compared: as a file, or as a graph of our own. */
export interface Compared {
  name: string;
  read(): Promise<Graph>;
  /** What onnxruntime loads. */
  file: string | Uint8Array;
  /** Shapes of inputs that it leaves open. */
  inputShapes?: Record<string, readonly number[]>;
}

export const ofFile = (path: string): Compared => ({
  name: modelName(path),
  read: () => readModel(path),
  file: path,
  inputShapes: openShapes[modelName(path)],
});

/** Models of our own, and the real ones where there are any. */
export const allCompared = (): Compared[] => [...ownModels(), ...modelFiles().map(ofFile)];

/** Real models beside the checkout, by path. */
export function modelFiles(): string[] {
  const shared = new URL('../../../shared/', import.meta.url);
  return ['models/', 'weights/'].flatMap((folder) => {
    const url = new URL(folder, shared);
    try {
      const names = readdirSync(url).filter((name) => name.endsWith('.onnx'));
      return names.sort().map((name) => fileURLToPath(new URL(name, url)));
    } catch {
      return [];
    }
  });
}

export const modelName = (path: string): string => basename(path, '.onnx');

/** Numbers for an input: words, masks of ones, types of zeros, or pixels in [−1, 1). */
function draw(input: Value, size: number, stream: string): Float32Array {
  const r = random(3, stream, input.name);
  const one = () => {
    if (!input.dtype.startsWith('int')) return 2 * uniform(r) - 1;
    return input.name.includes('mask') ? 1 : input.name.includes('type') ? 0 : integer(r, 90);
  };
  return Float32Array.from({ length: size }, one);
}

function fed(input: Value, data: Float32Array, shape: readonly number[]): Tensor {
  if (input.dtype === 'int64') return new Tensor('int64', BigInt64Array.from(data, BigInt), shape);
  return input.dtype === 'int32'
    ? new Tensor('int32', Int32Array.from(data), shape)
    : new Tensor('float32', data, shape);
}

/**
 * Runs two different samples on the engine and compares the second with onnxruntime.
 * @param optimized whether onnxruntime may fuse and rewrite the graph.
 */
export async function compare(
  machine: Machine,
  { read, file, inputShapes }: Compared,
  optimized = true,
): Promise<Outcome> {
  let graph: Graph;
  let network: Network;
  let inference: Inference;
  try {
    graph = await read();
    network = loadNetwork(graph, { machine, inputShapes });
    inference = network.inference({ batch: 2 });
  } catch (error) {
    if (error instanceof UserError) return { refused: error.message };
    throw error;
  }
  const feeds: Record<string, Tensor> = {};
  const values: Record<string, Float32Array> = {};
  for (const input of graph.inputs) {
    const shape = network.inputs.get(input.name)!;
    const size = sizeOf(shape);
    values[input.name] = new Float32Array(2 * size);
    values[input.name].set(draw(input, size, 'first'));
    values[input.name].set(draw(input, size, 'second'), size);
    feeds[input.name] = fed(input, values[input.name].slice(size), network.batch.shapes[input.name]);
  }
  const actual = await inference.run(values, 2);
  network.close();
  const session = await InferenceSession.create(file as string, {
    logSeverityLevel: 4,
    intraOpNumThreads: 2,
    graphOptimizationLevel: optimized ? 'all' : 'disabled',
  });
  const expected = await session.run(feeds);
  await session.release();
  return {
    outputs: graph.outputs.map(({ name }) => {
      const reference = Float64Array.from(expected[name].data as ArrayLike<number | bigint>, Number);
      return { output: name, ...differenceOf(actual[name].subarray(actual[name].length / 2), reference) };
    }),
  };
}

function differenceOf(actual: Float32Array, expected: Float64Array): Omit<Difference, 'output'> {
  if (actual.length !== expected.length) throw new Error(`${actual.length} numbers, not ${expected.length}`);
  let difference = 0;
  let scale = 0;
  expected.forEach((e, i) => {
    scale = Math.max(scale, Math.abs(e));
    if (!Object.is(actual[i], e)) difference = Math.max(difference, Math.abs(actual[i] - e));
  });
  const peak = (from: ArrayLike<number>) => Array.from(from).reduce((p, x, i) => (x > from[p] ? i : p), 0);
  return {
    difference,
    scale,
    samePeak: peak(actual) === peak(expected),
    uniform: expected.length > 1 && expected.every((e) => e === expected[0]),
  };
}

/** onnxruntime's own sigmoid and tanh are off by up to 1e-6 where their values are small; hence the absolute part. */
export const agreesWithin = ({ difference, scale }: Difference): boolean => difference <= 1e-4 * scale + 1e-6;
