/**
 * A short training run: ResNet-8 on the digits, one epoch, seed 1, learning rate 0.1, on the engine that the environment names.
 * Prints the engine, the accuracy and the loss on the test images, as JSON. Without onnxruntime, which emulators cannot run.
 */
import { openDataset } from '../../dist/data/index.js';
import { loadNetwork, openMachine } from '../../dist/engine/index.js';
import { buildNetwork } from '../../dist/nn/index.js';
import { trainNetwork } from '../../dist/train/index.js';

const data = await openDataset('digits');
const machine = await openMachine();
const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1 });
const { epochs } = await trainNetwork({
  network: loadNetwork(graph, { machine }),
  data,
  epochs: 1,
  batch: 64,
  seed: 1,
  optimizer: { kind: 'sgd' },
  schedule: { kind: 'constant', learningRate: 0.1 },
});
const { accuracy, loss } = epochs[0].test;
const { description: engine } = machine;
await machine.close();
process.stdout.write(`${JSON.stringify({ engine, accuracy, loss, images: data.test.length })}\n`);
