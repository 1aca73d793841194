import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { batches } from '../data/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { intList, readModel, writeModel } from '../onnx/index.js';
import { inputShapesOf, loadTask, openTask, type TaskOptions } from './task.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-task-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A network in a file; `open` leaves height and width to the data. */
async function model(shape: [number, number, number], classes: number, open = false): Promise<string> {
  const path = join(root, `${shape.join('x')}-${classes}${open ? '-open' : ''}.onnx`);
  const graph = buildNetwork('resnet8', { shape, classes, seed: 0, width: 0.25 });
  const inputs = graph.inputs.map((input) => ({ ...input, shape: ['N', shape[0], 'H', 'W'] }));
  await writeModel(path, open ? { ...graph, inputs } : graph);
  return path;
}

/** The same network as Keras has it, with its channels last; `open` leaves height and width to the data. */
async function lastModel(shape: [number, number, number], classes: number, open = false): Promise<string> {
  const first = await readModel(await model(shape, classes));
  const path = join(root, `${shape.join('x')}-${classes}${open ? '-open' : ''}-last.onnx`);
  const [input] = first.inputs;
  const [channels, height, width] = shape;
  const dims = open ? ['H', 'W', channels] : [height, width, channels];
  const turn = {
    ...{ name: 'turn', op: 'Transpose', domain: '', inputs: ['last'], outputs: [input.name] },
    attributes: { perm: intList([0, 3, 1, 2]) },
  };
  await writeModel(path, {
    ...first,
    inputs: [{ ...input, name: 'last', shape: ['N', ...dims] }],
    nodes: [turn, ...first.nodes],
  });
  return path;
}

/** A folder of red and blue pictures. */
async function photos(): Promise<string> {
  for (const [name, background] of [
    ['blue', { r: 0, g: 0, b: 255 }],
    ['red', { r: 255, g: 0, b: 0 }],
  ] as const) {
    mkdirSync(join(root, 'photos', name), { recursive: true });
    for (let i = 0; i < 3; i++)
      await sharp({ create: { width: 24, height: 20, channels: 3, background } })
        .png()
        .toFile(join(root, 'photos', name, `${i}.png`));
  }
  return `images:${join(root, 'photos')}`;
}

const open = async (options: TaskOptions) => openTask(options);

test('a model of several inputs is no classifier of images, which is said', async () => {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 0, width: 0.25 });
  const [first] = graph.inputs;
  const path = join(root, 'pair.onnx');
  const second = { ...first, name: 'other' };
  const sum = { name: 'sum', op: 'Add', domain: '', inputs: [first.name, 'other'], outputs: ['both'] };
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (name === first.name ? 'both' : name)),
  }));
  await writeModel(path, {
    ...graph,
    inputs: [first, second],
    nodes: [{ ...sum, attributes: {} }, ...nodes],
  });
  await assert.rejects(open({ model: path, data: 'digits' }), {
    name: 'UserError',
    message: `The model has 2 inputs (${first.name}, other), but a classifier of images has one; give its data as npz:FILE, with an array for each input.`,
  });
});

test('a network of the zoo is made for the data', async () => {
  const { graph } = await open({ model: 'resnet8', data: 'digits', width: 0.25 });
  assert.deepEqual(graph.inputs[0].shape?.slice(1), [1, 8, 8]);
  await assert.rejects(open({ model: 'resnet9', data: 'digits' }), /did you mean resnet8\?/);
});

test('images come at the size and in the channels of a model', async () => {
  const data = await photos();
  const { dataset } = await open({ model: await model([1, 16, 16], 2), data, normalize: '0/1' });
  assert.deepEqual(dataset.shape, [1, 16, 16]);
  const greys = new Set<number>();
  for await (const { inputs } of batches(dataset.train, { batch: 8, normalize: dataset }))
    for (const pixel of inputs as Float32Array) greys.add(Math.round(pixel * 255));
  assert.deepEqual([...greys].sort(), [29, 76], 'luma of blue and red');

  const free = await open({ model: await model([3, 16, 16], 2, true), data, size: 12 });
  assert.deepEqual(free.dataset.shape, [3, 12, 12]);
  const coloured = await open({ model: await model([3, 8, 8], 10), data: 'digits' });
  assert.deepEqual(coloured.dataset.shape, [3, 8, 8]);
});

test('a model that takes channels last gets them so, and computes and learns the same', async () => {
  const machine = await openMachine({ threads: 2 });
  const grey = Float32Array.from({ length: 40 * 64 }, (_, i) => Math.sin(i));
  const labels = wholes(
    [40],
    Array.from({ length: 40 }, (_, i) => i % 10),
  );
  const npz = (name: string, arrays: Record<string, Uint8Array>) => {
    writeFileSync(join(root, name), archive(arrays));
    return `npz:${join(root, name)}`;
  };
  const cases: [shape: [number, number, number], classes: number, data: string][] = [
    [[1, 8, 8], 10, 'digits'],
    [[3, 8, 8], 10, 'digits'],
    [[3, 16, 16], 2, await photos()],
    [[1, 8, 8], 10, npz('last.npz', { x: reals([40, 8, 8, 1], grey), y: labels })],
    [[1, 8, 8], 10, npz('flat.npz', { x: reals([40, 8, 8], grey), y: labels })],
    [[4, 2, 8], 10, npz('first.npz', { x: reals([40, 4, 2, 8], grey), y: labels })],
    [[8, 4, 2], 10, npz('own.npz', { x: reals([40, 8, 4, 2], grey), y: labels })],
  ];
  try {
    for (const [shape, classes, data] of cases) {
      const results = [];
      for (const path of [await model(shape, classes), await lastModel(shape, classes)]) {
        // Of the last array both models say that it is as they take it, which is not the same.
        const given =
          data.endsWith('own.npz') && path.endsWith('last.onnx') ? ownLast(npz, grey, labels) : data;
        const task = await open({ model: path, data: given });
        const { dataset } = task;
        const network = loadTask(task, task.graph, machine);
        const training = network.training({ batch: 32, optimizer: 'sgd' });
        const how = { batch: 32, normalize: dataset, augment: dataset.augment.train, shuffle: true, seed: 1 };
        for await (const { inputs, labels: answers, count } of batches(dataset.train, how)) {
          const { loss } = await training.gradients(inputs, answers, count, 0);
          const [gradient] = [...training.slots.values()].map((slot) => slot.gradient.slice());
          results.push({ loss, gradient, shape: dataset.shape });
          break;
        }
        network.close();
      }
      assert.deepEqual(results[1], results[0], data);
    }
  } finally {
    await machine.close();
  }
});

/** The same images as in [N, 8, 4, 2], with their eight channels last. */
function ownLast(
  npz: (name: string, arrays: Record<string, Uint8Array>) => string,
  first: Float32Array,
  y: Uint8Array,
): string {
  const last = first.map((_, i) => {
    const [n, pixel, channel] = [Math.floor(i / 64), Math.floor((i % 64) / 8), i % 8];
    return first[n * 64 + channel * 8 + pixel];
  });
  return npz('own-last.npz', { x: reals([40, 4, 2, 8], last), y });
}

test('channels last is seen where height and width are open, too', async () => {
  const { dataset, inputShapes } = await open({
    model: await lastModel([1, 8, 8], 10, true),
    data: 'digits',
  });
  assert.deepEqual(inputShapes, { last: [1, 8, 8, 1] });
  assert.deepEqual(dataset.shape, [1, 8, 8]);
});

test('a size, channels or classes that do not fit give a sentence', async () => {
  const cases: [TaskOptions, RegExp][] = [
    [
      { model: await model([1, 16, 16], 10), data: 'digits' },
      /expects images of 16 × 16 .* have 8 × 8; resize them with --size 16/,
    ],
    [
      { model: await lastModel([1, 16, 16], 10), data: 'digits' },
      /expects images of 16 × 16 .* have 8 × 8; resize them with --size 16/,
    ],
    [
      { model: await lastModel([4, 8, 8], 10), data: 'digits' },
      /expects images of 4 channels but those of digits have 1/,
    ],
    [
      { model: await model([1, 8, 6], 10), data: 'digits' },
      /expects images of 8 × 6 .* have 8 × 8; resize them with --resize crop/,
    ],
    [
      { model: await model([2, 8, 8], 10), data: 'digits' },
      /expects images of 2 channels but those of digits have 1/,
    ],
    [
      { model: await model([1, 8, 8], 10), data: 'digits', inputShape: '1,9,9' },
      /declared as \[N, 1, 8, 8\], which \[1, 1, 9, 9\] does not fit/,
    ],
    [
      { model: await model([3, 8, 8], 10), data: 'digits', normalize: '1,2/1,2' },
      /normalisation has 2 channels/,
    ],
  ];
  for (const [options, message] of cases) await assert.rejects(open(options), message);

  const { graph } = await open({
    model: await model([3, 16, 16], 2, true),
    data: await photos(),
    inputShape: '3,16,16',
  });
  assert.deepEqual(inputShapesOf(graph, 'input=1,3,8,9'), { input: [1, 3, 8, 9] });
  assert.deepEqual(inputShapesOf(graph, '3,8,9'), { input: [1, 3, 8, 9] });
  assert.deepEqual(inputShapesOf(graph, '1,3,8,9'), { input: [1, 3, 8, 9] }, 'with the axis of samples, too');
  assert.throws(() => inputShapesOf(graph, 'image=1,3,8,9'), /no input "image" .* it has input/);
  assert.throws(() => inputShapesOf(graph, '3,8,x'), /Cannot read the input shape "3,8,x"/);

  const machine = await openMachine({ threads: 1 });
  try {
    const task = await open({ model: await model([1, 8, 8], 7), data: 'digits' });
    assert.throws(
      () => loadTask(task, task.graph, machine),
      /has 7 outputs \(logits\) but the data has 10 classes \(0, .*\); use a model with 10 outputs\.$/,
    );
  } finally {
    await machine.close();
  }
});
