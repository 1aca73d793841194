import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { UserError } from '../base/index.js';
import { TensorProtoSchema } from './generated/onnx_pb.js';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half.js';
import type { DType, Tensor, TensorData } from './model.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';
import { newSource } from './source.js';
import { decodeTensor, rounded } from './storage.js';
import { emptyData, floats, ints, intTensor, sizeOf, zeros } from './tensor.js';

type Fields = MessageInitShape<typeof TensorProtoSchema>;
const raw = (data: ArrayLike<number>) => Uint8Array.from(data);
const bytes = (data: Exclude<TensorData, string[]>) => new Uint8Array(data.buffer as ArrayBuffer);

const decode = (fields: Fields): Tensor => decodeTensor(create(TensorProtoSchema, fields), 'tensor W');

test('every way to store a tensor is read', () => {
  const big = [2n ** 62n, -(2n ** 62n)];
  const table: [dataType: number, fields: Fields, dtype: DType, data: TensorData][] = [
    [1, { floatData: [1.5, -2] }, 'float32', Float32Array.of(1.5, -2)],
    [1, { rawData: bytes(Float32Array.of(1.5, -2)) }, 'float32', Float32Array.of(1.5, -2)],
    [2, { int32Data: [0, 255] }, 'uint8', Uint8Array.of(0, 255)],
    [2, { rawData: raw([0, 255]) }, 'uint8', Uint8Array.of(0, 255)],
    [3, { int32Data: [-128, 127] }, 'int8', Int8Array.of(-128, 127)],
    [3, { rawData: raw([128, 127]) }, 'int8', Int8Array.of(-128, 127)],
    [4, { int32Data: [0, 65535] }, 'uint16', Uint16Array.of(0, 65535)],
    [4, { rawData: raw([0, 0, 255, 255]) }, 'uint16', Uint16Array.of(0, 65535)],
    [5, { int32Data: [-32768, 1] }, 'int16', Int16Array.of(-32768, 1)],
    [5, { rawData: raw([0, 128, 1, 0]) }, 'int16', Int16Array.of(-32768, 1)],
    [6, { int32Data: [-(2 ** 31), 7] }, 'int32', Int32Array.of(-(2 ** 31), 7)],
    [6, { rawData: raw([255, 255, 255, 255, 7, 0, 0, 0]) }, 'int32', Int32Array.of(-1, 7)],
    [7, { int64Data: big }, 'int64', BigInt64Array.from(big)],
    [7, { rawData: bytes(BigInt64Array.from(big)) }, 'int64', BigInt64Array.from(big)],
    [8, { stringData: [raw([195, 169]), raw([])] }, 'string', ['é', '']],
    [9, { int32Data: [1, 0] }, 'bool', Uint8Array.of(1, 0)],
    [9, { rawData: raw([1, 0]) }, 'bool', Uint8Array.of(1, 0)],
    [10, { int32Data: [0x3c00, 0xc100] }, 'float16', Float32Array.of(1, -2.5)],
    [10, { rawData: raw([0x00, 0x3c, 0x00, 0xc1]) }, 'float16', Float32Array.of(1, -2.5)],
    [11, { doubleData: [0.1, 2] }, 'float64', Float64Array.of(0.1, 2)],
    [11, { rawData: bytes(Float64Array.of(0.1, 2)) }, 'float64', Float64Array.of(0.1, 2)],
    [12, { uint64Data: [0n, 2n ** 32n - 1n] }, 'uint32', Uint32Array.of(0, 2 ** 32 - 1)],
    [12, { rawData: raw([0, 0, 0, 0, 255, 255, 255, 255]) }, 'uint32', Uint32Array.of(0, 2 ** 32 - 1)],
    [13, { uint64Data: [1n, 2n ** 64n - 1n] }, 'uint64', BigUint64Array.of(1n, 2n ** 64n - 1n)],
    [13, { rawData: bytes(BigUint64Array.of(1n, 5n)) }, 'uint64', BigUint64Array.of(1n, 5n)],
    [16, { int32Data: [0x3f80, 0xc020] }, 'bfloat16', Float32Array.of(1, -2.5)],
    [16, { rawData: raw([0x80, 0x3f, 0x20, 0xc0]) }, 'bfloat16', Float32Array.of(1, -2.5)],
  ];
  for (const [dataType, fields, dtype, data] of table) {
    assert.deepEqual(
      decode({ dims: [2n], dataType, ...fields }),
      { dtype, shape: [2], data },
      `type ${dataType}`,
    );
  }
  const odd = { shape: [3], data: Int8Array.of(1, -8, 7) };
  for (const fields of [{ rawData: raw([0x81, 7]) }, { int32Data: [0x81, 7] }]) {
    assert.deepEqual(decode({ dims: [3n], dataType: 22, ...fields }), { dtype: 'int4', ...odd });
    const unsigned = { dtype: 'uint4', shape: [3], data: Uint8Array.of(1, 8, 7) };
    assert.deepEqual(decode({ dims: [3n], dataType: 21, ...fields }), unsigned);
  }
  assert.deepEqual(decode({ dataType: 1, floatData: [3] }).shape, [], 'a scalar has no dimensions');
  assert.equal(decode({ dims: [0n, 5n], dataType: 1 }).data.length, 0, 'an empty tensor needs no data');
});

test('a tensor that is not what its header says is refused before anything is allocated', () => {
  const table: [fields: Fields, sentence: RegExp][] = [
    [
      { dims: [2n ** 40n], dataType: 1, floatData: [1] },
      /tensor W should have 1099511627776 elements .* 1 are stored/,
    ],
    [{ dims: [2n ** 40n], dataType: 10, rawData: raw([1, 2]) }, /1099511627776 elements/],
    [{ dims: [2n ** 62n, 2n ** 62n], dataType: 1, floatData: [1] }, /more elements than any file/],
    [{ dims: [-1n], dataType: 1, floatData: [1] }, /negative dimension/],
    [{ dims: [2n], dataType: 1, rawData: raw([1, 2, 3, 4, 5]) }, /1.25 are stored/],
    [{ dims: [2n], dataType: 1 }, /0 are stored/],
    [{ dims: [2n], dataType: 26, rawData: raw([1]) }, /int2, which is not read/],
    [{ dims: [3n], dataType: 22, rawData: raw([1]) }, /should have 3 elements .* 2 are stored/],
    [{ dims: [2n], dataType: 17, rawData: raw([1, 1]) }, /float8e4m3fn/],
    [{ dims: [2n], dataType: 99, rawData: raw([1, 1]) }, /number 99/],
    [{ dims: [1n], dataType: 8, stringData: [raw([255])] }, /UTF-8/],
    [{ dims: [1n], dataType: 1, floatData: [1], segment: raw([8, 0]) }, /segments/],
  ];
  for (const [fields, message] of table) {
    assert.throws(
      () => decode(fields),
      (error) => error instanceof UserError && message.test(error.message),
      `${message}`,
    );
  }
});

test('16-bit floats widen exactly, sub-normals, infinities and not-a-number included', () => {
  const halves: [number, number][] = [
    [0x0000, 0],
    [0x8000, -0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x0400, 2 ** -14],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x7c00, Infinity],
    [0xfc00, -Infinity],
    [0x7e00, NaN],
  ];
  for (const [half, value] of halves)
    assert.ok(Object.is(fromFloat16(half), value), `float16 ${half.toString(16)}`);
  assert.equal(fromBfloat16(0x4049), 3.140625);
  assert.equal(fromBfloat16(0xff80), -Infinity);
});

test('numbers are rounded to 16 bits: to the nearest, halves to even, and what is finite stays finite', () => {
  for (let half = 0; half < 0x10000; half++) {
    const [one, other] = [fromFloat16(half), fromBfloat16(half)];
    if (!Number.isNaN(one)) assert.equal(toFloat16(one), half);
    if (!Number.isNaN(other)) assert.equal(toBfloat16(other), half);
  }
  assert.ok(Number.isNaN(fromFloat16(toFloat16(Number.NaN))));
  assert.ok(Number.isNaN(fromBfloat16(toBfloat16(Number.NaN))));
  const pairs: [number, number][] = [
    [1 + 2 ** -11, 1],
    [1 + 3 * 2 ** -11, 1 + 2 ** -9],
    [1 + 2 ** -11 + 2 ** -20, 1 + 2 ** -10],
    [2 ** -25, 0],
    [3 * 2 ** -25, 2 ** -23],
    [2 ** -14 - 2 ** -26, 2 ** -14],
    [-70000, -65504],
    [65519, 65504],
    [1e30, 65504],
  ];
  for (const [x, expected] of pairs) assert.equal(fromFloat16(toFloat16(x)), expected, `${x}`);
  assert.equal(fromBfloat16(toBfloat16(1 + 2 ** -8)), 1);
  assert.equal(fromBfloat16(toBfloat16(1 + 3 * 2 ** -8)), 1 + 2 ** -6);
  assert.ok(Number.isFinite(fromBfloat16(toBfloat16(-3.4e38))));
  const tensor: Tensor = { dtype: 'float16', shape: [2], data: Float32Array.of(1 / 3, 1) };
  assert.deepEqual(rounded(tensor).data, Float32Array.of(0.333251953125, 1));
  assert.equal(rounded(zeros([2])).dtype, 'float32');
});

test('random tensors survive writing and reading', async () => {
  const dtypes: DType[] = [
    'float32',
    'float64',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'int4',
    'uint4',
    'string',
  ];
  const tensors = fc
    .tuple(fc.constantFrom(...dtypes), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 }))
    .chain(([dtype, shape]) => {
      const size = sizeOf(shape);
      const data = emptyData(dtype, size);
      if (dtype === 'string') {
        return fc
          .array(fc.string({ unit: 'grapheme' }), { minLength: size, maxLength: size })
          .map((data) => ({ dtype, shape, data }));
      }
      const length = (data as Uint8Array).byteLength;
      return fc.uint8Array({ minLength: length, maxLength: length }).map((random): Tensor => {
        bytes(data as Uint8Array).set(dtype.endsWith('int4') ? random.map((x) => x % 16) : random);
        if (dtype === 'int4') for (const [i, x] of random.entries()) data[i] = (x % 16) - 8;
        return { dtype, shape, data };
      });
    });
  await fc.assert(
    fc.asyncProperty(tensors, async (tensor) => {
      const source = newSource(13);
      const graph = {
        name: 'g',
        inputs: [],
        outputs: [],
        nodes: [],
        initializers: new Map([['W', tensor]]),
        declared: new Map(),
        source,
      };
      const back = (await parseModel(serializeModel(graph))).initializers.get('W')!;
      assert.deepEqual({ ...back, data: [] }, { ...tensor, data: [] });
      if (tensor.dtype === 'string') assert.deepEqual(back.data, tensor.data);
      else assert.deepEqual(bytes(back.data as Uint8Array), bytes(tensor.data as Uint8Array));
    }),
  );
});

test('helpers read any integers as numbers and any numbers as float32', () => {
  assert.deepEqual(ints(intTensor([2], [-1, 3])), [-1, 3]);
  assert.deepEqual(floats(intTensor([], [4])), Float32Array.of(4));
  assert.deepEqual(zeros([2], 'string').data, ['', '']);
  assert.throws(() => ints(zeros([1])), UserError);
  assert.throws(() => intTensor([3], [1]), RangeError);
});
