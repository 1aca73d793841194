import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { memorySplit, openDataset } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { floats, floatTensor, type Graph } from '../onnx/index.js';
import { trainDigits } from './digits.test.fixture.js';
import { evaluate } from './evaluate.js';
import { linearGraph } from './linear.test.fixture.js';
import { recalibrate } from './recalibrate.js';
import { withWeights } from './weights.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

/** A BatchNormalization of the image itself, given out beside the image. */
function lone(): Graph {
  const graph = linearGraph(new Float32Array(12), new Float32Array(3));
  const vector = (x: number) => floatTensor([1], [x]);
  const inputs = ['x', 'scale', 'bias', 'mean', 'variance'];
  const node = { name: 'bn', op: 'BatchNormalization', domain: '', inputs, outputs: ['y'], attributes: {} };
  const values = [vector(2), vector(3), vector(0.5), vector(9)];
  return {
    ...graph,
    nodes: [node],
    outputs: [graph.inputs[0], { ...graph.outputs[0], shape: ['N', 1, 2, 2] }],
    initializers: new Map(values.map((value, i) => [inputs[i + 1], value])),
  };
}

test('averages over batches of what each batch shows', async () => {
  const pixels = Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4, 11, 12, 13, 14, 11, 12, 13, 14);
  const train = memorySplit(pixels, new Int32Array(4), [1, 2, 2]);
  const settings = { mean: [0], std: [1], scale: 1 };
  const { graph, layers, samples } = await recalibrate(lone(), { train, ...settings }, { machine, batch: 4 });
  assert.deepEqual([layers, samples], [1, 4]);
  const found = ['mean', 'variance', 'scale', 'bias'].map((name) => floats(graph.initializers.get(name)!)[0]);
  const whole = pixels.reduce((sum, x) => sum + (x - 7.5) ** 2, 0) / 15;
  assert.deepEqual(found, [7.5, Math.fround(whole), 2, 3]);
  const one = memorySplit(pixels.subarray(0, 12), new Int32Array(3), [1, 2, 2]);
  const parts = await recalibrate(lone(), { train: one, ...settings }, { machine, batch: 1 });
  const variance = floats(parts.graph.initializers.get('variance')!)[0];
  assert.equal(floats(parts.graph.initializers.get('mean')!)[0], Math.fround((2.5 + 2.5 + 12.5) / 3));
  assert.ok(Math.abs(variance - 5 / 3) < 1e-6, `${variance}`);
});

test('a network whose statistics were lost recovers, and nothing else of it changes', async () => {
  const digits = await openDataset('digits');
  const { weights } = await trainDigits({ hooks: [], epochs: 3 });
  const plain = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const good = withWeights(plain, weights);
  const lost = withWeights(plain, weights);
  const running = [...lost.initializers.keys()].filter((name) => name.includes('running'));
  for (const name of running) {
    const tensor = lost.initializers.get(name)!;
    lost.initializers.set(
      name,
      floatTensor(
        tensor.shape,
        floats(tensor).map((x) => 10 * x + 3),
      ),
    );
  }
  const { graph } = await recalibrate(lost, digits, { machine });
  const accuracy = async (of: Graph) => {
    const network = loadNetwork(of, { machine });
    const figures = await evaluate(network, digits.test!, { normalize: digits });
    network.close();
    return figures.accuracy!;
  };
  const [before, broken, mended] = await Promise.all([good, lost, graph].map(accuracy));
  assert.ok(broken < before - 0.2 && mended > before - 0.03, `${before}, ${broken}, ${mended}`);
  for (const [name, tensor] of lost.initializers)
    if (!running.includes(name)) assert.deepEqual(graph.initializers.get(name), tensor);
  const again = await recalibrate(lost, digits, { machine });
  assert.deepEqual(again.graph, graph);
});

test('a network without BatchNormalization stays as it is, and is told why', async () => {
  const graph = buildNetwork('conv2', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.25 });
  const digits = await openDataset('digits');
  const result = await recalibrate(graph, digits, { machine });
  assert.equal(result.graph, graph);
  assert.match(result.note!, /no BatchNormalization/);
});

test('images of another size are refused in a sentence', async () => {
  const graph = buildNetwork('resnet8', { shape: [1, 16, 16], classes: 10, seed: 1, width: 0.25 });
  const digits = await openDataset('digits');
  await assert.rejects(recalibrate(graph, digits, { machine }), {
    name: 'UserError',
    message: /expects images of \[1, 16, 16\]/,
  });
});
