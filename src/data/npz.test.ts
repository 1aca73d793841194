import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { zipSync } from 'fflate';
import { integer, random } from '../base/index.js';
import type { Value } from '../onnx/index.js';
import { imageAt } from './images.test.fixture.js';
import { batches, type Image, type Numbers, openDataset, type Split, splitValidation } from './index.js';
import { readNpy } from './npy.js';
import { archive, npy, reals, wholes } from './npz.test.fixture.js';

async function npz(t: TestContext, arrays: Record<string, Uint8Array>, level: 0 | 6 = 6): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'espalier-npz-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, 'data.npz'), archive(arrays, level));
  return join(dir, 'data.npz');
}

const counting = (length: number) => Uint8Array.from({ length }, (_, i) => i);
const labels = (count: number) =>
  npy(
    '<i8',
    [count],
    BigInt64Array.from({ length: count }, (_, i) => BigInt(i % 3)),
  );
const pixels = (image: Image | Promise<Image>) => [...(image as Image).data];

test('NCHW, NHWC and NHW images come out channels first, from stored and deflated archives', async (t) => {
  const cases: [number[], number[], number[]][] = [
    [[2, 3, 2, 2], [3, 2, 2], [...counting(24).subarray(12)]],
    [
      [2, 2, 2, 3],
      [3, 2, 2],
      [12, 15, 18, 21, 13, 16, 19, 22, 14, 17, 20, 23],
    ],
    [
      [2, 3, 4],
      [1, 3, 4],
      [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23],
    ],
  ];
  for (const level of [0, 6] as const) {
    for (const [shape, expected, second] of cases) {
      const x = npy('|u1', shape, counting(24));
      const file = await npz(t, { x_train: x, y_train: labels(2), x_test: x, y_test: labels(2) }, level);
      const data = await openDataset(`npz:${file}`);
      assert.deepEqual([data.shape, data.scale, data.classes], [expected, 255, ['0', '1']]);
      assert.deepEqual([[...data.train.labels], pixels(imageAt(data.train, 1))], [[0, 1], second]);
      assert.deepEqual(pixels(imageAt(data.test!, 1)), second);
      assert.equal(data.mean.length, expected[0]);
    }
  }
});

test('x and y, images and labels, and MedMNIST names are known; a tenth is held back where there is no test', async (t) => {
  const x = npy('|u1', [20, 2, 2], counting(80));
  for (const [a, b] of [
    ['x', 'y'],
    ['images', 'labels'],
  ]) {
    const data = await openDataset(`npz:${await npz(t, { [a]: x, [b]: labels(20), other: x })}`);
    assert.deepEqual([data.train.length, data.test!.length, data.classes.length], [18, 2, 3]);
  }
  const column = npy('|u1', [20, 1], new Uint8Array(20));
  const medical = { train_images: x, train_labels: column, test_images: x, test_labels: column };
  assert.equal((await openDataset(`npz:${await npz(t, medical)}`)).test!.length, 20);
});

test('numbers of every type are read, in both byte orders', () => {
  const values = [1, 2, 100];
  const big = new DataView(new ArrayBuffer(12));
  values.forEach((value, i) => {
    big.setFloat32(4 * i, value);
  });
  const cases: [string, ArrayBufferView][] = [
    ['|u1', Uint8Array.from(values)],
    ['|i1', Int8Array.from(values)],
    ['<u2', Uint16Array.from(values)],
    ['<i2', Int16Array.from(values)],
    ['<u4', Uint32Array.from(values)],
    ['<i4', Int32Array.from(values)],
    ['<i8', BigInt64Array.from(values, BigInt)],
    ['<u8', BigUint64Array.from(values, BigInt)],
    ['<f2', Uint16Array.of(0x3c00, 0x4000, 0x5640)],
    ['<f4', Float32Array.from(values)],
    ['<f8', Float64Array.from(values)],
    ['>f4', big],
  ];
  for (const [descr, data] of cases)
    assert.deepEqual([...readNpy(npy(descr, [3], data), 'x').data], values, descr);
  assert.deepEqual([...readNpy(npy('|b1', [2], Uint8Array.of(0, 1)), 'x').data], [0, 1]);
  const halves = readNpy(npy('<f2', [4], Uint16Array.of(0x8001, 0x7c00, 0x7e00, 0xb555)), 'x').data;
  assert.deepEqual([...halves], [-(2 ** -24), Number.POSITIVE_INFINITY, Number.NaN, -0.333251953125]);
});

test('float images are taken as they are', async (t) => {
  const x = npy('<f4', [2, 1, 1, 2], Float32Array.of(0, 0.5, 1, 0.5));
  const data = await openDataset(
    `npz:${await npz(t, { x_train: x, y_train: labels(2), x_test: x, y_test: labels(2) })}`,
  );
  assert.deepEqual([data.scale, data.mean, pixels(imageAt(data.train, 1))], [1, [0.5], [1, 0.5]]);
});

test('damage is named, with what to do', async (t) => {
  const x = npy('|u1', [20, 2, 2], counting(80));
  const y = labels(20);
  const cases: [Record<string, Uint8Array>, RegExp][] = [
    [{ y }, /lacks training arrays; it needs x_train and y_train/],
    [{ x: x.subarray(0, 150), y }, /x in .*data\.npz holds 22 bytes where its header says 20 × 2 × 2/],
    [{ x: x.subarray(0, 30), y }, /is cut short within its header/],
    [{ x: new Uint8Array(4), y }, /x in .* is not a NumPy array/],
    [
      { x: npy('|u1', [20, 2, 2], counting(80), 'True'), y },
      /Fortran order; save it with numpy\.ascontiguousarray/,
    ],
    [{ x: npy('|O', [20], counting(20)), y }, /an element type that is not read here/],
    [
      { x: npy(`|O${'A'.repeat(60_000)}`, [20], counting(20)), y },
      /^x in [^\n]{1,150} has a header or an element type that is not read here \([^\n]{1,250}\); save plain/,
    ],
    [{ x: npy('<f3', [1], counting(3)), y }, /elements of type f3, which is not read here/],
    [{ x: npy('|u1', [20], counting(20)), y }, /is 20; samples come first and have an axis at least/],
    [{ x: npy('|u1', [20, 0, 4], counting(0)), y }, /is 20 × 0 × 4; images are .* none of these is 0/],
    [{ x: npy('|u1', [20, 0], counting(0)), y }, /is 20 × 0; samples .* none of these is 0/],
    [{ x: npy('|u1', [1, 2, 2], counting(4)), y: labels(1) }, /hold a single sample; give at least two/],
    [{ x, y: labels(19) }, /has 20 images in x but 19 labels in y/],
    [{ x, y: npy('<i4', [20], new Int32Array(20).fill(-1)) }, /y in .* gives image 0 the label -1/],
    [{ x, y: npy('<f4', [20], new Float32Array(20).fill(0.5)) }, /gives image 0 the label 0\.5/],
    [
      { x_train: x, y_train: y, x_test: npy('|u1', [20, 1, 4], counting(80)), y_test: y },
      /training images of 1 × 2 × 2 but test images of 1 × 1 × 4/,
    ],
  ];
  for (const [arrays, sentence] of cases) {
    await assert.rejects(
      openDataset(`npz:${await npz(t, arrays)}`),
      { name: 'UserError', message: sentence },
      String(sentence),
    );
  }
});

/** An archive of 1.6 MB that unpacks to a thousand times as much, as far as its directory says. */
function bomb(): Uint8Array {
  const r = random(1, 'bomb');
  const noise = Uint8Array.from({ length: 1.6e6 }, () => integer(r, 256));
  const bytes = Buffer.from(zipSync({ 'x.npy': noise, 'y.npy': labels(20) }));
  // The entry of x.npy is the first of the directory, that of y.npy the last.
  const last = bytes.lastIndexOf('PK\x01\x02', undefined, 'latin1');
  const directory = bytes.lastIndexOf('PK\x01\x02', last - 1, 'latin1');
  bytes.writeUInt32LE(1.6e9, directory + 24);
  return bytes;
}

test('a broken or lying archive is refused', async (t) => {
  const file = await npz(t, { x: npy('|u1', [20, 2, 2], counting(80)), y: labels(20) });
  await assert.rejects(openDataset(`npz:${file}x`), /Cannot read .*npzx: no such file/);
  const whole = zipSync({ 'x.npy': npy('|u1', [20, 2, 2], counting(80)), 'y.npy': labels(20) });
  const central = Buffer.from(whole).indexOf('PK\x01\x02', 0, 'latin1');
  const liar = Buffer.from(whole);
  liar.writeUInt32LE(0xf0000000, central + 24);
  const scrambled = Uint8Array.from(whole);
  scrambled.fill(0xff, 40, 80);
  const broken: [Uint8Array, RegExp][] = [
    [new Uint8Array(0), /is not a whole \.npz archive/],
    [whole.subarray(0, whole.length - 30), /is not a whole \.npz archive/],
    [scrambled, /is not a whole \.npz archive|is not a NumPy array|holds \d+ bytes/],
    [liar, /claims an impossible size for x\.npy/],
    [bomb(), /data\.npz would unpack to 1\.6 GB, but at most 1\.1 GB are read; save it without compression/],
  ];
  for (const [bytes, sentence] of broken) {
    await writeFile(file, bytes);
    await assert.rejects(
      openDataset(`npz:${file}`),
      { name: 'UserError', message: sentence },
      String(sentence),
    );
  }
});

test('numbers that are not finite, and labels without bounds, are named with their image', async (t) => {
  const x = npy('<f4', [3, 1, 2, 2], Float32Array.from(counting(12)).fill(Number.NaN, 9, 10));
  await assert.rejects(
    async () => openDataset(`npz:${await npz(t, { x, y: labels(3) })}`),
    /^UserError: x in \S+ holds NaN in image 2; images are finite numbers/,
  );
  const y = npy('<i4', [3], Int32Array.of(0, 1, 1_000_000));
  await assert.rejects(
    async () => openDataset(`npz:${await npz(t, { x: npy('|u1', [3, 2, 2], counting(12)), y })}`),
    /gives image 2 the label 1000000; labels are whole numbers from 0 to 99999/,
  );
});

/** Everything that a split's samples have. */
const samplesOf = ({ length, arrays }: Split) =>
  Array.from({ length }, (_, index) => arrays.map((array) => [...(array.at(index) as Image).data]));

test('an array for each input, of any rank, its numbers as they are', async (t) => {
  const inputs = [
    { name: 'ids', dtype: 'int64', shape: ['N', 3] },
    { name: 'level', dtype: 'float32', shape: ['N', 1, 2, 1, 2] },
  ] satisfies Value[];
  const ids = wholes([2, 3], [5, -1, 7, 2 ** 24, 0, 1]);
  const level = npy('|u1', [2, 1, 2, 1, 2], counting(8));
  const y = labels(2);
  const parts = {
    ids_train: ids,
    level_train: level,
    y_train: y,
    test_ids: ids,
    test_level: level,
    test_y: y,
  };
  const data = await openDataset(`npz:${await npz(t, parts)}`, { inputs });
  assert.deepEqual(
    data.train.arrays.map(({ kind, name, shape }) => [kind, name, shape]),
    [
      ['numbers', 'ids', [3]],
      ['numbers', 'level', [1, 2, 1, 2]],
    ],
  );
  const all = [
    [
      [5, -1, 7],
      [0, 1, 2, 3],
    ],
    [
      [2 ** 24, 0, 1],
      [4, 5, 6, 7],
    ],
  ];
  assert.deepEqual(samplesOf(data.train), all);
  assert.deepEqual(samplesOf(data.test!), all);
  for await (const { inputs: given, count } of batches(data.train, { batch: 8, normalize: data }))
    assert.deepEqual(
      [given, count],
      [{ ids: Float32Array.of(5, -1, 7, 2 ** 24, 0, 1), level: Float32Array.from(counting(8)) }, 2],
    );
});

test('what is no part of a sample is given once, to all of them', async (t) => {
  const inputs: Value[] = [
    { name: 'sound', dtype: 'float32', shape: ['N', 4] },
    { name: 'state', dtype: 'float32', shape: [2, 'N', 3] },
    { name: 'rate', dtype: 'int64', shape: [] },
  ];
  const sound = reals([20, 4], Array(80).keys());
  const state = reals([2, 1, 3], [1, 2, 3, 4, 5, 6]);
  const each = reals([20, 2, 1, 3], Array(120).keys());
  const opened = async (arrays: Record<string, Uint8Array>, all = inputs) =>
    openDataset(`npz:${await npz(t, arrays)}`, { inputs: all });
  for (const rate of [wholes([], [16000]), wholes([1], [16000])]) {
    const { train, test: held } = await opened({ sound, state, rate });
    assert.deepEqual([train.length, held!.length], [18, 2]);
    assert.deepEqual(
      train.arrays.map(({ name, shape }) => [name, shape]),
      [
        ['sound', [4]],
        ['state', [2, 1, 3]],
        ['rate', []],
      ],
    );
    for (const part of [train, held!])
      for (let i = 0; i < part.length; i++)
        assert.deepEqual(
          part.arrays.slice(1).map((array) => [...(array as Numbers).at(i).data]),
          [[1, 2, 3, 4, 5, 6], [16000]],
        );
  }
  const parts = await opened({
    sound_train: sound,
    sound_test: reals([3, 4], Array(12).keys()),
    state,
    rate: wholes([], [8]),
  });
  assert.deepEqual([parts.train.length, parts.test!.length], [20, 3]);
  const rates = wholes([20], Array(20).keys());
  const own = await opened({ sound, state: each, rate: rates });
  assert.deepEqual(
    own.train.arrays.map(({ shape }) => shape),
    [[4], [2, 1, 3], []],
  );
  const seen = new Set(Array.from({ length: 18 }, (_, i) => (own.train.arrays[2] as Numbers).at(i).data[0]));
  assert.equal(seen.size, 18);
  await assert.rejects(opened({ sound, state: reals([19, 2, 1, 3], Array(114).keys()), rate: rates }), {
    message: /has 20 samples but 19 in state; there must be as many/,
  });
  await assert.rejects(opened({ sound, state, rate: reals([], [0.5]) }), {
    message: /rate in \S+ holds real numbers where the model takes whole ones/,
  });
  const two: Value[] = [inputs[1], { name: 'other', dtype: 'float32', shape: [3] }];
  await assert.rejects(opened({ state, other: reals([3], [1, 2, 3]) }, two), {
    message: /All arrays of \S+ are the same for every sample/,
  });
});

test('what the only input takes says whether an array is of images', async (t) => {
  const kinds = async (x: Uint8Array, input?: Value) => {
    const file = `npz:${await npz(t, { x, y: labels(4) })}`;
    const { train, mean } = await openDataset(file, { inputs: input && [input] });
    return [train.arrays[0].kind, ...train.arrays[0].shape, mean.length];
  };
  const pixels = npy('|u1', [4, 2, 3], counting(24));
  assert.deepEqual(await kinds(pixels), ['images', 1, 2, 3, 1]);
  const value = (rank: number, dtype: Value['dtype'] = 'float32'): Value => ({
    ...{ name: 'data', dtype, shape: ['N', ...Array(rank - 1).fill(undefined)] },
  });
  assert.deepEqual(await kinds(pixels, value(4)), ['images', 1, 2, 3, 1]);
  assert.deepEqual(await kinds(pixels, value(3)), ['numbers', 2, 3, 1]);
  assert.deepEqual(await kinds(pixels, value(3, 'int64')), ['numbers', 2, 3, 1]);
  assert.deepEqual(await kinds(reals([4, 6], counting(24))), ['numbers', 6, 1]);
});

test('arrays that several inputs cannot take are named', async (t) => {
  const inputs: Value[] = ['ids', 'mask'].map((name) => ({ name, dtype: 'int64', shape: ['N', 2] }));
  const ids = wholes([4, 2], counting(8));
  const y = labels(4);
  const all = { ids, mask: ids, y };
  const cases: [Record<string, Uint8Array>, RegExp][] = [
    [{ ids, y }, /lacks mask; it holds ids, y: it needs an array by the name of each/],
    [{ ids_train: ids, mask: ids, y }, /lacks one part of its arrays; it holds ids_train, mask, y/],
    [{ ...all, y_test: y, ids_test: ids }, /has y_test but lacks mask_test; add it, or leave y_test out/],
    [{ ...all, mask: wholes([3, 2], counting(6)) }, /has 3 samples in mask but 4 labels in y/],
    [{ ...all, mask: wholes([4], counting(4)) }, /mask in \S+ is 4; samples come first and have an axis/],
    [
      { ...all, mask: reals([4, 2], counting(8)) },
      /mask in \S+ holds real numbers .* astype\(numpy\.int64\)/,
    ],
    [
      { ...all, ids: wholes([4, 2], [0, 0, 0, 0, 0, 2 ** 25, 0, 0]) },
      /holds 33554432 in sample 2; .* of at most 16777216/,
    ],
    [
      { ...all, ids_test: wholes([4, 1], counting(4)), mask_test: ids, y_test: y },
      /training samples of ids of 2 but test samples of 1; make them alike/,
    ],
  ];
  for (const [arrays, message] of cases)
    await assert.rejects(async () => openDataset(`npz:${await npz(t, arrays)}`, { inputs }), {
      name: 'UserError',
      message,
    });
  const file = `npz:${await npz(t, { x: reals([4, 2], counting(8)), y })}`;
  await assert.rejects(openDataset(file, { size: 8 }), /are not images, and only images are resized/);
  const normalize = { mean: [0], std: [1] };
  await assert.rejects(openDataset(file, { normalize }), /are not images, and only images are normalised/);
});

test('samples of one group are never parted', async (t) => {
  const group = [4, 4, 9, 9, 9, -1, -1, -1, -1, 2, 2, 2];
  const x = reals([12, 5], counting(60));
  const file = await npz(t, { x, y: reals([12], counting(12)), group: wholes([12], group) });
  for (const targets of [[], ['y']]) {
    const { train, test: held } = await openDataset(`npz:${file}`, { targets });
    const { train: rest, validation } = splitValidation(train, 0.2, 3);
    const parts = [rest, validation, held!].map((split) => new Set(split.groups));
    assert.ok(parts.every(({ size }) => size > 0));
    assert.equal(
      parts.reduce((sum, { size }) => sum + size, 0),
      4,
    );
    assert.equal(rest.length + validation.length + held!.length, 12);
  }
  const is = (message: RegExp) => ({ name: 'UserError', message });
  const short = await npz(t, { x, group: wholes([2], [1, 2]) });
  await assert.rejects(
    openDataset(`npz:${short}`),
    is(/has 12 samples but groups of 2; give one number for each/),
  );
  const one = await npz(t, { x, group: wholes([12], new Array(12).fill(7)) });
  await assert.rejects(
    openDataset(`npz:${one}`),
    is(/are in too few groups to hold out 1 of 12 without splitting a group/),
  );
});
