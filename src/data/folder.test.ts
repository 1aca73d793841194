import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { openStore } from './check-up.js';
import { pixelsOf } from './images.test.fixture.js';
import { type Batch, batches, openDataset } from './index.js';
import { pixelsOfPicture } from './picture.js';

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
  await writeFile(join(root, 'train', 'e.png'), 'x');
  await mkdir(join(root, 'train', 'x', 'more'));
  const { notes, train, test: held } = await openDataset(`images:${root}`, { size: 8 });
  assert.deepEqual([train.length, held!.length], [4, 2]);
  assert.deepEqual(notes, [
    `Pictures left out of ${root}: 3 .bmp, 1 .heic, which cannot be decoded here; convert them to PNG to use them.`,
    `Left out of ${root}, as no pictures: 1 without an ending, 1 .txt.`,
    `Not looked at in ${root}, as they are in no folder of a class or in folders inside of one: train/e.png, train/x/more.`,
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
  for (const held of ['test', 'val', 'valid', 'validation']) {
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
        [3, 20, 30],
      ],
    );
  }
});

test('pictures are decoded to upright RGB, and shrunk when large', async (t) => {
  const root = await pictures(t, ['x/1.png']);
  const file = join(root, 'picture');
  const size = async (limit = 1000) => {
    const { channels, height, width, data } = await pixelsOfPicture(file, limit);
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
  await mkdir(join(root, 'x', 'none-here'));
  await assert.rejects(
    openDataset(`images:${join(root, 'none')}`),
    /Cannot read the image folder .*none: no such file/,
  );
  await assert.rejects(
    openDataset(`images:${join(root, 'x', 'none-here')}`),
    /none-here holds no class folders; give a folder/,
  );
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
  await mkdir(join(root, 'z'));
  const broken = {
    'y/3.jpg': photo.subarray(0, photo.length >> 1),
    'y/5.png': '',
    'z/1.png': 'text',
    'z/2.PNG': 'text',
  };
  for (const [name, bytes] of Object.entries(broken)) await writeFile(join(root, name), bytes);
  await assert.rejects(openDataset(`images:${root}`), {
    name: 'UserError',
    message: new RegExp(
      `^4 of the 7 pictures in ${root} cannot be decoded: y/3.jpg \\(damaged or cut short.*\\), y/5.png \\(empty\\), z/1.png, z/2.PNG \\(no picture inside, or of another kind than is read\\); replace or remove them, or leave them out with --skip-broken`,
    ),
  });
  await assert.rejects(
    openDataset(`images:${root}`, { skipBroken: true }),
    /\/z holds no whole PNG, .* image; every class needs at least one/,
  );
  await rm(join(root, 'z'), { recursive: true });
  const { train, test: held, notes } = await openDataset(`images:${root}`, { skipBroken: true });
  assert.deepEqual([train.length, held!.length], [2, 1]);
  assert.match(notes![0], /^2 pictures left out of .*, not to be decoded: y\/3\.jpg \(damaged/);
  await writeFile(join(root, 'x', '1.png'), 'gone bad since');
  await rm(join(root, 'y', '4.png'));
  const later = await openDataset(`images:${root}`, { skipBroken: true }).catch((error) => error.message);
  assert.match(later, /y holds no whole PNG/);
});

test('a file that goes bad after the check-up is named when its turn comes', async (t) => {
  const root = await pictures(t, [...many('a', 2), ...many('b', 2)]);
  const bad = join(root, 'a', '0.png');
  const store = openStore(8, 0);
  assert.equal((await store.at(bad)).height, 8);
  await writeFile(bad, 'no longer a picture');
  await assert.rejects(store.at(bad));
  const kept = openStore(8);
  const good = join(root, 'a', '1.png');
  const first = await kept.at(good);
  await rm(good);
  assert.equal(await kept.at(good), first, 'what fits into memory is decoded once');
});

test('pictures of one size stay as they are; others are brought to it as is asked for', async (t) => {
  const root = await pictures(t, [...many('a', 6), ...many('b', 6)]);
  const same = await openDataset(`images:${root}`);
  assert.deepEqual([same.shape, same.resize, same.augment.test], [[3, 20, 30], undefined, {}]);
  assert.deepEqual(same.augment.train, { fit: undefined, crop: { padding: 3 }, flip: true });
  assert.equal((await openDataset(`images:${root}`, { size: [20, 30] })).resize, undefined);
  await writeFile(join(root, 'a', 'large.png'), await plain(60, 40).png().toBuffer());
  const differing = await openDataset(`images:${root}`, { size: 20 });
  assert.deepEqual([differing.shape, differing.resize], [[3, 20, 20], 'crop']);
  assert.equal(differing.augment.train.resizedCrop, true);
  for (const resize of ['squash', 'crop', 'pad'] as const) {
    const { train, augment } = await openDataset(`images:${root}`, { size: 20, resize });
    const raw = { mean: [0], std: [1], scale: 1 };
    for await (const batch of batches(train, { batch: 12, normalize: raw, augment: augment.test })) {
      const pixels = pixelsOf(batch).subarray(0, 400);
      const black = pixels.filter((value) => value === 0).length;
      assert.equal(black, resize === 'pad' ? 20 * 7 : 0, resize);
      assert.ok(pixels.every((value) => value === 0 || Math.abs(value - 200) < 2));
    }
  }
});

test('pictures in no folder of a class are samples without labels', async (t) => {
  const root = await pictures(t, [
    '1.png',
    '2.jpg',
    '3.png',
    'more/4.png',
    'parts/train/a.png',
    'parts/test/b.png',
  ]);
  await rm(join(root, 'more'), { recursive: true });
  const parts = await openDataset(`images:${join(root, 'parts')}`);
  assert.deepEqual([[...parts.train.labels], [...parts.test!.labels], parts.classes], [[-1], [-1], []]);
  await rm(join(root, 'parts'), { recursive: true });
  const { train, test: held, numbered } = await openDataset(`images:${root}`);
  assert.deepEqual([[...train.labels, ...held!.labels], numbered], [[-1, -1, -1], true]);
});

test('many pictures are remembered as whole, and looked at again when they change', async (t) => {
  const root = await pictures(t, ['a/0.png', 'b/0.png']);
  const cache = process.env.XDG_CACHE_HOME;
  t.after(() => {
    if (cache === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = cache;
  });
  process.env.XDG_CACHE_HOME = join(root, '.cache');
  const png = await readFile(join(root, 'a', '0.png'));
  for (let i = 1; i < 1000; i++) await writeFile(join(root, i % 2 ? 'a' : 'b', `${i}.png`), png);
  const counted = async () => {
    let looked = 0;
    const onProgress = () => looked++;
    const found = await openDataset(`images:${root}`, { size: 8, onProgress }).catch(
      (error) => error.message,
    );
    return [looked, found.train?.length ?? found] as const;
  };
  assert.deepEqual(await counted(), [1001, 901]);
  assert.deepEqual(await counted(), [0, 901]);
  await writeFile(join(root, 'a', '7.png'), png.subarray(0, 40));
  const [looked, sentence] = await counted();
  assert.ok(looked <= 1);
  assert.match(String(sentence), /^1 of the 1001 pictures .* a\/7\.png \(damaged or cut short/);
});
