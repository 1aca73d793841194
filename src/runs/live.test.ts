import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { random, uniform } from '../base/random.js';
import { findChannels, maskChannels } from '../channels/index.js';
import { sampleShape } from '../graph/expand.js';
import { inferTypes } from '../graph/facts/infer.js';
import { builder, buildNetwork, type NetworkOptions } from '../nn/index.js';
import { floats, floatTensor, type Graph, readModel, serializeModel, sizeOf } from '../onnx/index.js';
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

test('channels that are masked by their dependency groups are the dead ones', () => {
  for (const name of ['resnet20', 'vgg16', 'mobilenetv2', 'resnet50']) {
    const draw = random(1, name);
    const graph = zoo(name, { width: 0.25 });
    const channels = findChannels(graph);
    const kept = channels.groups.map(
      (group) =>
        [
          group.name,
          Array.from({ length: group.size }, (_, unit) => unit === 0 || uniform(draw) < 0.6),
        ] as const,
    );
    const expected = new Map<string, number[]>();
    for (const [g, [, units]] of kept.entries())
      for (const { tensor, role, positions } of channels.groups[g].members)
        if (role === 'out')
          expected.set(tensor, [
            ...(expected.get(tensor) ?? []),
            ...positions.filter((_, u) => !units[u]).flat(),
          ]);
    const masked = maskChannels(graph, channels, new Map(kept));
    for (const [weight, { dead }] of liveLayers(masked, inferTypes(masked)))
      assert.deepEqual(
        dead,
        (expected.get(weight) ?? []).sort((a, b) => a - b),
        `${name} ${weight}`,
      );
  }
});

type Results = Map<string, Float32Array>;

/** What each layer, and the graph, puts out for one sample. */
async function run(graph: Graph, layers: ReadonlySet<string>, sample: Float32Array): Promise<Results> {
  const inside = graph.nodes.filter(({ inputs }) => layers.has(inputs[1])).map(({ outputs }) => outputs[0]);
  const names = [...new Set([...inside, ...graph.outputs.map(({ name }) => name)])];
  const outputs = names.map((name) => ({ name, dtype: 'float32' as const }));
  const session = await InferenceSession.create(serializeModel({ ...graph, outputs }), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 3,
  });
  const [{ name }] = graph.inputs;
  const results = await session.run({ [name]: new Tensor('float32', sample, sampleShape(graph.inputs[0])) });
  await session.release();
  return new Map(names.map((output) => [output, results[output].data as Float32Array]));
}

/** The graph with that fraction of the weights of its layers 0. */
function pruned(graph: Graph, sparsity: number, draw: ReturnType<typeof random>): Graph {
  const initializers = new Map(graph.initializers);
  for (const name of layerNames(graph)) {
    const tensor = graph.initializers.get(name)!;
    const values = floats(tensor).map((x) => (uniform(draw) < sparsity ? 0 : x));
    initializers.set(name, floatTensor(tensor.shape, values));
  }
  return { ...graph, initializers };
}

const layerNames = (graph: Graph) => new Set(liveLayers(graph, inferTypes(graph)).keys());

/**
 * Checks that every dead unit puts out the same for two inputs, or that noise on its weights changes nothing in the end;
 * filters are expected to be whole rows. Returns how many dead units there are.
 */
async function checkDead(graph: Graph, draw: ReturnType<typeof random>): Promise<number> {
  const live = liveLayers(graph, inferTypes(graph));
  const layers = new Set(live.keys());
  const length = sizeOf(sampleShape(graph.inputs[0]));
  const samples = [0, 1].map(() => Float32Array.from({ length }, () => uniform(draw)));
  const results = [await run(graph, layers, samples[0]), await run(graph, layers, samples[1])];
  const noisy = new Map(graph.initializers);
  let dead = 0;
  for (const { inputs, outputs } of graph.nodes) {
    const layer = live.get(inputs[1]);
    if (!layer) continue;
    const tensor = graph.initializers.get(inputs[1])!;
    const values = Float32Array.from(floats(tensor));
    const filter = values.length / layer.units;
    for (const unit of layer.dead) {
      const [one, two] = results.map((result) => {
        const output = result.get(outputs[0])!;
        const plane = output.length / layer.units;
        return Buffer.from(output.slice(unit * plane, (unit + 1) * plane).buffer);
      });
      if (!one.equals(two))
        for (let i = unit * filter; i < (unit + 1) * filter; i++) values[i] += uniform(draw);
    }
    dead += layer.dead.length;
    noisy.set(inputs[1], floatTensor(tensor.shape, values));
  }
  const after = await run({ ...graph, initializers: noisy }, layers, samples[0]);
  for (const { name } of graph.outputs) assert.deepEqual(after.get(name), results[0].get(name), name);
  return dead;
}

const claim = 'a dead unit is the same for every image, or its weights make no difference';

for (const name of ['resnet8', 'vgg16', 'mobilenetv2', 'resnet18'])
  test(`${name} at random: ${claim}`, async () => {
    for (const [seed, sparsity] of [0.9, 0.97, 0.99].entries()) {
      const draw = random(seed, name);
      const graph = pruned(zoo(name, { width: 0.25, seed }), sparsity, draw);
      assert.ok((await checkDead(graph, draw)) > 0);
    }
  });

const models = { yolo_fastestv2: 0.8, ultraface_rfb_320: 0.7, yunet_n_320: 0.7, cifar10_resnet_2b: 0.97 };

for (const [name, sparsity] of Object.entries(models))
  test(`${name} at random: ${claim}`, async (t) => {
    const file = fileURLToPath(new URL(`../../../shared/models/${name}.onnx`, import.meta.url));
    if (!existsSync(file)) return t.skip(`${name}.onnx is not there`);
    const draw = random(0, name);
    const graph = pruned(await readModel(file), sparsity, draw);
    const { deadUnits, units } = measure(graph);
    assert.equal(await checkDead(graph, draw), deadUnits);
    assert.ok(deadUnits > 0 && deadUnits < units, `${deadUnits} of ${units}`);
  });
