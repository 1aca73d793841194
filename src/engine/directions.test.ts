/** How gradients change along a direction, as the engine computes it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { floatTensor, type Graph } from '../onnx/index.js';
import { loadNetwork, type Machine, openMachine } from './index.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

/** w2 · f(w1 · x) of one number a sample. */
const chain = (f: string): Graph => ({
  name: 'chain',
  inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1] }],
  outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 1] }],
  nodes: [
    { name: 'a', op: 'MatMul', domain: '', inputs: ['x', 'w1'], outputs: ['h'], attributes: {} },
    { name: 'b', op: f, domain: '', inputs: ['h'], outputs: ['r'], attributes: {} },
    { name: 'c', op: 'MatMul', domain: '', inputs: ['r', 'w2'], outputs: ['y'], attributes: {} },
  ],
  initializers: new Map([
    ['w1', floatTensor([1, 1], [0.75])],
    ['w2', floatTensor([1, 1], [-2])],
  ]),
  declared: new Map(),
  source: {
    ...{ irVersion: 8, opsets: { '': 17 }, producerName: '', producerVersion: '', domain: '' },
    ...{ modelVersion: 0, doc: '', metadata: {} },
  },
});

async function along(graph: Graph, direction: number[], images: number[]) {
  const network = loadNetwork(graph, { machine });
  const training = network.training({ batch: images.length, optimizer: 'sgd', loss: 'sum', curvature: true });
  for (const [i, name] of ['w1', 'w2'].entries()) training.directions!.get(name)!.set([direction[i]]);
  training.push(['direction']);
  await training.gradients(Float32Array.from(images), new Int32Array(images.length), images.length, 0);
  await training.pull(['gradient']);
  const found = ['w1', 'w2'].map((name) => training.slots.get(name)!.gradient[0]);
  network.close();
  return found;
}

function close(found: readonly number[], wanted: readonly number[]): void {
  for (const [i, x] of found.entries())
    assert.ok(Math.abs(x - wanted[i]) < 1e-5 * Math.max(1, Math.abs(wanted[i])), `${found}, not ${wanted}`);
}

test('a chain with ReLU: H is [[0, S], [S, 0]], S the sum of the positive x', async () => {
  const images = Array.from({ length: 20 }, (_, i) => i - 6);
  const S = images.reduce((sum, x) => sum + Math.max(0, x), 0);
  close(await along(chain('Relu'), [0.5, 3], images), [3 * S, 0.5 * S]);
});

test('a chain with tanh: its second derivative counts', async () => {
  const draw = random(1);
  const images = Array.from({ length: 33 }, () => normal(draw));
  const [v1, v2] = [0.5, 3];
  let [first, second] = [0, 0];
  for (const x of images) {
    const h = Math.tanh(0.75 * x);
    const slope = 1 - h * h;
    first += -2 * -2 * h * slope * x * x * v1 + slope * x * v2;
    second += slope * x * v1;
  }
  close(await along(chain('Tanh'), [v1, v2], images), [first, second]);
});
