/**
 * Whether training leaks: a thousand steps of a small residual network on the digits, batches and all, and the resident
 * memory every hundred of them.
 *
 *     node bench/memory.mjs [--steps 1000] [--engine native|wasm]
 *
 * It is flat when no later figure exceeds that of the first hundred by more than 8 MB: nine hundred steps that lose 9 kB
 * each, half a batch, show. Exit status 1 when it is not.
 */
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openDataset } from '../dist/data/index.js';
import { loadNetwork, openMachine } from '../dist/engine/index.js';
import { buildNetwork } from '../dist/nn/index.js';
import { trainNetwork } from '../dist/train/index.js';

const EVERY = 100;
const ALLOWED = 8e6;
const BATCH = 64;

const { values: options } = parseArgs({
  options: { steps: { type: 'string', default: '1000' }, engine: { type: 'string' } },
});
const steps = Number(options.steps);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

const machine = await openMachine({ engine: options.engine });
const data = await openDataset('digits');
const model = buildNetwork('resnet8', { shape: data.shape, classes: data.classes.length, seed: 1 });
const network = loadNetwork(model, { machine });
console.log(machine.description);

const resident = [];
const enough = new AbortController();
let done = 0;
function onStep() {
  if (++done % EVERY !== 0) return;
  collect();
  resident.push(process.memoryUsage.rss());
  console.log(`${String(done).padStart(6)} steps   ${(resident.at(-1) / 1e6).toFixed(1)} MB`);
  if (done >= steps) enough.abort();
}

await trainNetwork({
  network,
  data: { ...data, test: undefined },
  epochs: Math.ceil((steps * BATCH) / data.train.length) + 1,
  batch: BATCH,
  seed: 1,
  optimizer: { kind: 'sgd' },
  schedule: { kind: 'constant', learningRate: 0.01 },
  signal: enough.signal,
  onStep,
});
await machine.close();

const growth = Math.max(...resident) - resident[0];
const flat = growth <= ALLOWED;
console.log(
  flat
    ? `Flat: never more than ${(growth / 1e6).toFixed(1)} MB above the first hundred steps.`
    : `Not flat: up to ${(growth / 1e6).toFixed(1)} MB more than after the first hundred steps.`,
);
process.exitCode = flat ? 0 : 1;
