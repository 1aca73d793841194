import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memorySplit } from './dataset.js';
import { examples } from './examples.js';
import { pixelsOf } from './images.test.fixture.js';

const normalize = { mean: [0], std: [1], scale: 1 };
const labels = Int32Array.of(2, 0, 1, 2, 0, -1, 2, 0, 2, 0);
const split = memorySplit(Float32Array.from(labels.keys()), labels, [1, 1, 1]);

test('so many of every class, class after class, all where there are fewer, the same for the same seed', async () => {
  const draw = (seed: number) => examples(split, { normalize, seed, perClass: 3 });
  const batch = await draw(1);
  const { labels: drawn, count } = batch;
  const images = pixelsOf(batch);
  assert.equal(count, 7);
  assert.deepEqual([...drawn], [0, 0, 0, 1, 2, 2, 2]);
  assert.deepEqual(
    [...images].map((i) => labels[i]),
    [...drawn],
  );
  assert.equal(new Set(images).size, 7);
  assert.deepEqual(pixelsOf(await draw(1)), images);
  const seen = await Promise.all(
    [...Array(8).keys()].map(async (seed) => String(pixelsOf(await draw(seed)))),
  );
  assert.ok(new Set(seen).size > 1);
});

test('images without labels are drawn as if there were ten classes', async () => {
  const none = memorySplit(new Float32Array(50), new Int32Array(50).fill(-1), [1, 1, 1]);
  assert.equal((await examples(none, { normalize, seed: 1, perClass: 3 })).count, 30);
  assert.equal((await examples(none, { normalize, seed: 1, perClass: 9 })).count, 50);
});
