/** Training on a GPU gives what training on the CPU does, again and again the same bits; and what a step is made of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { integer, normal, random } from '../base/index.js';
import { openGpu } from '../engine/gpu.test.fixture.js';
import { gpuCost, loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import type { Graph } from '../onnx/index.js';

const SHAPE = [3, 8, 8] as const;
const BATCH = 20;

/**
 * Some steps of training by both kinds of optimisers: the losses, the norm of the last gradient, the weights in the end, and whether the
 * machine has told times.
 */
async function train(graph: Graph, machine: Machine, steps: number) {
  const network = loadNetwork(graph, { machine });
  const kindOf = ({ prunable }: { prunable: boolean }) => (prunable ? 'sgd' : 'adam');
  const training = network.training({ batch: BATCH, optimizer: kindOf });
  const draws = random(1, 'gpu');
  const images = Float32Array.from({ length: BATCH * 3 * 8 * 8 }, () => normal(draws));
  const labels = Int32Array.from({ length: BATCH }, () => integer(draws, 10));
  const losses: number[] = [];
  let norm = 0;
  for (let step = 0; step < steps; step++) {
    losses.push((await training.gradients(images, labels, BATCH, step)).loss);
    norm = await training.gradientNorm();
    for (const kind of ['sgd', 'adam'] as const)
      await training.update({ learningRate: 0.001, weightDecay: 1e-4, momentum: 0.9, step: step + 1 }, kind);
  }
  await network.pull();
  const weights = [...network.parameters].map(([name, { weight }]) => [name, weight.slice()] as const);
  const clocked = [...training.profile().values()].some((time) => time > 0);
  network.close();
  return { losses, norm, weights, clocked };
}

test('steps of training on a GPU and on the CPU, and once more', async (t) => {
  const gpu = await openGpu();
  if (typeof gpu === 'string') return t.skip(gpu);
  const cpu = await openMachine({ engine: 'wasm', threads: 1 });
  const graph = buildNetwork('resnet8', { shape: SHAPE, classes: 10, seed: 1 });
  const near = (found: number, wanted: number, what: string) =>
    assert.ok(Math.abs(found / wanted - 1) < 1e-5, `${what}: ${found}, not ${wanted}`);
  const [theirs, ours] = [await train(graph, cpu, 2), await train(graph, gpu, 2)];
  for (const [i, loss] of ours.losses.entries()) near(loss, theirs.losses[i], `step ${i}`);
  near(ours.norm, theirs.norm, 'norm');
  const [once, again] = [await train(graph, gpu, 1), await train(graph, gpu, 1)];
  assert.deepEqual(again, once, 'the same bits again');
  assert.equal(once.losses[0], ours.losses[0]);
  assert.deepEqual(
    [gpu.clocked, once.clocked],
    [false, false],
    'times are taken only where they are asked for',
  );
  const plain = await openGpu({ subgroups: false, timed: true });
  if (typeof plain === 'string') return assert.fail(plain);
  const { clocked } = plain;
  assert.deepEqual(await train(graph, plain, 1), { ...once, clocked }, 'the same bits without subgroups');
  await Promise.all([cpu.close(), gpu.close(), plain.close()]);
});

test('what training steps cost on a GPU', async (t) => {
  const memory = await openMachine({ engine: 'wasm', threads: 1 });
  for (const [net, batch, side, { most, gigabytes, gigaflops }] of [
    ['resnet20', 128, 32, { most: 200, gigabytes: 1.69, gigaflops: 31.03 }],
    ['resnet56', 128, 32, { most: 545, gigabytes: 4.63, gigaflops: 96.26 }],
    ['vgg19', 128, 32, { most: 180, gigabytes: 2.85, gigaflops: 305.3 }],
    ['resnet50', 32, 224, { most: 1290, gigabytes: 24.81, gigaflops: 777.1 }],
  ] as const) {
    const graph = buildNetwork(net, { shape: [3, side, side], classes: 10, seed: 1 });
    const { dispatches, update, bytes, flops } = await gpuCost(graph, { memory, batch, train: true });
    t.diagnostic(`${net}: ${dispatches} + ${update} dispatches, ${bytes / 1e9} GB, ${flops / 1e9} GFLOP`);
    assert.ok(dispatches <= most, `${dispatches} dispatches for the gradients of ${net}`);
    assert.equal(update, 1);
    assert.ok(bytes <= 1e9 * gigabytes, `${bytes} bytes for ${net}`);
    assert.ok(Math.abs(flops / 1e9 / gigaflops - 1) < 1e-3, `${flops} operations for ${net}`);
  }
  await memory.close();
});
