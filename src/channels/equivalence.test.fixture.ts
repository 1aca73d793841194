/** For tests: a selection at random, and whether masking and shrinking compute the same. */
import assert from 'node:assert/strict';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { integer, normal, permutation, random, uniform } from '../base/index.js';
import { loadNetwork, type Machine } from '../engine/index.js';
import { expandModel, runCore, sampleShape } from '../graph/index.js';
import { valuesFor } from '../graph/ops/against.test.fixture.js';
import {
  bytesOf,
  emptyData,
  floatTensor,
  type Graph,
  isFloat,
  serializeModel,
  sizeOf,
  type Tensor,
} from '../onnx/index.js';
import { type Channels, emptied, maskChannels, type Selection, shrink } from './index.js';

/** Keeps about `share` of every group, a multiple of `roundTo` where there are as many, and at least one unit. */
export function halved(channels: Channels, seed: number, share = 0.5, roundTo = 1): Map<string, boolean[]> {
  return new Map(
    channels.groups.map(({ name, size }) => {
      const wanted = Math.max(1, Math.round(size * share));
      const count = size < roundTo ? size : Math.max(roundTo, Math.floor(wanted / roundTo) * roundTo);
      const kept = new Array<boolean>(size).fill(false);
      for (const i of permutation(random(seed, name), size).subarray(0, count)) kept[i] = true;
      return [name, kept];
    }),
  );
}

/** Every unit stays or goes by a coin, whole groups too where that is possible. */
export function tossed(channels: Channels, seed: number): Map<string, boolean[]> {
  const r = random(seed, 'toss');
  const selection = new Map(
    channels.groups.map(({ name, size }) => {
      const share = [0, 0.3, 0.7, 1][integer(r, 4)];
      return [name, Array.from({ length: size }, () => uniform(r) < share)];
    }),
  );
  for (let empty = emptied(channels, selection); empty.length > 0; empty = emptied(channels, selection)) {
    selection.get(empty[0][integer(r, empty[0].length)])![0] = true;
  }
  return selection;
}

/** As many normal numbers as anyone draws from here, over and over: a prime, so that no axis keeps step with it. */
const numbers = Float32Array.from({ length: 65537 }, (_, i) =>
  normal({ ...random(1, 'numbers'), at: 2 * i }),
);

/** Weights of a model whose file has none: all of them drawn anew, vectors (and so variances) positive. */
export function drawn(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  for (const [name, { dtype, shape }] of graph.initializers) {
    const size = sizeOf(shape);
    if (!isFloat(dtype) || size < 2) continue;
    const start = integer(random(2, name), numbers.length);
    const scale = Math.sqrt(shape[0] / size);
    const data = new Float32Array(size);
    for (let i = 0; i < size; i++) {
      const value = numbers[(start + i) % numbers.length];
      data[i] = shape.length > 1 ? scale * value : Math.abs(0.3 * value + 0.5);
    }
    initializers.set(name, floatTensor(shape, data));
  }
  return { ...graph, initializers };
}

/** Bytes of all initialisers. */
export const bytesIn = ({ initializers }: Graph): number =>
  [...initializers.values()].reduce((sum, { dtype, data }) => sum + bytesOf[dtype] * data.length, 0);

export interface Setting {
  inputShapes?: Record<string, readonly number[]>;
  seed?: number;
  batch?: number;
  machine?: Machine;
  /** Of onnxruntime and the engine. Default 1e-5. */
  tolerance?: number;
  /** Compare in float64 too, where only summing in another order differs. */
  exact?: boolean;
}

/** Numbers for the inputs: words below 90, masks of ones, pixels in [−1, 1). */
export function inputsOf(
  graph: Graph,
  { inputShapes, seed = 3, batch = 1 }: Setting,
): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map((value) => {
      const shape = sampleShape(value, inputShapes);
      const open = typeof value.shape?.[0] !== 'number';
      if (open && shape.length > 0) shape[0] = batch;
      const r = random(seed, value.name);
      const data = emptyData(value.dtype, sizeOf(shape));
      const one = (): number => {
        if (isFloat(value.dtype)) return 2 * uniform(r) - 1;
        return value.name.includes('mask') ? 1 : value.name.includes('type') ? 0 : integer(r, 90);
      };
      const big = data instanceof BigInt64Array;
      for (let i = 0; i < data.length; i++) {
        (data as (number | bigint)[] & typeof data)[i] = big ? BigInt(one()) : one();
      }
      return [value.name, { dtype: value.dtype, shape, data }];
    }),
  );
}

/** What onnxruntime computes, by output. */
export const ran = async (graph: Graph, inputs: Record<string, Tensor>): Promise<Map<string, Float64Array>> =>
  (await ranAll(graph, [inputs]))[0];

/** What onnxruntime computes of several inputs, their shapes alike or not. */
export async function ranAll(
  graph: Graph,
  all: readonly Record<string, Tensor>[],
): Promise<Map<string, Float64Array>[]> {
  const session = await InferenceSession.create(serializeModel(graph), {
    logSeverityLevel: 4,
    intraOpNumThreads: 1,
  });
  const found: Map<string, Float64Array>[] = [];
  for (const inputs of all) {
    const feeds = Object.entries(inputs).map(([name, { dtype, data, shape }]) => [
      name,
      new OrtTensor(dtype as 'float32', data as Float32Array, shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds));
    found.push(
      new Map(
        graph.outputs.map(({ name }) => [
          name,
          Float64Array.from(results[name].data as ArrayLike<number | bigint>, Number),
        ]),
      ),
    );
  }
  await session.release();
  return found;
}

/** Asserts that masked ≡ shrunk in onnxruntime at all the given shapes of the inputs, and gives the shrunk graph. */
export async function sameAtSizes(
  graph: Graph,
  channels: Channels,
  selection: Selection,
  sizes: readonly Record<string, readonly number[]>[],
): Promise<Graph> {
  const [masked, smaller] = [maskChannels(graph, channels, selection), shrink(graph, channels, selection)];
  const inputs = sizes.map((inputShapes) =>
    inputsOf(graph, { inputShapes, batch: Object.values(inputShapes)[0][0] }),
  );
  const [expected, found] = [await ranAll(masked, inputs), await ranAll(smaller, inputs)];
  for (const [i, shapes] of sizes.entries()) {
    const far = difference(expected[i], found[i]);
    assert.ok(far <= 1e-4, `at ${JSON.stringify(shapes)}, masked and shrunk differ by ${far}`);
  }
  return smaller;
}

function engineRan(graph: Graph, machine: Machine, inputs: Record<string, Tensor>, setting: Setting) {
  const network = loadNetwork(graph, { machine, inputShapes: setting.inputShapes });
  const batch = setting.batch ?? 1;
  const values = Object.fromEntries(
    Object.entries(inputs).map(([name, { data }]) => [
      name,
      Float32Array.from(data as ArrayLike<number | bigint>, Number),
    ]),
  );
  return network
    .inference({ batch })
    .run(values, batch)
    .finally(() => network.close());
}

/** The first sample in float64. */
function exactly(graph: Graph, inputs: Record<string, Tensor>, { inputShapes }: Setting) {
  const expanded = expandModel(graph, { inputShapes });
  const samples = Object.entries(inputs).map(([name, { dtype, data }]): [string, Tensor[]] => {
    const { shape } = expanded.tape.type(expanded.values.get(name)!);
    const sample: Tensor = {
      dtype,
      shape: [...shape],
      data: data.slice(0, sizeOf(shape)) as Float32Array,
    };
    return [name, [sample]];
  });
  const values = runCore(expanded.tape.nodes, valuesFor(graph, expanded, Object.fromEntries(samples)));
  return new Map(graph.outputs.map(({ name }) => [name, values.get(expanded.values.get(name)!)!.samples[0]]));
}

/** The largest difference over the largest number of all outputs; infinite where one is NaN and the other not. */
export function difference(
  a: ReadonlyMap<string, ArrayLike<number>>,
  b: ReadonlyMap<string, ArrayLike<number>>,
): number {
  let [scale, far] = [0, 0];
  for (const [name, left] of a) {
    const right = b.get(name)!;
    assert.equal(left.length, right.length, `size of ${name}`);
    for (let i = 0; i < left.length; i++) {
      if (Object.is(left[i], right[i])) {
        if (Number.isFinite(left[i])) scale = Math.max(scale, Math.abs(left[i]));
        continue;
      }
      scale = Math.max(scale, Math.abs(left[i]));
      far = Math.max(far, Math.abs(left[i] - right[i]));
      if (Number.isNaN(left[i]) || Number.isNaN(right[i])) return Number.POSITIVE_INFINITY;
    }
  }
  return far === 0 ? 0 : far / scale;
}

/** Asserts that masked ≡ shrunk in onnxruntime, in float64 if asked, on a machine if given; gives the shrunk graph. */
export async function sameComputed(
  graph: Graph,
  channels: Channels,
  selection: Selection,
  setting: Setting = {},
): Promise<Graph> {
  const [masked, smaller] = [maskChannels(graph, channels, selection), shrink(graph, channels, selection)];
  const inputs = inputsOf(graph, setting);
  const { tolerance = 1e-5, machine } = setting;
  const expected = await ran(masked, inputs);
  const found = difference(expected, await ran(smaller, inputs));
  assert.ok(found <= tolerance, `onnxruntime: masked and shrunk differ by ${found}`);
  if (setting.exact) {
    const far = difference(exactly(masked, inputs, setting), exactly(smaller, inputs, setting));
    assert.ok(far <= 1e-10, `in float64, masked and shrunk differ by ${far}`);
  }
  if (machine) {
    const [a, b] = [
      await engineRan(masked, machine, inputs, setting),
      await engineRan(smaller, machine, inputs, setting),
    ];
    const far = difference(new Map(Object.entries(a)), new Map(Object.entries(b)));
    assert.ok(far <= tolerance, `engine: masked and shrunk differ by ${far}`);
  }
  return smaller;
}
