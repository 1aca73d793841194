import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { decode } from './folder.js';
import { pixelsOf } from './images.test.fixture.js';
import { type Batch, batches, openDataset } from './index.js';

type Format = 'png' | 'jpeg' | 'webp' | 'gif' | 'tiff' | 'avif';

/** Creates a temporary folder with a picture of one colour at every path given. */
async function pictures(t: TestContext, paths: string[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'espalier-images-'));
  t.after(() => rm(root, { recursive: true, force: true }));
  for (const path of paths) {
    const format = path
      .split('.')
      .at(-1)!
      .toLowerCase()
      .replace('jpg', 'jpeg')
      .replace(/^tif$/, 'tiff') as Format;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), await plain(30, 20).toFormat(format, { quality: 100 }).toBuffer());
  }
  return root;
}

const plain = (width: number, height: number, channels: 3 | 4 = 3) =>
  sharp({ create: { width, height, channels, background: { r: 200, g: 100, b: 50, alpha: 0.5 } } });

const many = (folder: string, count: number) => Array.from({ length: count }, (_, i) => `${folder}/${i}.png`);

test('a folder per class: PNG, JPEG and WebP, a tenth held back, always the same', async (t) => {
  const root = await pictures(t, [
    ...many('dog', 8),
    'dog/a.JPG',
    'dog/b.webp',
    ...many('cat', 9),
    'cat/c.jpeg',
  ]);
  await writeFile(join(root, 'cat', 'notes.txt'), 'not a picture');
  await mkdir(join(root, '.hidden'));
  const data = await openDataset(`images:${root}`, { size: 16 });
  const again = await openDataset(`images:${root}`, { size: 16 });
  assert.deepEqual(
    [data.classes, data.shape],
    [
      ['cat', 'dog'],
      [3, 16, 16],
    ],
  );
  assert.deepEqual([data.train.length, data.test!.length], [18, 2]);
  assert.deepEqual(data.test!.labels, again.test!.labels);
  const raw = { mean: [0], std: [1] };
  for (const augment of [data.augment.train, data.augment.test]) {
    let seen = 0;
    for await (const batch of batches(data.train, { batch: 7, normalize: raw, shuffle: true, augment })) {
      seen += batch.count;
      assert.equal(pixelsOf(batch).length, batch.count * 768);
      pixelsOf(batch).forEach((value, i) => {
        const expected = [200, 100, 50][Math.floor(i / 256) % 3] / 255;
        assert.ok(Math.abs(value - expected) < 0.02, `${value} is not ${expected}`);
      });
    }
    assert.equal(seen, 18);
  }
});

test('GIF, TIFF and AVIF are decoded too; what is left out is counted by kind', async (t) => {
  const root = await pictures(t, [
    'train/x/1.gif',
    'train/x/2.TIF',
    'train/y/3.tiff',
    'train/y/4.avif',
    'test/x/5.png',
    'test/y/6.gif',
  ]);
  for (const name of ['x/a.bmp', 'x/b.BMP', 'y/c.heic', 'y/notes.txt', 'y/README', 'y/.hidden'])
    await writeFile(join(root, 'train', name), 'x');
  await writeFile(join(root, 'test', 'x', 'd.bmp'), 'x');
  await mkdir(join(root, 'train', 'x', 'more'));
  const { notes, train, test: held } = await openDataset(`images:${root}`, { size: 8 });
  assert.deepEqual([train.length, held!.length], [4, 2]);
  assert.deepEqual(notes, [
    `Pictures left out of ${root}: 3 .bmp, 1 .heic, which cannot be decoded here; convert them to PNG to use them.`,
    `Left out of ${root}, as no pictures: 2 without an ending, 1 .txt.`,
  ]);
  for await (const batch of batches(train, { batch: 4, normalize: { mean: [0], std: [1] } }))
    for (const [i, value] of pixelsOf(batch).entries()) {
      const expected = [200, 100, 50][Math.floor(i / 64) % 3] / 255;
      assert.ok(Math.abs(value - expected) < 0.03, `${value} is not ${expected}`);
    }
});

test('the augmentation of decoded images is the same again from the middle of an epoch', async (t) => {
  const root = await pictures(t, [...many('a', 6), ...many('b', 6)]);
  const { train, augment, ...normalize } = await openDataset(`images:${root}`, { size: 8 });
  const options = { batch: 4, normalize, seed: 1, epoch: 1, shuffle: true, augment: augment.train };
  const all: Batch[] = [];
  for await (const batch of batches(train, options)) all.push(batch);
  for await (const batch of batches(train, { ...options, start: 1 }))
    assert.deepEqual(batch, all[batch.index]);
});

test('train and test folders keep to themselves', async (t) => {
  for (const held of ['test', 'val', 'validation']) {
    const root = await pictures(t, [
      'train/x/1.png',
      'train/y/1.png',
      'train/y/2.png',
      `${held}/y/3.png`,
      `${held}/x/3.png`,
    ]);
    const data = await openDataset(`images:${root}`);
    assert.deepEqual(
      [[...data.train.labels], [...data.test!.labels], data.shape],
      [
        [0, 1, 1],
        [0, 1],
        [3, 224, 224],
      ],
    );
  }
});

test('pictures are decoded to upright RGB, and shrunk when large', async (t) => {
  const root = await pictures(t, ['x/1.png']);
  const file = join(root, 'picture');
  const size = async (limit = 1000) => {
    const { channels, height, width, data } = await decode(file, limit);
    assert.equal(data.length, channels * height * width);
    return [channels, height, width, data[0], data.at(-1)];
  };
  await plain(40, 10, 4).png().toFile(file);
  assert.deepEqual(await size(), [3, 10, 40, 200, 50], 'transparency is dropped');
  await plain(40, 10).greyscale().png().toFile(file);
  const grey = await size();
  assert.deepEqual(
    [grey.slice(0, 3), grey[3] === grey[4]],
    [[3, 10, 40], true],
    'grey becomes three channels',
  );
  await plain(40, 10).toColourspace('rgb16').png().toFile(file);
  assert.deepEqual(await size(), [3, 10, 40, 200, 50], 'sixteen bits become eight');
  await plain(40, 10).withMetadata({ orientation: 6 }).png().toFile(file);
  assert.deepEqual((await size()).slice(0, 3), [3, 40, 10], 'the camera was held upright');
  await plain(400, 100).png().toFile(file);
  assert.deepEqual((await size(50)).slice(0, 3), [3, 50, 200]);
});

test('what is missing or damaged is named', async (t) => {
  const root = await pictures(t, [
    'x/1.png',
    'x/2.png',
    'y/3.jpg',
    'y/4.png',
    'split/train/x/1.png',
    'split/test/z/1.png',
  ]);
  await assert.rejects(
    openDataset(`images:${join(root, 'none')}`),
    /Cannot read the image folder .*none: no such file/,
  );
  await assert.rejects(openDataset(`images:${join(root, 'x')}`), /x holds no class folders; give a folder/);
  await assert.rejects(
    openDataset(`images:${join(root, 'split')}`),
    /test\/z is not a class of the training images \(x\)/,
  );
  await assert.rejects(
    openDataset(`images:${root}`),
    /split holds no PNG, JPEG, WebP, GIF, TIFF or AVIF image/,
  );
  await rm(join(root, 'split'), { recursive: true });
  const photo = await plain(300, 200).jpeg().toBuffer();
  for (const bytes of [Buffer.alloc(0), Buffer.from('no picture'), photo.subarray(0, photo.length >> 1)]) {
    await writeFile(join(root, 'y', '3.jpg'), bytes);
    const { train, test: held, ...normalize } = await openDataset(`images:${root}`, { size: 8 });
    await assert.rejects(
      async () => {
        for (const split of [train, held!]) for await (const _ of batches(split, { batch: 4, normalize }));
      },
      {
        name: 'UserError',
        message: /^Cannot decode the image .*y\/3\.jpg \([^\n]*\); replace or remove it\.$/,
      },
    );
  }
});
