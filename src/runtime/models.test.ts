/**
 * Models of our own, and every real one that the engine runs, agree with onnxruntime here, too; so do networks of the zoo, dense and
 * pruned.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { integer, normal, random, UserError } from '../base/index.js';
import { type Machine, openMachine } from '../engine/index.js';
import { allCompared, type Compared } from '../engine/onnxruntime.test.fixture.js';
import { buildNetwork } from '../nn/index.js';
import { type Graph, serializeModel, sizeOf, type Value } from '../onnx/index.js';
import { modelOf } from './model.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const refused = /^(silero_vad_16k|squeezenet_winml)$/;
/** 224 × 224 networks of 4 to 20 thousand million multiply-adds; and one in 8 bits. */
const large = /^(light_vgg19|light_resnet50|densenet_small|super_resolution_opset10|light_densenet121)$/;
const quantized = /^(mobilenetv2_int8_qdq|a quantized network)$/;

function draw({ dtype, name }: Value, size: number): Float32Array {
  const r = random(5, name);
  const word = () => (name.includes('mask') ? 1 : name.includes('type') ? 0 : integer(r, 90));
  return Float32Array.from({ length: size }, () => (dtype.startsWith('int') ? word() : normal(r)));
}

const difference = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a, (x, i) => Math.abs(x - b[i])).reduce((sum, x) => sum + x, 0) / a.length;

/**
 * With activations of 8 bits a sum half-way between two levels goes to either by its last bit, and later layers spread that:
 * onnxruntime optimised and unoptimised differ by it, too. Ours may not be further from the unoptimised one, on average, than that
 * (times 1.5, for one draw is not another), and must lie on the levels of the output.
 */
async function checkQuantized(graph: Graph, file: string | Uint8Array): Promise<void> {
  const model = await modelOf(graph, { machine });
  const [[input, shape]] = model.inputs;
  const data = draw(graph.inputs[0], sizeOf(shape));
  const [ours] = Object.values(await model.run({ [input]: data }));
  await model.close();
  const theirs = async (graphOptimizationLevel: 'disabled' | 'all') => {
    const options = { logSeverityLevel: 4, intraOpNumThreads: 2, graphOptimizationLevel } as const;
    const session = await InferenceSession.create(file as string, options);
    const [output] = Object.values(await session.run({ [input]: new Tensor('float32', data, shape) }));
    await session.release();
    return output.data as Float32Array;
  };
  const [plain, optimised] = [await theirs('disabled'), await theirs('all')];
  assert.ok(difference(ours, plain) <= 1.5 * difference(optimised, plain));
  const levels = [...new Set(plain)].sort((a, b) => a - b);
  const step = Math.min(...levels.slice(1).map((level, i) => level - levels[i]));
  for (const x of ours) assert.ok(Math.abs(x / step - Math.round(x / step)) < 1e-3, `${x} is no level`);
}

/** The largest difference from onnxruntime as a share of what is allowed: 1e-4 of the largest element, and 1e-6. */
async function excess(
  graph: Graph,
  file: string | Uint8Array,
  inputShapes?: Compared['inputShapes'],
): Promise<number> {
  const model = await modelOf(graph, { machine, inputShapes });
  const inputs: Record<string, Float32Array> = {};
  const feeds: Record<string, Tensor> = {};
  for (const input of graph.inputs) {
    const shape = model.inputs.get(input.name)!;
    const data = draw(input, sizeOf(shape));
    inputs[input.name] = data;
    if (input.dtype === 'int64')
      feeds[input.name] = new Tensor('int64', BigInt64Array.from(data, BigInt), shape);
    else if (input.dtype === 'int32') feeds[input.name] = new Tensor('int32', Int32Array.from(data), shape);
    else feeds[input.name] = new Tensor('float32', data, shape);
  }
  const actual = await model.run(inputs);
  await model.close();
  const session = await InferenceSession.create(file as string, {
    logSeverityLevel: 4,
    intraOpNumThreads: 2,
  });
  const expected = await session.run(feeds);
  await session.release();
  let worst = 0;
  for (const { name } of graph.outputs) {
    const reference = Float64Array.from(expected[name].data as ArrayLike<number | bigint>, Number);
    assert.equal(actual[name].length, reference.length);
    const scale = reference.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    const difference = reference.reduce(
      (most, x, i) => Math.max(most, Object.is(x, actual[name][i]) ? 0 : Math.abs(x - actual[name][i])),
      0,
    );
    worst = Math.max(worst, difference / (1e-4 * scale + 1e-6));
  }
  return worst;
}

for (const { name, read, file, inputShapes } of allCompared())
  test(name, async (t) => {
    if (large.test(name)) return t.skip('large: not run here');
    if (refused.test(name)) return assert.rejects(async () => excess(await read(), file), UserError);
    if (quantized.test(name)) return checkQuantized(await read(), file);
    const found = await excess(await read(), file, inputShapes);
    assert.ok(found <= 1, `${found} times what is allowed`);
  });

/** Every weight kept with this probability, the others scaled up so that signals stay as strong. */
function pruned(graph: Graph, density: number): Graph {
  const r = random(7, 'mask');
  const initializers = new Map(graph.initializers);
  for (const [name, tensor] of initializers) {
    if (tensor.shape.length < 2 || density === 1) continue;
    const data = (tensor.data as Float32Array).map((x) =>
      integer(r, 1000) < 1000 * density ? x / Math.sqrt(density) : 0,
    );
    initializers.set(name, { ...tensor, data });
  }
  return { ...graph, initializers };
}

for (const name of ['lenet5', 'resnet20', 'vgg16', 'resnet18', 'mobilenetv2'])
  test(`${name}, dense and pruned`, async () => {
    const width = name === 'vgg16' || name === 'resnet18' ? 0.25 : 1;
    const graph = buildNetwork(name, { shape: [3, 32, 32], classes: 10, seed: 1, width });
    for (const density of [1, 0.3, 0.1, 0.02]) {
      const model = pruned(graph, density);
      const found = await excess(model, serializeModel(model));
      assert.ok(found <= 1, `density ${density}: ${found} times what is allowed`);
    }
  });
