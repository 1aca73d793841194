import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { imageAt } from './images.test.fixture.js';
import { type Image, imagesOf, importDataset, NAMED, openDataset, statistics } from './index.js';
import { gunzip } from './source.js';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'espalier-data-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** `count` records: label bytes, then 3,072 pixels that all are the label plus `first`. */
function records(count: number, { labelBytes = 1, classes = 10, first = 0 } = {}): Uint8Array {
  const record = labelBytes + 3072;
  const bytes = new Uint8Array(count * record);
  for (let i = 0; i < count; i++) {
    const label = (first + i) % classes;
    bytes.fill(label + 100, i * record, (i + 1) * record);
    bytes[i * record] = 19;
    bytes[i * record + labelBytes - 1] = label;
  }
  return bytes;
}

function idx(dimensions: number[], data: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * dimensions.length));
  header.setUint32(0, 0x800 + dimensions.length);
  for (const [d, size] of dimensions.entries()) header.setUint32(4 + 4 * d, size);
  return Buffer.concat([new Uint8Array(header.buffer), data]);
}

const IDX_FILES: Record<string, Uint8Array> = {
  'train-images-idx3-ubyte': idx(
    [3, 2, 2],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  ),
  'train-labels-idx1-ubyte': idx([3], Uint8Array.of(9, 0, 4)),
  't10k-images-idx3-ubyte': idx([1, 2, 2], Uint8Array.of(5, 6, 7, 8)),
  't10k-labels-idx1-ubyte': idx([1], Uint8Array.of(2)),
};

async function write(at: string, files: Record<string, Uint8Array>): Promise<void> {
  await mkdir(at, { recursive: true });
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(at, name), bytes);
}

/** A tar archive of files in a folder, as GNU tar writes it. */
function tar(files: Record<string, Uint8Array>): Uint8Array {
  const blocks = Object.entries(files).flatMap(([name, bytes]) => {
    const header = Buffer.alloc(512);
    header.write(`some-folder/${name}`);
    header.write(`${bytes.length.toString(8).padStart(11, '0')} `, 124);
    header.write('0ustar  ', 156);
    header.write('ustar', 257);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const at = (image: Image | Promise<Image>, i: number) => (image as Image).data[i];

test('CIFAR-10 as two files', async (t) => {
  const dir = await folder(t);
  await write(dir, { 'train.bin': records(20), 'test.bin': records(5, { first: 3 }) });
  const { train, test: held, shape, classes, scale } = await openDataset(`cifar10:${dir}`);
  assert.deepEqual([train.length, held!.length, shape, classes.length, scale], [20, 5, [3, 32, 32], 10, 255]);
  assert.deepEqual([...held!.labels], [3, 4, 5, 6, 7]);
  assert.deepEqual(
    [at(imageAt(train, 17), 0), at(imageAt(train, 17), 3071), at(imageAt(held!, 1), 5)],
    [107, 107, 104],
  );
});

test('CIFAR-10 as the published batches, in their folder and in their archive', async (t) => {
  const dir = await folder(t);
  const files: Record<string, Uint8Array> = { 'test_batch.bin': records(2) };
  for (let i = 1; i <= 5; i++) files[`data_batch_${i}.bin`] = records(i, { first: i });
  await write(join(dir, 'unpacked', 'cifar-10-batches-bin'), files);
  await write(join(dir, 'packed'), { 'cifar-10-binary.tar.gz': gzipSync(tar(files)) });
  const places = ['unpacked', 'unpacked/cifar-10-batches-bin', 'packed', 'packed/cifar-10-binary.tar.gz'];
  for (const place of places) {
    const { train, test: held } = await openDataset(`cifar10:${join(dir, place)}`);
    assert.deepEqual([...train.labels], [1, 2, 3, 3, 4, 5, 4, 5, 6, 7, 5, 6, 7, 8, 9], place);
    assert.deepEqual(
      [...train.labels].map((label) => label + 100),
      [...train.labels].map((_, i) => at(imageAt(train, i), 9)),
    );
    assert.equal(held!.length, 2);
  }
});

test('CIFAR-100 uses the fine label and has a hundred names', async (t) => {
  const dir = await folder(t);
  const options = { labelBytes: 2, classes: 100 };
  await write(join(dir, 'cifar-100-binary'), {
    'train.bin': records(120, options),
    'test.bin': records(1, options),
  });
  const { train, classes } = await openDataset(`cifar100:${dir}`);
  assert.deepEqual([train.labels[99], train.labels[101], at(imageAt(train, 99), 0)], [99, 1, 199]);
  assert.equal(new Set(classes).size, 100);
  assert.deepEqual([...classes], [...classes].sort());
});

test('IDX files, plain and gzipped, under both spellings', async (t) => {
  const dir = await folder(t);
  await write(join(dir, 'plain'), IDX_FILES);
  const gzipped = Object.entries(IDX_FILES).map(([name, bytes]) => [`${name}.gz`, gzipSync(bytes)]);
  await write(join(dir, 'gzipped'), Object.fromEntries(gzipped));
  const dotted = Object.entries(IDX_FILES).map(([name, bytes]) => [name.replace('-idx', '.idx'), bytes]);
  await write(join(dir, 'dotted'), Object.fromEntries(dotted));
  for (const place of ['plain', 'gzipped', 'dotted']) {
    const { train, test: held, shape } = await openDataset(`mnist:${join(dir, place)}`);
    assert.deepEqual([shape, [...train.labels], [...held!.labels]], [[1, 2, 2], [9, 0, 4], [2]]);
    assert.deepEqual([...(imageAt(train, 1) as Image).data], [4, 5, 6, 7]);
  }
});

test('damage is named, with what to do', async (t) => {
  const dir = await folder(t);
  const [images, labels] = Object.keys(IDX_FILES);
  const cifar = { 'train.bin': records(3), 'test.bin': records(1) };
  const wrongLabel = records(3);
  wrongLabel[3073] = 57;
  const cases: [string, Record<string, Uint8Array>, RegExp][] = [
    [
      'cifar10',
      { ...cifar, 'train.bin': records(3).subarray(1) },
      /train\.bin has 9218 bytes.*records of 3073.*download it again/,
    ],
    ['cifar10', { ...cifar, 'test.bin': new Uint8Array(0) }, /test\.bin has 0 bytes/],
    [
      'cifar10',
      { ...cifar, 'train.bin': wrongLabel },
      /train\.bin gives image 1 the label 57, but there are 10 classes/,
    ],
    [
      'cifar10',
      { 'train.bin': records(3) },
      /CIFAR-10 is not whole in .*: test\.bin not found; download .* as cifar10:DIR/,
    ],
    [
      'cifar10',
      {},
      /CIFAR-10 has none of its files in .*\(looked for train\.bin or data_batch_1\.bin\); download cifar-10-bin/,
    ],
    [
      'cifar10',
      { 'train.bin.xz': Uint8Array.of(1) },
      /train\.bin\.xz is packed with xz.*unpack it first with: xz -dk/,
    ],
    [
      'cifar10',
      { 'cifar-10-binary.tar.gz': gzipSync(tar(cifar).subarray(0, 5000)) },
      /is not a whole tar archive/,
    ],
    [
      'cifar10',
      { 'cifar-10-binary.tar.gz': gzipSync(Buffer.alloc(2000, 'x')) },
      /is not a whole tar archive/,
    ],
    [
      'mnist',
      { ...IDX_FILES, [images]: IDX_FILES[labels] },
      /train-images-idx3-ubyte does not begin like an IDX file/,
    ],
    [
      'mnist',
      { ...IDX_FILES, [images]: IDX_FILES[images].subarray(0, 20) },
      /holds 4 bytes of data where its header says 3 × 2 × 2/,
    ],
    ['mnist', { ...IDX_FILES, [images]: new Uint8Array(3) }, /does not begin like an IDX file/],
    ['mnist', { ...IDX_FILES, [labels]: idx([2], Uint8Array.of(1, 2)) }, /holds 3 images but .* 2 labels/],
    ['mnist', { ...IDX_FILES, [labels]: idx([3], Uint8Array.of(1, 10, 2)) }, /gives image 1 the label 10/],
    [
      'mnist',
      { [`${images}.gz`]: gzipSync(IDX_FILES[images]).subarray(0, 15) },
      /Cannot unpack .*gz: its gzip data are damaged/,
    ],
    ['mnist', { [`${images}.gz`]: IDX_FILES[images] }, /its gzip data are damaged/],
  ];
  await assert.rejects(
    gunzip(gzipSync(new Uint8Array(2e6)), 'zeros.gz', 1e6),
    /^UserError: zeros\.gz unpacks to more than 0\.0 GB, which no data set here does; download it again\.$/,
  );
  for (const [i, [name, files, sentence]] of cases.entries()) {
    const place = join(dir, String(i));
    await write(place, files);
    await assert.rejects(
      openDataset(`${name}:${place}`),
      { name: 'UserError', message: sentence },
      String(sentence),
    );
  }
});

test('a set is looked for where it was said, then in ESPALIER_DATA, then in the cache', async (t) => {
  const dir = await folder(t);
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  process.env = { ...before, ESPALIER_DATA: join(dir, 'data'), XDG_CACHE_HOME: join(dir, 'cache') };
  await assert.rejects(openDataset('mnist'), (error: Error) => {
    assert.match(
      error.message,
      /MNIST is not at .*data\/mnist or .*cache\/espalier\/mnist; download .*'espalier data mnist --from DIR'/,
    );
    return error.name === 'UserError';
  });
  await write(join(dir, 'cache', 'espalier', 'mnist'), IDX_FILES);
  assert.equal((await openDataset('mnist')).train.labels[0], 9);
  const other = { ...IDX_FILES, 'train-labels-idx1-ubyte': idx([3], Uint8Array.of(8, 8, 8)) };
  await write(join(dir, 'data', 'mnist'), other);
  assert.equal((await openDataset('mnist')).train.labels[0], 8);
  assert.equal((await openDataset('mnist', { directory: join(dir, 'none') })).train.labels[0], 9);
  await assert.rejects(openDataset(`mnist:${join(dir, 'none')}`), /MNIST is not at .*none; download/);
});

test('an import is verified, unpacked and replaces what was there, or leaves it alone', async (t) => {
  const dir = await folder(t);
  const [from, to] = [join(dir, 'from'), join(dir, 'cache', 'mnist')];
  await write(
    from,
    Object.fromEntries(Object.entries(IDX_FILES).map(([name, b]) => [`${name}.gz`, gzipSync(b)])),
  );
  await write(to, { leftover: Uint8Array.of(1) });
  const imported = await importDataset('mnist', from, to);
  assert.deepEqual(
    { ...imported, bytes: 0 },
    {
      name: 'mnist',
      directory: to,
      files: Object.keys(IDX_FILES),
      bytes: 0,
      train: 3,
      test: 1,
    },
  );
  assert.deepEqual((await readdir(to)).sort(), Object.keys(IDX_FILES).sort());
  assert.deepEqual(
    await readFile(join(to, 't10k-labels-idx1-ubyte')),
    Buffer.from(IDX_FILES['t10k-labels-idx1-ubyte']),
  );

  await write(from, { 't10k-labels-idx1-ubyte': Uint8Array.of(0) });
  await assert.rejects(
    importDataset('mnist', from, to),
    /t10k-labels-idx1-ubyte does not begin like an IDX file/,
  );
  assert.equal((await openDataset(`mnist:${to}`)).test!.labels[0], 2);
  assert.deepEqual(await readdir(join(dir, 'cache')), ['mnist']);
  await assert.rejects(importDataset('imagenet', from, to), /no data set 'imagenet' to import/);
});

test('Fashion-MNIST as it was published', async (t) => {
  const real = fileURLToPath(new URL('../../../shared/data/fashion-mnist', import.meta.url));
  if (!existsSync(real)) return t.skip('shared/data/fashion-mnist is not there');
  const { train, test: held, mean, std } = await openDataset(`fashion-mnist:${real}`);
  assert.deepEqual([train.length, held!.length, imagesOf(train)!.shape], [60000, 10000, [1, 28, 28]]);
  assert.deepEqual([...train.labels.subarray(0, 5)], [9, 0, 0, 3, 0]);
  const measured = statistics(train, 255);
  assert.ok(Math.abs(measured.mean[0] - mean[0]) < 1e-3 && Math.abs(measured.std[0] - std[0]) < 1e-3);
  assert.equal(NAMED['fashion-mnist'].classes[9], 'Ankle_boot');
});
