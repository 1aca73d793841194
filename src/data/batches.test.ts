import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail, integer, random } from '../base/index.js';
import { imageAt, pixelsOf } from './images.test.fixture.js';
import {
  type Batch,
  type BatchOptions,
  batchCount,
  batches,
  type Images,
  memorySplit,
  type Split,
  withImages,
} from './index.js';

const stream = random(1);
const split = memorySplit(
  Uint8Array.from({ length: 50 * 48 }, () => integer(stream, 256)),
  Int32Array.from({ length: 50 }, (_, i) => i),
  [3, 4, 4],
);
const normalize = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
const training: BatchOptions = {
  batch: 8,
  normalize,
  seed: 3,
  epoch: 2,
  shuffle: true,
  augment: { crop: { padding: 1 }, flip: true },
};

async function collect(from: Split, options: BatchOptions): Promise<Batch[]> {
  const all: Batch[] = [];
  for await (const batch of batches(from, options)) all.push(batch);
  return all;
}

test('an epoch visits every image once, the last batch holding what is left', async () => {
  const all = await collect(split, training);
  assert.deepEqual(
    all.map((batch) => batch.count),
    [8, 8, 8, 8, 8, 8, 2],
  );
  assert.deepEqual(
    all.map((batch) => batch.index),
    [0, 1, 2, 3, 4, 5, 6],
  );
  const seen = all.flatMap((batch) => [...batch.labels]);
  assert.notDeepEqual(seen, [...split.labels]);
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    [...split.labels],
  );
  for (const { inputs, labels, count } of all)
    assert.deepEqual([inputs.length, labels.length], [count * 48, count]);
});

test('dropLast leaves the incomplete batch out, and batchCount knows', async () => {
  assert.equal((await collect(split, { ...training, dropLast: true })).length, 6);
  assert.equal(batchCount(split, { batch: 8, dropLast: true }), 6);
  assert.equal(batchCount(split, { batch: 8 }), 7);
  assert.equal(batchCount(split, { batch: 50, dropLast: true }), 1);
});

test('a last batch of one sample shares the one before, in the same order and number of batches', async () => {
  for (const [batch, counts] of [
    [7, [7, 7, 7, 7, 7, 7, 4, 4]],
    [49, [25, 25]],
    [8, [8, 8, 8, 8, 8, 8, 2]],
  ] as const) {
    const plain = await collect(split, { ...training, batch });
    const even = await collect(split, { ...training, batch, evenLast: true });
    assert.deepEqual(
      even.map(({ count }) => count),
      counts,
    );
    const labels = (batches: typeof even) => batches.flatMap((one) => [...one.labels]);
    assert.deepEqual(labels(even), labels(plain));
    assert.deepEqual(await collect(split, { ...training, batch, evenLast: true, start: 1 }), even.slice(1));
  }
});

test('an epoch resumed at batch k is the same to the bit', async () => {
  const whole = await collect(split, training);
  for (const start of [0, 1, 4, 6, 7, 9]) {
    assert.deepEqual(await collect(split, { ...training, start }), whole.slice(start));
  }
});

test('what happens to an image does not depend on its batch', async () => {
  const large = (await collect(split, { ...training, batch: 50 }))[0];
  const small = await collect(split, { ...training, batch: 3 });
  assert.deepEqual(
    small.flatMap((batch) => [...pixelsOf(batch)]),
    [...pixelsOf(large)],
  );
});

test('another epoch and another seed are another order and another augmentation', async () => {
  const [first] = await collect(split, training);
  for (const change of [{ epoch: 3 }, { seed: 4 }]) {
    const [other] = await collect(split, { ...training, ...change });
    assert.notDeepEqual(other.labels, first.labels);
    const [unshuffled] = await collect(split, { ...training, shuffle: false });
    const [changed] = await collect(split, { ...training, shuffle: false, ...change });
    assert.notDeepEqual(pixelsOf(changed), pixelsOf(unshuffled));
  }
});

test('pixels are normalised per channel, bytes and floats alike', async () => {
  const bytes = (imageAt(split, 0) as { data: Uint8Array }).data;
  const floats = memorySplit(Float32Array.from(bytes), Int32Array.of(0), [3, 4, 4]);
  const [fromBytes] = await collect(split, { batch: 1, normalize });
  const [fromFloats] = await collect(floats, { batch: 1, normalize });
  assert.deepEqual(pixelsOf(fromBytes), pixelsOf(fromFloats));
  const expected = Float32Array.from(
    bytes,
    (p, i) => (p / 255 - normalize.mean[i >> 4]) / normalize.std[i >> 4],
  );
  assert.deepEqual(pixelsOf(fromBytes), expected);
  const [sixteenths] = await collect(split, { batch: 1, normalize: { mean: [0], std: [1], scale: 16 } });
  assert.equal(pixelsOf(sixteenths)[20], bytes[20] / 16);
});

/** The split, its images got in another way. */
const reading = (at: Images['at']): Split => withImages(split, (images) => ({ ...images, at }));

test('images that come later keep their places, and few are asked for at a time', async () => {
  let open = 0;
  let most = 0;
  const slow = reading(async (index) => {
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, (index * 7) % 5));
    open--;
    return imageAt(split, index);
  });
  assert.deepEqual(
    await collect(slow, { ...training, batch: 50 }),
    await collect(split, { ...training, batch: 50 }),
  );
  assert.ok(most > 1 && most <= 4, `${most} at a time`);
});

test('an image that cannot be read stops the epoch with its sentence', async () => {
  const broken = reading(async (i) => (i === 17 ? fail('Image 17 is broken.') : imageAt(split, i)));
  await assert.rejects(collect(broken, { batch: 8, normalize }), {
    name: 'UserError',
    message: 'Image 17 is broken.',
  });
});

test('a caller may stop early, even when the next batch fails', async () => {
  const broken = reading(async (i) => (i >= 8 ? fail('Broken.') : imageAt(split, i)));
  for await (const batch of batches(broken, { batch: 8, normalize })) {
    assert.equal(batch.index, 0);
    break;
  }
});

test('options out of range are named', async () => {
  await assert.rejects(collect(split, { ...training, batch: 0 }), /cannot hold 0 samples/);
  await assert.rejects(
    collect(split, { batch: 8, normalize: { mean: [0, 0], std: [1, 1] } }),
    /images of 3 channels/,
  );
  await assert.rejects(
    collect(split, { batch: 8, normalize: { mean: [0], std: [0] } }),
    /positive deviations/,
  );
});
