/** Folding BatchNormalization and putting it back: neither changes what a network computes. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { normal, random, uniform } from '../../base/index.js';
import { memorySplit } from '../../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../../engine/index.js';
import { foldBatchNorm } from '../../graph/index.js';
import { buildNetwork } from '../../nn/index.js';
import {
  float,
  floats,
  floatTensor,
  type Graph,
  int,
  type Node,
  newSource,
  readModel,
  serializeModel,
  sizeOf,
} from '../../onnx/index.js';
import { ownModel } from '../../onnx/own-models.test.fixture.js';
import { weightsAsInitializers } from '../index.js';
import { type Calibration, measureStatistics, unfoldBatchNorm, unnormalized } from './unfold.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const shared = new URL('../../../../shared/models/', import.meta.url);
const norms = ({ nodes }: Graph) => nodes.filter(({ op }) => op === 'BatchNormalization').length;

test('what a model gives out stays, though it is a weight or a statistic that could be folded away', async () => {
  const plain = lived(buildNetwork('resnet8', { shape: [3, 8, 8], classes: 3, seed: 2 }));
  const [conv, norm] = ['Conv', 'BatchNormalization'].map(
    (op) => plain.nodes.find((node) => node.op === op)!,
  );
  const given = [conv.inputs[1], norm.inputs[4]];
  const graph = {
    ...plain,
    outputs: [...plain.outputs, ...given.map((name) => ({ name, dtype: 'float32' as const }))],
  };
  const folded = foldBatchNorm(graph);
  for (const name of given) assert.equal(folded.initializers.get(name), graph.initializers.get(name));
  assert.ok(norms(folded) < norms(graph));
  const [before, after] = [await outputsOf(graph), await outputsOf(folded)];
  for (const [i, output] of before.entries())
    for (const [k, value] of output.entries())
      assert.ok(Math.abs(value - after[i][k]) < 1e-4, `${i}, ${k}: ${value}, ${after[i][k]}`);
});

/** Images of noise. */
function noise(shape: readonly number[], count: number): Calibration {
  const r = random(9);
  const pixels = Float32Array.from({ length: count * sizeOf(shape) }, () => normal(r));
  const train = memorySplit(pixels, new Int32Array(count), shape as [number, number, number]);
  return { train, mean: [0], std: [1], scale: 1 };
}

/** The graph with every running statistic, scale and shift away from where training begins. */
function lived(graph: Graph): Graph {
  const r = random(3);
  const initializers = new Map(graph.initializers);
  for (const { op, inputs } of graph.nodes)
    if (op === 'BatchNormalization')
      for (const [k, name] of inputs.slice(1).entries()) {
        const { shape } = initializers.get(name)!;
        const draw = () => (k === 0 || k === 3 ? 0.5 + uniform(r) : 0.3 * normal(r));
        initializers.set(name, floatTensor(shape, Float32Array.from({ length: sizeOf(shape) }, draw)));
      }
  return { ...graph, initializers };
}

async function outputsOf(graph: Graph, count = 3): Promise<Float32Array[]> {
  const network = loadNetwork(graph, { machine });
  const [[input, shape]] = network.inputs;
  const r = random(7);
  const images = Float32Array.from({ length: count * sizeOf(shape) }, () => normal(r));
  const outputs = await network.inference({ batch: count }).run({ [input]: images }, count);
  network.close();
  return Object.values(outputs);
}

async function inOnnxruntime(graph: Graph): Promise<Float32Array[]> {
  const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
  const [{ name, shape }] = graph.inputs;
  const r = random(7);
  const dims = shape!.map((dim) => (typeof dim === 'number' ? dim : 1));
  const feed = new Tensor(
    'float32',
    Float32Array.from({ length: sizeOf(dims) }, () => normal(r)),
    dims,
  );
  const found = await session.run({ [name]: feed });
  await session.release();
  return graph.outputs.map((output) => found[output.name].data as Float32Array);
}

function same(actual: readonly Float32Array[], expected: readonly Float32Array[], what: string): void {
  for (const [k, values] of expected.entries()) {
    const scale = values.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
    const gap = values.reduce((most, x, i) => Math.max(most, Math.abs(x - actual[k][i])), 0);
    assert.ok(gap <= 1e-5 * scale, `${what}: output ${k} differs by ${gap} of ${scale}`);
  }
}

for (const name of ['resnet8', 'vgg16', 'mobilenetv2']) {
  test(`${name}: folded, and put back`, async () => {
    const shape: [number, number, number] = [3, 32, 32];
    const graph = lived(buildNetwork(name, { shape, classes: 10, seed: 1, width: 0.25 }));
    const before = await outputsOf(graph);
    const folded = foldBatchNorm(graph);
    assert.ok(norms(graph) > 0);
    assert.equal(norms(folded), 0);
    assert.ok(folded.initializers.size < graph.initializers.size);
    same(await outputsOf(folded), before, 'folded');
    const statistics = await measureStatistics(folded, noise(shape, 40), { machine });
    const unfolded = unfoldBatchNorm(folded, statistics);
    assert.ok(norms(unfolded) >= norms(graph), `${norms(unfolded)} of ${norms(graph)}`);
    same(await outputsOf(unfolded), before, 'unfolded');
    same(await outputsOf(foldBatchNorm(unfolded)), before, 'folded again');
    assert.deepEqual(unnormalized(unfolded), []);
  });
}

const files: Record<string, number> = {
  cifar10_resnet_2b: 6,
  cifar_base_kw: 3,
  mnist_cnn_pytorch_opset9: 3,
  unet_small: 12,
  ultraface_rfb_320: 0,
};

for (const [name, least] of Object.entries(files)) {
  test(`${name}: the same with BatchNormalization as without`, async (t) => {
    const path = fileURLToPath(new URL(`${name}.onnx`, shared));
    if (!existsSync(path)) return t.skip('the folder of models is not there');
    const graph = await readModel(path);
    const shape = graph.inputs[0].shape!.slice(1) as number[];
    const statistics = await measureStatistics(graph, noise(shape, 4), { machine, batch: 4 });
    const unfolded = unfoldBatchNorm(graph, statistics);
    assert.ok(statistics.size >= least && statistics.size > 0, `${statistics.size} layers`);
    assert.equal(norms(unfolded), norms(graph) + statistics.size);
    same(await inOnnxruntime(unfolded), await inOnnxruntime(graph), name);
  });
}

for (const name of ['a plain CNN', 'a super-resolution'])
  test(`${name} of our own: the same with BatchNormalization as without`, async () => {
    const graph = weightsAsInitializers(await ownModel(name));
    const shape = graph.inputs[0].shape!.slice(1) as number[];
    const statistics = await measureStatistics(graph, noise(shape, 4), { machine, batch: 4 });
    assert.ok(statistics.size > 0);
    const unfolded = unfoldBatchNorm(graph, statistics);
    assert.equal(norms(unfolded), norms(graph) + statistics.size);
    same(await inOnnxruntime(unfolded), await inOnnxruntime(graph), name);
  });

/** x [N, 4, 3, 3] → ConvTranspose in two groups → BN → flat → MatMul (+ Add) → BN → Gemm, α and β other than 1 → BN. */
function odd(withBias: boolean): Graph {
  const r = random(5);
  const nodes: Node[] = [];
  const initializers: Graph['initializers'] = new Map();
  const weight = (name: string, ...shape: number[]) => {
    initializers.set(
      name,
      floatTensor(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, () => normal(r)),
      ),
    );
    return name;
  };
  const node = (op: string, inputs: string[], attributes: Node['attributes'] = {}) => {
    const name = `n${nodes.length}`;
    nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
    return name;
  };
  const norm = (x: string, channels: number) => {
    const names = ['scale', 'shift', 'mean', 'variance'].map((kind) => weight(`${x}.${kind}`, channels));
    return node('BatchNormalization', [x, ...names], { epsilon: float(0.01) });
  };
  let x = node('ConvTranspose', ['x', weight('up', 4, 3, 2, 2), weight('upBias', 6)], { group: int(2) });
  x = node('Flatten', [norm(x, 6)]);
  x = node('MatMul', [x, weight('matrix', 6 * 16, 5)]);
  if (withBias) x = node('Add', [weight('matrixBias', 5), x]);
  x = norm(x, 5);
  x = node('Gemm', [x, weight('gemm', 5, 7), weight('gemmBias', 1, 7)], {
    alpha: float(0.5),
    beta: float(3),
  });
  x = norm(x, 7);
  return lived({
    name: 'odd',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 4, 3, 3] }],
    outputs: [{ name: x, dtype: 'float32', shape: ['N', 7] }],
    nodes,
    initializers,
    declared: new Map(),
    source: newSource(17),
  });
}

for (const withBias of [true, false])
  test(`grouped ConvTranspose, MatMul ${withBias ? 'with' : 'without'} bias, Gemm with factors`, async () => {
    const graph = odd(withBias);
    const folded = foldBatchNorm(graph);
    assert.equal(norms(folded), 0);
    same(await outputsOf(folded), await outputsOf(graph), 'folded');
    const statistics = await measureStatistics(folded, noise([4, 3, 3], 40), { machine, batch: 16 });
    assert.equal(statistics.size, 2, 'all but the last layer');
    same(await outputsOf(unfoldBatchNorm(folded, statistics)), await outputsOf(graph), 'unfolded');
  });

test('what other nodes read too is not folded', () => {
  const graph = odd(true);
  const [first, second] = [graph.nodes[0], graph.nodes.at(-3)!];
  const spy: Node = {
    ...first,
    name: 'spy',
    op: 'Relu',
    inputs: [first.outputs[0]],
    outputs: ['spy'],
    attributes: {},
  };
  const also = { ...graph, nodes: [...graph.nodes, spy] };
  assert.equal(norms(foldBatchNorm(also)), 1);
  const given = {
    ...graph,
    outputs: [...graph.outputs, { name: first.outputs[0], dtype: 'float32' as const }],
  };
  assert.equal(norms(foldBatchNorm(given)), 1);
  assert.equal(second.op, 'BatchNormalization');
});

test('statistics are those of all pixels of all images, and a dead channel has the smallest scale', async () => {
  const weight = floatTensor([2, 1, 1, 1], [2, 0]);
  const node = (op: string, inputs: string[], output: string): Node => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes: {} },
  });
  const graph: Graph = {
    name: 'pixels',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1, 2, 2] }],
    outputs: [{ name: 'z', dtype: 'float32', shape: ['N', 1, 2, 2] }],
    nodes: [node('Conv', ['x', 'w', 'b'], 'y'), node('Relu', ['y'], 'r'), node('Conv', ['r', 'v'], 'z')],
    initializers: new Map([
      ['w', weight],
      ['b', floatTensor([2], [1, -3])],
      ['v', floatTensor([1, 2, 1, 1], [1, 1])],
    ]),
    declared: new Map(),
    source: newSource(17),
  };
  const pixels = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 12);
  const train = memorySplit(pixels, new Int32Array(3), [1, 2, 2]);
  const data = { train, mean: [0], std: [1], scale: 1 };
  const statistics = await measureStatistics(graph, data, { machine, batch: 2 });
  const { mean, variance } = statistics.get('y')!;
  assert.deepEqual([...mean], [9, -3]);
  const spread = pixels.reduce((sum, x) => sum + (2 * x - 8) ** 2, 0) / 12;
  assert.ok(Math.abs(variance[0] - spread) < 1e-5 && variance[1] === 0, `${variance}`);
  const { initializers } = unfoldBatchNorm(graph, statistics, { epsilon: 1e-4 });
  const [gamma] = [...initializers]
    .filter(([name]) => name.endsWith('norm.weight'))
    .map(([, t]) => floats(t));
  assert.ok(Math.abs(gamma[1] - 0.01) < 1e-8 && gamma[0] > 7);
});

test('statistics of another model are refused', () => {
  const statistics = new Map([['nowhere', { mean: new Float32Array(3), variance: new Float32Array(3) }]]);
  assert.throws(() => unfoldBatchNorm(odd(true), statistics), /no layer nowhere with 3 channels/);
});
