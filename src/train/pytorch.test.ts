/** The loss, the optimisers and a small network's first steps, through the trainer and the engine, beside PyTorch's. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { memorySplit } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { type Attribute, floatTensor, type Graph, type Node, type Tensor } from '../onnx/index.js';
import { linearGraph } from './linear.test.fixture.js';
import { trainNetwork } from './loop.js';
import { type OptimizerSettings, resolveOptimizer, updateOptions } from './optimizer.js';

interface Values {
  shape: number[];
  data: number[];
}

const folder = new URL('../../src/engine/fixtures/', import.meta.url);
const fixtures = <T>(kind: string): (T & { name: string })[] =>
  readdirSync(new URL(kind, folder)).map((file) =>
    JSON.parse(readFileSync(new URL(`${kind}/${file}`, folder), 'utf8')),
  );

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

function near(actual: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  expected.forEach((value, i) => {
    const error = Math.abs(actual[i] - value);
    assert.ok(
      error <= tolerance * Math.max(1, Math.abs(value)),
      `${what}[${i}] is ${actual[i]}, not ${value}`,
    );
  });
}

const node = (
  op: string,
  inputs: string[],
  output: string,
  attributes: Record<string, Attribute> = {},
): Node => ({
  ...{ name: output, op, domain: '', inputs, outputs: [output], attributes },
});

function graphOf(shape: number[], nodes: Node[], initializers: Record<string, Tensor>): Graph {
  return {
    ...linearGraph(new Float32Array(12), new Float32Array(3)),
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', ...shape] }],
    outputs: [{ name: nodes.at(-1)!.name, dtype: 'float32' }],
    nodes,
    initializers: new Map(Object.entries(initializers)),
  };
}

interface Loss {
  labelSmoothing: number;
  logits: Values;
  labels: number[];
  loss: number;
  gradient: Values;
}

for (const { name, labelSmoothing, logits, labels, loss, gradient } of fixtures<Loss>('losses'))
  test(`loss: ${name}`, async () => {
    const [count, classes] = logits.shape;
    const bias = floatTensor([classes], new Float32Array(classes));
    const network = loadNetwork(graphOf([classes], [node('Add', ['x', 'bias'], 'y')], { bias }), { machine });
    const training = network.training({ batch: count, optimizer: 'sgd', labelSmoothing });
    const measured = await training.gradients(
      Float32Array.from(logits.data),
      Int32Array.from(labels),
      count,
      1,
    );
    near([measured.loss], [loss], 1e-5, 'loss');
    const summed = Array.from({ length: classes }, (_, k) =>
      gradient.data.reduce((sum, g, i) => sum + (i % classes === k ? g : 0), 0),
    );
    await training.pull(['gradient']);
    near(training.slots.get('bias')!.gradient, summed, 1e-5, 'gradient');
  });

interface Steps {
  optimiser: 'sgd' | 'adam' | 'adamw';
  options: object;
  rates: number[];
  initial: number[];
  gradients: number[][];
  weights: number[][];
}

for (const { name, optimiser, options, rates, initial, gradients, weights } of fixtures<Steps>('optimisers'))
  test(`optimiser: ${name}`, async () => {
    const w = floatTensor([2, 3], initial);
    const network = loadNetwork(graphOf([2], [node('Gemm', ['x', 'w'], 'y')], { w }), { machine });
    const training = network.training({ batch: 1, optimizer: optimiser });
    const optimizer = resolveOptimizer({ kind: optimiser, ...options } as OptimizerSettings);
    for (const [t, rate] of rates.entries()) {
      training.slots.get('w')!.gradient.set(gradients[t]);
      training.push(['gradient']);
      await training.update(updateOptions(optimizer, rate, t + 1));
      await network.pull();
      near(network.parameters.get('w')!.weight, weights[t], 1e-5, `weights after step ${t + 1}`);
    }
  });

interface Trajectory {
  rate: number;
  momentum: number;
  weightDecay: number;
  images: Values;
  labels: number[];
  initial: Record<string, Values>;
  losses: number[];
  final: Record<string, Values>;
  logits: Values;
}

for (const fixture of fixtures<Trajectory>('trajectories'))
  test(`trajectory: ${fixture.name}`, async () => {
    const { images, labels, initial, final } = fixture;
    const nodes = [
      node('Conv', ['x', 'conv.weight'], 'conv', { pads: { type: 'ints', value: [1, 1, 1, 1] } }),
      node(
        'BatchNormalization',
        ['conv', ...['weight', 'bias', 'running_mean', 'running_var'].map((n) => `bn.${n}`)],
        'bn',
      ),
      node('Relu', ['bn'], 'relu'),
      node('GlobalAveragePool', ['relu'], 'pool'),
      node('Flatten', ['pool'], 'flat'),
      node('Gemm', ['flat', 'fc.weight', 'fc.bias'], 'y', { transB: { type: 'int', value: 1 } }),
    ];
    const initializers = Object.fromEntries(
      Object.entries(initial).map(([name, { shape, data }]) => [name, floatTensor(shape, data)]),
    );
    const network = loadNetwork(graphOf([3, 6, 6], nodes, initializers), { machine });
    const split = memorySplit(Float32Array.from(images.data), Int32Array.from(labels), [3, 6, 6]);
    const { epochs } = await trainNetwork({
      network,
      data: { train: split, mean: [0], std: [1], scale: 1 },
      epochs: fixture.losses.length,
      batch: labels.length,
      seed: 1,
      optimizer: { kind: 'sgd', momentum: fixture.momentum, weightDecay: fixture.weightDecay },
      schedule: { kind: 'constant', learningRate: fixture.rate },
    });
    near(
      epochs.map(({ loss }) => loss),
      fixture.losses,
      1e-5,
      'losses',
    );
    for (const [name, { data }] of Object.entries(final))
      near(network.parameters.get(name)?.weight ?? network.state.get(name)!, data, 1e-5, name);
    const inference = network.inference({ batch: labels.length });
    const { y } = await inference.run({ x: Float32Array.from(images.data) }, labels.length);
    near(y, fixture.logits.data, 1e-4, 'logits');
  });
