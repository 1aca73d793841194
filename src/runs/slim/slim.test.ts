/** What slim chooses by itself, as functions; as commands it is in src/cli/slim.test.ts. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openMachine } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { blocksFor } from './blocks.js';
import { samplesWithin } from './slim.js';

const machine = await openMachine({ threads: 1 });
after(() => machine.close());

const shape = [1, 16, 16];
const graph = buildNetwork('resnet8', { shape, classes: 10, seed: 1 });
const inputShapes = { input: [1, ...shape] };

test('as many random samples are looked at as a minute or two allows', () => {
  assert.deepEqual([1e6, 4e10, 1e12].map(samplesWithin), [128, 37, 8]);
});

/** Milliseconds by which narrow layers cost as much as those of `lanes` channels. */
const inLanes =
  (lanes: number, asked: unknown[] = []) =>
  async (cut: typeof graph) => {
    asked.push(cut);
    const padded = (channels: number) => lanes * Math.ceil(channels / lanes);
    return [...cut.initializers.values()]
      .filter(({ shape }) => shape.length === 4)
      .reduce((sum, { shape }) => sum + (padded(shape[0]) * padded(shape[1])) / 1e4, 0);
  };

const blocks = (known: Record<string, unknown>, finest: number, time = inLanes(8)) =>
  blocksFor({ graph, inputShapes, machine, known, finest, time });

test('blocks are the coarser ones where the cut network is faster in them', async () => {
  const asked: unknown[] = [];
  const found = await blocks({ macs: 0.5 }, 4, inLanes(8, asked));
  assert.equal(asked.length, 3, 'the network as it is, and cut in blocks of 4 and 8');
  assert.equal(found?.value, 8);
  assert.match(
    found.because,
    /^onnxruntime takes [\d.]+ ms in blocks of 4, [\d.]+ ms in blocks of 8, and [\d.]+ ms before the cut$/,
  );
  assert.equal((await blocks({ macs: 0.5 }, 4, inLanes(1)))?.value, 4, 'finer ones where both take as long');
});

test('blocks are not tried where there is nothing to choose', async () => {
  assert.equal(await blocks({ macs: 0.5 }, 16), undefined, 'they are as large as any runtime likes');
  assert.equal(await blocks({ sparsity: 0.5 }, 4), undefined, 'no channels go');
  assert.equal(await blocks({ macs: 0.001 }, 4), undefined, 'out of reach');
});
