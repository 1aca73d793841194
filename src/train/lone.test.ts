import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { numbers } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { builder } from '../nn/index.js';
import type { Graph } from '../onnx/index.js';
import { checkBatches } from './lone.js';
import { trainNetwork } from './loop.js';
import { recalibrate } from './recalibrate.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

/** x [N, 4] → 8, normalised → 2 */
function perceptron(): Graph {
  const b = builder({ name: 'perceptron', seed: 1 });
  const hidden = b.linear(b.input('x', [4]), { out: 8, name: 'first' });
  return b.finish({ y: b.linear(b.relu(b.batchNorm(hidden, 'bn')), { out: 2, name: 'head' }) });
}

function pictures(): Graph {
  const b = builder({ name: 'pictures', seed: 1 });
  const hidden = b.conv(b.input('x', [2, 5, 5]), { out: 8, kernel: 3, name: 'first' });
  const pooled = b.flatten(b.globalAveragePool(b.relu(b.batchNorm(hidden, 'bn'))));
  return b.finish({ y: b.linear(pooled, { out: 2, name: 'head' }) });
}

const check = (graph: Graph, length: number, options: { batch: number; dropLast?: boolean }) => {
  const network = loadNetwork(graph, { machine });
  try {
    return checkBatches(network, length, options);
  } finally {
    network.close();
  }
};

test('what leaves samples alone with a BatchNormalization over vectors is refused, or evened out', () => {
  const graph = perceptron();
  assert.throws(
    () => check(graph, 129, { batch: 1 }),
    /^UserError: In a batch of one sample BatchNormalization '\S+' would see a single value of each channel, of which nothing can be learnt; use a batch of at least 2/,
  );
  assert.throws(() => check(graph, 1, { batch: 8 }), /There is only one training sample, and Batch/);
  assert.throws(
    () => check(graph, 129, { batch: 2 }),
    /In batches of 2 the last of the 129 training samples/,
  );
  assert.equal(check(graph, 129, { batch: 2, dropLast: true }), false);
  assert.equal(check(graph, 129, { batch: 128 }), true);
  assert.equal(check(graph, 130, { batch: 128 }), false);
  assert.equal(check(pictures(), 129, { batch: 1 }), false);
});

const samples = (count: number) => {
  const draw = random(1, 'samples');
  const labels = Int32Array.from({ length: count }, (_, n) => n % 2);
  const values = Float32Array.from(
    { length: count * 4 },
    (_, i) => normal(draw) + 2 * (Math.floor(i / 4) % 2),
  );
  return { length: count, labels, arrays: [numbers(values, [4])] };
};
const data = (count: number) => ({ train: samples(count), mean: [0], std: [1] });

test('it is refused before the first step, and 129 samples in batches of 128 are learnt', async () => {
  const graph = perceptron();
  const train = async (batch: number) => {
    const network = loadNetwork(graph, { machine });
    try {
      return await trainNetwork({
        ...{ network, data: data(129), epochs: 15, batch, seed: 1, optimizer: { kind: 'sgd' } },
        schedule: { kind: 'constant', learningRate: 0.05 },
      });
    } finally {
      network.close();
    }
  };
  await assert.rejects(train(1), /In a batch of one sample/);
  const { epochs } = await train(128);
  assert.ok(epochs.at(-1)!.accuracy! > 0.9, `${epochs.at(-1)!.accuracy}`);
  await assert.rejects(recalibrate(graph, data(129), { machine, batch: 1 }), /In a batch of one sample/);
  const { graph: measured } = await recalibrate(graph, data(129), { machine, batch: 128 });
  for (const name of ['bn.running_mean', 'bn.running_var'])
    assert.ok((measured.initializers.get(name)!.data as Float32Array).every(Number.isFinite));
});
