/** What slim chooses by itself, as functions; as commands it is in src/cli/slim.test.ts. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMachine } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { blocksFor, worthwhile } from './blocks.js';
import { samplesWithin } from './slim.js';

const machine = await openMachine({ threads: 1 });
after(() => machine.close());

const shape = [1, 16, 16];
const graph = buildNetwork('resnet8', { shape, classes: 10, seed: 1 });
const inputShapes = { input: [1, ...shape] };

test('as many random samples are looked at as a minute or two allows', () => {
  assert.deepEqual([1e6, 4e10, 1e12].map(samplesWithin), [128, 37, 8]);
});

test('coarser blocks must each save a tenth of the time', () => {
  const timed = (...times: number[]) => times.map((milliseconds, i) => ({ size: 4 * 2 ** i, milliseconds }));
  assert.equal(worthwhile(timed(1, 0.89, 0.79)), 16);
  assert.equal(worthwhile(timed(1, 0.95, 0.95)), 4);
  assert.equal(
    worthwhile(timed(1, 0.95, 0.88)),
    16,
    'beside the finest, where the ones between are not worth it',
  );
  assert.equal(worthwhile(timed(1, 0.8, 0.75)), 8);
});

test('blocks are those in which the cut network is fast', async () => {
  const asked: number[] = [];
  /** Narrow layers cost as much as those of eight. */
  const time = async ({ initializers }: typeof graph) => {
    let sum = 0;
    for (const { shape } of initializers.values())
      if (shape.length === 4) sum += 8 * Math.ceil(shape[0] / 8) * 8 * Math.ceil(shape[1] / 8);
    asked.push(sum);
    return sum / 1e4;
  };
  const how = { graph, inputShapes, machine, time };
  const found = await blocksFor({ ...how, known: { macs: 0.5 }, finest: 4 });
  assert.equal(asked.length, 4, 'the network as it is, and cut in blocks of 4, 8 and 16');
  assert.ok(asked.slice(1).every((sum) => sum < asked[0]));
  assert.ok(found && [8, 16].includes(found.value as number), JSON.stringify(found));
  assert.match(found.because, /^onnxruntime takes [\d.]+ ms in blocks of 4, .* before the cut$/);
  assert.equal(await blocksFor({ ...how, known: { macs: 0.5 }, finest: 16 }), undefined, 'nothing to choose');
  assert.equal(await blocksFor({ ...how, known: { sparsity: 0.5 }, finest: 4 }), undefined, 'no channels go');
});
