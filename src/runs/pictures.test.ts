/** Pictures as a model wants them: the same as a folder and as arrays, by the model's card, and told. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import {
  batches,
  type Card,
  cardOf,
  type Dataset,
  type Image,
  imagesOf,
  openDataset,
  withCard,
} from '../data/index.js';
import { archive, npy, wholes } from '../data/npz.test.fixture.js';
import { buildNetwork } from '../nn/index.js';
import { readModel, writeModel } from '../onnx/index.js';
import { evaluateModel } from './evaluate.js';
import { resolveRecipe } from './recipe.js';
import { resumeRun, startRun } from './run.js';
import { openTask } from './task.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-pictures-'));
after(() => rmSync(root, { recursive: true, force: true }));

const words = 'zero one two three four five six seven eight nine'.split(' ');
const folder = `images:${join(root, 'digits')}`;
const arrays = `npz:${join(root, 'digits.npz')}`;

/** A grey network for the digits with a card, as a file. */
async function model(card: Card, open = false): Promise<string> {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 3, width: 0.5 });
  const path = join(root, `${JSON.stringify(card).replace(/\W+/g, '-').slice(0, 60)}-${open}.onnx`);
  const [input] = graph.inputs;
  const shape = open ? ['N', 1, 'H', 'W'] : input.shape;
  await writeModel(path, withCard({ ...graph, inputs: [{ ...input, shape }] }, card));
  return path;
}

/** Digits for testing, some of them for training, as a folder of PNGs in folders with names, and as arrays. */
before(async () => {
  const { test: held } = await openDataset('digits');
  const pixels: Uint8Array[] = [];
  const [length, labels] = [120, held!.labels.subarray(0, 120)];
  for (let i = 0; i < length; i++) {
    const { data } = (await imagesOf(held!)!.at(i)) as Image;
    const bytes = Uint8Array.from(data, (value) => Math.min(255, value * 16));
    pixels.push(bytes);
    for (const part of i < 80 ? ['test', 'train'] : ['test']) {
      const place = join(root, 'digits', part, words[labels[i]]);
      mkdirSync(place, { recursive: true });
      const png = sharp(bytes, { raw: { width: 8, height: 8, channels: 1 } }).png();
      writeFileSync(join(place, `${i}.png`), await png.toBuffer());
    }
  }
  const x = npy('|u1', [length, 1, 8, 8], Uint8Array.from(pixels.flatMap((one) => [...one])));
  const y = wholes([length], labels);
  writeFileSync(join(root, 'digits.npz'), archive({ x_train: x, y_train: y, x_test: x, y_test: y }));
});

test('the same pictures are as good in a folder, whose classes stand in another order, as in arrays', async () => {
  const path = await model({ classes: words, mean: [0.3], std: [0.4], scale: 255 });
  const results = [];
  for (const data of [folder, arrays]) {
    const told: string[] = [];
    const result = await evaluateModel({ model: path, data, threads: 1, onNote: (note) => told.push(note) });
    const { accuracy, loss, count, notes, pictures } = result;
    results.push({ accuracy, loss: Number(loss.toFixed(9)), count, notes });
    assert.deepEqual(told, [
      'Pictures: 8 × 8 as they are, none resized; grey; normalised with mean 0.3 and deviation 0.4 of values from 0 to 1 (as the model says).',
    ]);
    assert.equal(pictures!.from, 'model');
  }
  assert.deepEqual(results[0], results[1]);
  const unnamed = await evaluateModel({ model: await model({ mean: [0.3], std: [0.4] }), data: folder });
  assert.notEqual(unnamed.accuracy, results[0].accuracy, 'without names the order is that of the folders');
});

const task = async (card: Card, settings: object = {}, open = false) =>
  openTask({ model: await model(card, open), data: folder, ...settings });

test('flags come before the model’s card, the card before what is usual; contradictions are told', async () => {
  const card: Card = { mean: [0.3], std: [0.4], scale: 255, size: [12, 10], resize: 'pad' };
  const own = await task(card, {}, true);
  assert.deepEqual(own.dataset.shape, [1, 12, 10]);
  assert.match(own.pictures!.told, /^Pictures: resized to 12 × 10 \(pad: all of each/);
  assert.deepEqual(own.notes, []);
  const { pictures, notes } = await task(card, { normalize: '0.5/0.5', size: 9, resize: 'squash' }, true);
  assert.deepEqual(
    [pictures!.shape, pictures!.mean, pictures!.resize, pictures!.from],
    [[1, 9, 9], [0.5], 'squash', 'flag'],
  );
  assert.deepEqual(notes, [
    'The model says that its pictures are normalised with 0.3/0.4, but --normalize says 0.5/0.5; the flag counts.',
    'The model says that its pictures are 12 × 10, but --size says 9; the flag counts.',
    'The model says that its pictures are resized by pad, but --resize says squash; the flag counts.',
  ]);
  const usual = await task({});
  assert.match(usual.pictures!.told, /\(ImageNet’s, since the model says nothing\)\.$/);
  const raw = await task({ mean: [128], std: [64], scale: 1 });
  assert.match(raw.pictures!.told, /mean 128 and deviation 64 of values as they are/);
});

test('numbers that were prepared by others are normalised as before', async () => {
  const values = Float32Array.from({ length: 20 * 64 }, (_, i) => Math.sin(i));
  const data = join(root, 'prepared.npz');
  writeFileSync(
    data,
    archive({ x: npy('<f4', [20, 1, 8, 8], values), y: wholes([20], new Array(20).fill(1)) }),
  );
  const card = { mean: [0.3], std: [0.4], scale: 255 };
  const { pictures } = await openTask({ model: await model(card), data: `npz:${data}` });
  assert.equal(pictures!.from, 'data');
  const unit = values.map((x) => (x + 1) / 2);
  writeFileSync(
    data,
    archive({ x: npy('<f4', [20, 1, 8, 8], unit), y: wholes([20], new Array(20).fill(1)) }),
  );
  const { dataset } = await openTask({ model: await model(card), data: `npz:${data}` });
  assert.deepEqual([dataset.mean, dataset.scale], [[0.3], 1], 'a number from 0 to 1 is a byte over 255');
});

test('names that are not the model’s are taken in their order, which is told', async () => {
  const [strange] = (await task({ classes: words.map((word) => `${word}-teen`) })).notes!;
  assert.match(
    strange,
    /^The classes of the data are not those that the model names \(eight, five, .*; the model has zero-teen, /,
  );
  const capitals = await task({ classes: words.map((word) => word.toUpperCase()) });
  assert.deepEqual([capitals.notes, capitals.dataset.classes[9]], [[], 'NINE']);
  assert.deepEqual(
    (await task({ classes: ['a', 'b'] })).notes,
    [],
    'names of something else than the outputs',
  );
});

async function firstPixels({ train, ...normalize }: Dataset): Promise<Float32Array> {
  for await (const { inputs } of batches(train, { batch: 1, normalize })) return inputs as Float32Array;
  throw new Error('there is no sample');
}

test('a model that takes blue first gets it first', async () => {
  const photos = join(root, 'colours');
  for (const name of ['a', 'b']) {
    mkdirSync(join(photos, name), { recursive: true });
    const one = sharp({
      create: { width: 8, height: 8, channels: 3, background: { r: 200, g: 100, b: 50 } },
    });
    for (const i of [0, 1]) writeFileSync(join(photos, name, `${i}.png`), await one.png().toBuffer());
  }
  const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 2, seed: 3 });
  const path = join(root, 'bgr.onnx');
  const numbers = { mean: [0.1, 0.2, 0.3], std: [1, 1, 1], scale: 255 };
  await writeModel(path, withCard(graph, { colors: 'BGR', ...numbers }));
  const first = async (colors?: 'rgb' | 'bgr') => {
    const { dataset, notes } = await openTask({ model: path, data: `images:${photos}`, colors });
    const pixels = await firstPixels(dataset);
    return { notes, channels: [0, 64, 128].map((i, c) => Math.round(255 * (pixels[i] + numbers.mean[c]))) };
  };
  assert.deepEqual(await first(), { notes: [], channels: [50, 100, 200] });
  const { notes, channels } = await first('rgb');
  assert.deepEqual(channels, [200, 100, 50]);
  assert.deepEqual(notes, [
    'The model says that its pictures are BGR, but --colors says rgb; the flag counts.',
  ]);
});

test('a run writes the card, tells what it did, and keeps it in recipe, summary and report', async () => {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 3, width: 0.5 });
  const path = join(root, 'bare.onnx');
  await writeModel(path, graph);
  const out = join(root, 'run');
  const told: string[] = [];
  const given = { model: path, data: folder, epochs: 1, batch: 16, normalize: '0.25/0.5', threads: 1 };
  const stop = new AbortController();
  const onNote = (note: string) => told.push(note);
  const stopped = await startRun(resolveRecipe('train', given, '0'), out, {
    ...{ onNote, signal: stop.signal },
    onStep: () => stop.abort(),
  });
  assert.equal(stopped.summary, undefined);
  const { summary } = await resumeRun(out, { onNote });
  const sentence =
    'Pictures: 8 × 8 as they are, none resized; grey; normalised with mean 0.25 and deviation 0.5 of values from 0 to 1 (as --normalize says).';
  assert.equal(told[0], sentence);
  assert.equal(summary!.pictures!.told, sentence);
  const card = cardOf(await readModel(join(out, 'model.onnx')));
  assert.deepEqual(card, {
    ...{ classes: [...words].sort(), mean: [0.25], std: [0.5], scale: 255, size: [8, 8] },
    ...{ layout: 'NCHW', colors: 'grey' },
  });
  const kept = JSON.parse(readFileSync(join(out, 'recipe.json'), 'utf8'));
  assert.equal(kept.normalize, '0.25/0.5');
  const again = await evaluateModel({ model: join(out, 'model.onnx'), data: folder });
  assert.deepEqual([again.accuracy, again.pictures!.from], [summary!.accuracy!.after, 'model']);

  const resized = join(root, 'resized');
  const larger = buildNetwork('resnet8', { shape: [1, 12, 12], classes: 10, seed: 3, width: 0.5 });
  await writeModel(path, larger);
  const { normalize: _, ...usual } = given;
  await startRun(resolveRecipe('train', { ...usual, augment: false }, '0'), resized);
  const { resize, normalize } = JSON.parse(readFileSync(join(resized, 'recipe.json'), 'utf8'));
  assert.equal(resize, 'crop');
  assert.match(normalize, /^0\.45\d+\/0\.22\d+$/, 'ImageNet’s, in grey');
  assert.equal(cardOf(await readModel(join(resized, 'model.onnx'))).resize, 'crop');
});
