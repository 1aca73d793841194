/** A teacher in the training step: the loss, its slope, and a network that learns from another. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { UserError } from '../base/errors.js';
import { normal, random } from '../base/random.js';
import { runCore } from '../graph/reference/run.js';
import type { Value } from '../graph/reference/value.js';
import { buildNetwork } from '../nn/index.js';
import type { Graph } from '../onnx/model.js';
import { loadNetwork, type Machine, openMachine, type Teacher } from './index.js';
import { agrees, declare, emptyPlan, joined, near, runOnEngine } from './tape.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

/** A plan of the loss over `classes` logits, drawn anew unless `rows` gives them. */
function lossPlan(count: number, classes: number, options: { smoothing: number; T: number; weight: number }) {
  const r = random(11, count);
  const plan = emptyPlan(count);
  const row = { shape: [1, classes], laned: true };
  declare(plan, 'logits', row, () => 3 * normal(r));
  declare(plan, 'labels', { shape: [1], laned: true }, () => Math.abs(Math.round(4 * normal(r))) % classes);
  declare(plan, 'teacher', row, () => 3 * normal(r));
  const outputs = plan.tape.emit('crossEntropy', ['logits', 'labels', 'teacher'], {
    smoothing: options.smoothing,
    teacher: { temperature: options.T, weight: options.weight },
  });
  return { ...plan, outputs };
}

test('a loss worked out by hand', async () => {
  const plan = lossPlan(1, 3, { smoothing: 0, T: 2, weight: 0.7 });
  plan.given.set('logits', [Float32Array.of(1, 2, 0)]);
  plan.given.set('labels', [Float32Array.of(1)]);
  plan.given.set('teacher', [Float32Array.of(0, 1, 3)]);
  const { results } = await runOnEngine(machine, plan);
  const [loss, correct, slope] = plan.outputs.map((name) => joined(results.get(name)!));
  near(loss, [1.446581899213795], 'loss');
  near(slope, [0.30715064488981314, 0.2849313775393535, -0.5920820224291666], 'slope');
  assert.equal(correct[0], 1);
});

test('the kernel computes what the formula says, for any number of samples', async () => {
  for (const count of [1, 15, 16, 33])
    for (const weight of [0, 0.3, 1])
      await agrees(machine, lossPlan(count, 7, { smoothing: 0.1, T: 4, weight }), 1e-5, 1e-7);
});

test('the slope is that of the loss', () => {
  const plan = lossPlan(3, 5, { smoothing: 0.1, T: 3, weight: 0.6 });
  const start = new Map(
    [...plan.given].map(([name, samples]): [string, Value] => [
      name,
      { ...plan.tape.type(name), samples: samples.map((s) => Float64Array.from(s)) },
    ]),
  );
  const run = () => runCore(plan.tape.nodes, new Map(start));
  const [loss, , slope] = plan.outputs;
  const slopes = run().get(slope)!.samples;
  const step = 1e-5;
  for (const [n, logits] of start.get('logits')!.samples.entries())
    for (let k = 0; k < logits.length; k++) {
      const moved = [step, -2 * step].map((by) => {
        logits[k] += by;
        return run().get(loss)!.samples[0][0];
      });
      logits[k] += step;
      near([slopes[n][k]], [(moved[0] - moved[1]) / (2 * step)], 'slope', 1e-7, 1e-9);
    }
});

test('logits that are very far apart give finite numbers', async () => {
  const plan = lossPlan(1, 3, { smoothing: 0, T: 0.5, weight: 0.5 });
  plan.given.set('logits', [Float32Array.of(500, -500, 0)]);
  plan.given.set('teacher', [Float32Array.of(-500, 500, 0)]);
  const { results } = await runOnEngine(machine, plan);
  for (const name of plan.outputs) assert.ok(joined(results.get(name)!).every(Number.isFinite));
});

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
  assert.throws(
    start(small(1, 5)),
    (e) => e instanceof UserError && /5 classes apart but .* 4/.test(e.message),
  );
  const wide = buildNetwork('resnet8', { shape: [3, 16, 16], classes: 4, seed: 1 });
  assert.throws(start(wide), /wants inputs of \[3, 16, 16\] but the model to train \[3, 8, 8\]/);
  network.close();
});
