import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { random, uniform } from '../base/random.js';
import { inferTypes } from '../graph/facts/infer.js';
import { builder, buildNetwork, type NetworkOptions } from '../nn/index.js';
import { floats, floatTensor, type Graph, serializeModel } from '../onnx/index.js';
import { liveLayers } from './live.js';
import { measure } from './measure.js';

const zoo = (name: string, options: Partial<NetworkOptions> = {}): Graph =>
  buildNetwork(name, { shape: [3, 32, 32], classes: 10, seed: 0, ...options });

/** The graph with the weights of `name` made 0 where `gone(out, in)` says so. */
function cut(graph: Graph, name: string, gone: (out: number, from: number) => boolean): Graph {
  const { shape } = graph.initializers.get(name)!;
  const inner = shape.slice(2).reduce((a, b) => a * b, 1);
  const values = floats(graph.initializers.get(name)!).map((x, e) =>
    gone(Math.floor(e / (inner * shape[1])), Math.floor(e / inner) % shape[1]) ? 0 : x,
  );
  return { ...graph, initializers: new Map(graph.initializers).set(name, floatTensor(shape, values)) };
}

const deadOf = (graph: Graph) =>
  Object.fromEntries(
    [...liveLayers(graph, inferTypes(graph))].flatMap(([name, { dead }]) =>
      dead.length ? [[name, dead.length]] : [],
    ),
  );

test('networks as they are built have no dead units', () => {
  for (const name of ['resnet8', 'vgg16', 'mobilenetv2', 'lenet5', 'resnet18'])
    assert.deepEqual(deadOf(zoo(name, name === 'lenet5' ? {} : { width: 0.25 })), {}, name);
});

test('a unit that nothing comes into, or out of, takes with it what hangs on it alone', () => {
  const inside = 'layer1.0.conv1.weight';
  const after = 'layer1.0.conv2.weight';
  const graph = zoo('resnet8');
  const noInput = cut(graph, inside, (out) => out < 3);
  assert.deepEqual(deadOf(noInput), { [inside]: 3 });
  const noOutput = cut(graph, after, (_, from) => from < 5);
  assert.deepEqual(deadOf(noOutput), { [inside]: 5 });
  const { effectiveMacs, liveMacs, effectiveSparsity, sparsity, prunable } = measure(noOutput);
  assert.equal(effectiveMacs - liveMacs, 5 * 16 * 9 * 32 * 32);
  assert.equal(Math.round((effectiveSparsity - sparsity) * prunable), 5 * 16 * 9);
});

test('in a residual sum a branch may die alone', () => {
  const graph = cut(zoo('resnet8'), 'layer1.0.conv2.weight', (out) => out === 0);
  assert.deepEqual(deadOf(graph), { 'layer1.0.conv2.weight': 1 });
  const emptied = cut(zoo('resnet8'), 'layer1.0.conv2.weight', () => true);
  assert.deepEqual(deadOf(emptied), { 'layer1.0.conv1.weight': 16, 'layer1.0.conv2.weight': 16 });
});

test('death spreads over depth-wise convolutions, pools and Flatten', () => {
  const mobile = zoo('mobilenetv2');
  const depthwise = mobile.nodes.filter((node) => (node.attributes.group?.value ?? 1) !== 1)[1].inputs[1];
  const weights = mobile.nodes.filter(({ op }) => op === 'Conv').map(({ inputs }) => inputs[1]);
  const before = weights[weights.indexOf(depthwise) - 1];
  assert.deepEqual(deadOf(cut(mobile, before, (out) => out < 2)), { [before]: 2, [depthwise]: 2 });

  const b = builder({ name: 'flat', seed: 0 });
  let x = b.input('x', [3, 8, 8]);
  x = b.relu(b.conv(x, { out: 4, kernel: 3, pad: 1, name: 'first' }));
  x = b.flatten(b.maxPool(x, { kernel: 2 }));
  x = b.linear(x, { out: 6, name: 'second' });
  const flat = b.finish({ y: b.linear(x, { out: 2, name: 'third' }) });
  const plane = 16;
  const unused = cut(flat, 'second.weight', (_, from) => Math.floor(from / plane) === 2);
  assert.deepEqual(deadOf(unused), { 'first.weight': 1 });
  const unreached = cut(flat, 'first.weight', (out) => out !== 1);
  const alive = liveLayers(unreached, inferTypes(unreached));
  assert.equal(alive.get('first.weight')!.dead.length, 3);
  assert.equal(alive.get('second.weight')!.live, 6 * plane);
});

test('a BatchNorm scale of 0 cuts its channel off', () => {
  const graph = zoo('resnet8');
  const scale = floats(graph.initializers.get('layer2.0.bn1.weight')!).map((x, c) => (c < 4 ? 0 : x));
  const initializers = new Map(graph.initializers).set('layer2.0.bn1.weight', floatTensor([32], scale));
  assert.deepEqual(deadOf({ ...graph, initializers }), { 'layer2.0.conv1.weight': 4 });
});

/** The graph's layers and last output, one sample in. */
async function run(graph: Graph, images: Float32Array): Promise<Map<string, Float32Array>> {
  const layers = layerNames(graph);
  const names = graph.nodes.filter(({ inputs }) => layers.has(inputs[1])).map(({ outputs }) => outputs[0]);
  const outputs = names.map((name) => ({ name, dtype: 'float32' as const }));
  const [{ name, shape }] = graph.inputs;
  const dims = [1, ...(shape!.slice(1) as number[])];
  const session = await InferenceSession.create(serializeModel({ ...graph, outputs }), {
    graphOptimizationLevel: 'disabled',
  });
  const results = await session.run({ [name]: new Tensor('float32', images, dims) });
  await session.release();
  return new Map(names.map((output) => [output, results[output].data as Float32Array]));
}

const layerNames = (graph: Graph) => new Set(liveLayers(graph, inferTypes(graph)).keys());

for (const name of ['resnet8', 'vgg16', 'mobilenetv2', 'resnet18'])
  test(`${name} at random: a dead unit is the same for every image, or its weights make no difference`, async () => {
    for (const [seed, sparsity] of [0.9, 0.97, 0.99].entries()) {
      const draw = random(seed, name);
      const dense = zoo(name, { width: 0.25, seed });
      const initializers = new Map(dense.initializers);
      for (const weight of layerNames(dense)) {
        const { shape } = dense.initializers.get(weight)!;
        const values = floats(dense.initializers.get(weight)!).map((x) => (uniform(draw) < sparsity ? 0 : x));
        initializers.set(weight, floatTensor(shape, values));
      }
      const graph = { ...dense, initializers };
      const live = liveLayers(graph, inferTypes(graph));
      const [one, two] = [0, 1].map(() => Float32Array.from({ length: 3 * 32 * 32 }, () => uniform(draw)));
      const [a, b] = [await run(graph, one), await run(graph, two)];
      const noisy = new Map(initializers);
      let dead = 0;
      for (const { inputs, outputs } of graph.nodes) {
        const layer = live.get(inputs[1]);
        if (!layer) continue;
        const { shape } = initializers.get(inputs[1])!;
        const values = Float32Array.from(floats(initializers.get(inputs[1])!));
        const [filter, plane] = [values.length / shape[0], a.get(outputs[0])!.length / layer.units];
        for (const unit of layer.dead) {
          dead++;
          const of = (result: Map<string, Float32Array>) =>
            result.get(outputs[0])!.subarray(unit * plane, (unit + 1) * plane);
          if (Buffer.from(of(a)).equals(Buffer.from(of(b)))) continue;
          for (let i = unit * filter; i < (unit + 1) * filter; i++) values[i] += uniform(draw);
        }
        noisy.set(inputs[1], floatTensor(shape, values));
      }
      assert.ok(dead > 0);
      const last = graph.outputs[0].name;
      const after = await run({ ...graph, initializers: noisy }, one);
      assert.deepEqual(after.get(last), a.get(last));
    }
  });
