/** A teacher in the training step: what a network learns from another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random, UserError } from '../base/index.js';
import { loadNetwork, type Machine, openMachine, type Teacher } from '../engine/index.js';
import { near } from '../engine/tape.test.fixture.js';
import { buildNetwork } from '../nn/index.js';
import type { Graph } from '../onnx/index.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const small = (seed: number, classes = 4, width = 0.5): Graph =>
  buildNetwork('resnet8', { shape: [3, 8, 8], classes, seed, width });

const r = random(4);
const COUNT = 40;
const images = Float32Array.from({ length: COUNT * 3 * 64 }, () => normal(r));
const labels = Int32Array.from({ length: COUNT }, (_, n) => n % 4);

async function gradientsOf(student: Graph, teacher: Teacher, memory?: number) {
  const network = loadNetwork(student, { machine });
  const training = network.training({ batch: COUNT, optimizer: 'sgd', teacher, memory });
  const { loss } = await training.gradients(images, labels, COUNT, 1);
  await training.pull(['gradient']);
  const gradients = new Map([...training.slots].map(([name, s]) => [name, s.gradient.slice()]));
  const { microBatch, peakBytes } = training;
  network.close();
  return { loss, gradients, microBatch, peakBytes };
}

test('who is like the teacher has nothing to learn from it', async () => {
  // Without BatchNormalization a network in training answers as it does in use.
  const graph = buildNetwork('conv2', { shape: [3, 8, 8], classes: 4, seed: 1, width: 0.25 });
  const { loss, gradients } = await gradientsOf(graph, { graph, temperature: 4, weight: 1 });
  near([loss], [0], 'loss');
  for (const [name, gradient] of gradients)
    assert.ok(
      gradient.every((g) => Math.abs(g) < 1e-6),
      name,
    );
});

test('the student learns to answer as the teacher does, without labels', async () => {
  const teacher = small(2, 4, 1);
  const network = loadNetwork(small(1), { machine });
  const training = network.training({
    ...{ batch: COUNT, optimizer: 'adam' },
    teacher: { graph: teacher, temperature: 1, weight: 1 },
  });
  const none = new Int32Array(COUNT).fill(-1);
  const losses: number[] = [];
  for (let step = 1; step <= 40; step++) {
    losses.push((await training.gradients(images, none, COUNT, step)).loss);
    await training.update({ learningRate: 0.01, weightDecay: 0, step });
  }
  assert.ok(losses[39] < losses[0] / 5, `${losses[0]} became ${losses[39]}`);
  const names = (graph: Graph) => [...graph.initializers.keys()];
  assert.deepEqual(names(network.snapshot()), names(small(1)), 'a snapshot holds the student alone');
  assert.deepEqual([...training.slots.keys()], [...network.parameters.keys()]);
  network.close();
});

test("the student's own labels count where the weight is below 1, and a split batch gives the same", async () => {
  const graph = buildNetwork('conv2', { shape: [3, 8, 8], classes: 4, seed: 1, width: 0.25 });
  const teacher = { graph: small(2), temperature: 2, weight: 0.4 };
  const plain = await gradientsOf(graph, { ...teacher, weight: 0 });
  const only = await gradientsOf(graph, { ...teacher, weight: 1 });
  const both = await gradientsOf(graph, teacher);
  near([both.loss], [0.6 * plain.loss + 0.4 * only.loss], 'loss');
  const split = await gradientsOf(graph, teacher, 0.9 * both.peakBytes);
  assert.ok(split.microBatch < COUNT);
  for (const [name, gradient] of both.gradients) {
    const mixed = gradient.map(
      (_, i) => 0.6 * plain.gradients.get(name)![i] + 0.4 * only.gradients.get(name)![i],
    );
    near(gradient, mixed, name, 1e-5, 1e-7);
    near(split.gradients.get(name)!, gradient, name, 1e-5, 1e-7);
  }
});

test('a teacher that does not fit is refused in a sentence', () => {
  const network = loadNetwork(small(1), { machine });
  const start = (graph: Graph) => () =>
    network.training({ batch: 4, optimizer: 'sgd', teacher: { graph, temperature: 1, weight: 1 } });
  assert.throws(start(small(1, 5)), (e) => e instanceof UserError && /5 classes but .* 4/.test(e.message));
  const wide = buildNetwork('resnet8', { shape: [3, 16, 16], classes: 4, seed: 1 });
  assert.throws(start(wide), /expects inputs of \[3, 16, 16\] but the model to train expects \[3, 8, 8\]/);
  network.close();
});
