import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageAt } from './images.test.fixture.js';
import {
  type Image,
  imagesOf,
  memorySplit,
  openDataset,
  parseNormalize,
  splitValidation,
  statistics,
} from './index.js';

const numbered = (count: number) =>
  memorySplit(
    Uint8Array.from({ length: count }, (_, i) => i),
    Int32Array.from({ length: count }, (_, i) => i % 3),
    [1, 1, 1],
  );

test('a validation split is disjoint, complete, keeps labels with images and depends on the seed', () => {
  const whole = numbered(100);
  const first = splitValidation(whole, 0.1, 7);
  const again = splitValidation(whole, 0.1, 7);
  const other = splitValidation(whole, 0.1, 8);
  const pixels = (split: typeof whole) =>
    Array.from({ length: split.length }, (_, i) => (imageAt(split, i) as Image).data[0]);
  assert.equal(first.validation.length, 10);
  assert.deepEqual(pixels(first.validation), pixels(again.validation));
  assert.notDeepEqual(pixels(first.validation), pixels(other.validation));
  assert.deepEqual(
    [...pixels(first.train), ...pixels(first.validation)].sort((a, b) => a - b),
    pixels(whole),
  );
  for (const part of [first.train, first.validation]) {
    assert.deepEqual(
      pixels(part).map((pixel) => pixel % 3),
      [...part.labels],
    );
  }
});

test('a validation fraction that empties a part is refused', () => {
  for (const fraction of [0, 1, 0.001, -1, Number.NaN]) {
    assert.throws(
      () => splitValidation(numbered(20), fraction, 0),
      /leaves one part without samples; use another fraction between 0 and 1/,
    );
  }
});

test('normalisation is read from MEAN/STD, and nothing else is', () => {
  assert.deepEqual(parseNormalize('0.485,0.456,0.406/0.229,0.224,0.225'), {
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  });
  assert.deepEqual(parseNormalize('.5/.25'), { mean: [0.5], std: [0.25] });
  for (const text of [
    '',
    '0.5',
    '0.5/',
    '0.5/0',
    '0.5/-1',
    '0.5,0.5/0.2',
    'a/b',
    '1/1/1',
    '0.5,/0.2,0.2',
    'Infinity/1',
  ]) {
    assert.throws(() => parseNormalize(text), { name: 'UserError', message: /write MEAN\/STD/ }, text);
  }
});

test('statistics are the mean and deviation of every channel', () => {
  const split = memorySplit(Uint8Array.of(0, 10, 7, 7, 20, 30, 7, 7), Int32Array.of(0, 0), [2, 1, 2]);
  const { mean, std } = statistics(split, 10);
  assert.deepEqual(mean, [1.5, 0.7]);
  assert.ok(Math.abs(std[0] - Math.sqrt(125) / 10) < 1e-12);
  assert.equal(std[1], 1, 'a constant channel is not divided by zero');
});

test('the digits are embedded: 1,437 to train on and 360 to test on, always the same', async () => {
  const digits = await openDataset('digits');
  assert.deepEqual(
    [digits.train.length, digits.test?.length, digits.classes.length, digits.scale],
    [1437, 360, 10, 16],
  );
  assert.deepEqual(digits.shape, [1, 8, 8]);
  assert.deepEqual([...digits.test!.labels.subarray(0, 12)], DIGITS_TEST_LABELS);
  const { mean, std } = statistics(digits.train, digits.scale);
  assert.ok(Math.abs(mean[0] - digits.mean[0]) < 1e-3 && Math.abs(std[0] - digits.std[0]) < 1e-3);
  assert.ok(Math.max(...(imageAt(digits.train, 0) as Image).data) <= 16);
});

const DIGITS_TEST_LABELS = [1, 3, 4, 5, 6, 2, 0, 1, 2, 3, 5, 4];

test('a data set that does not exist, or an option out of range, is named', async () => {
  await assert.rejects(openDataset('imagenet'), /no data set 'imagenet'; give digits, cifar10\[:DIR\]/);
  await assert.rejects(openDataset('images:'), /no data set 'images:'; give/);
  await assert.rejects(openDataset('digit'), /no data set 'digit' \(did you mean digits\?\)/);
  await assert.rejects(openDataset('cifar-10:/a'), /\(did you mean cifar10:\/a\?\)/);
  await assert.rejects(openDataset('./photos'), /\(did you mean images:\.\/photos\?\)/);
  await assert.rejects(openDataset('mine.npz'), /\(did you mean npz:mine\.npz\?\)/);
  await assert.rejects(openDataset('digits', { size: 0 }), /cannot be 0 pixels wide/);
  await assert.rejects(
    openDataset('digits', { normalize: parseNormalize('1,1,1/1,1,1') }),
    /3 channels but the images of digits have 1/,
  );
});

test('normalisation and size can be chosen', async () => {
  const digits = await openDataset('digits', { normalize: parseNormalize('0.5/0.25'), size: 28 });
  assert.deepEqual([digits.mean, digits.std], [[0.5], [0.25]]);
  assert.deepEqual(
    [digits.shape, imagesOf(digits.test!)!.shape],
    [
      [1, 28, 28],
      [1, 28, 28],
    ],
  );
});
