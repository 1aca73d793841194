/**
 * The ways ONNX stores a tensor's elements, to and from plain tensors: as raw little-endian bytes, or in a typed field
 * (int32_data holds every integer of up to 32 bits, bool, and the bits of 16-bit floats; uint64_data holds uint32 too).
 *
 * What the header says is checked against what is there before anything is allocated. Elements are copied at most once
 * on the way in and not at all on the way out, but for 16-bit floats, which are held as float32.
 */
import { fail } from '../base/index.js';
import { dataTypeOf, dtypeOf, unreadName } from './dtypes.js';
import type { TensorProto } from './generated/onnx_pb.js';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './half.js';
import type { DType, Graph, Tensor, TensorData } from './model.js';
import { bytesOf, isNarrow } from './tensor.js';

type Numeric = Exclude<TensorData, string[]>;
type NumericType = Exclude<DType, 'string'>;

/** How 16-bit floats are read and written. */
const halves = {
  float16: { from: fromFloat16, to: toFloat16 },
  bfloat16: { from: fromBfloat16, to: toBfloat16 },
} as const;

const halfOf = (dtype: DType) => (isNarrow(dtype) ? halves[dtype as keyof typeof halves] : undefined);

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  int4: Int8Array,
  uint4: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<NumericType, unknown>;

/** The shape and size that a tensor's header claims. `where` begins the sentence, e.g. `model.onnx: tensor W`. */
export function claimed(proto: TensorProto, where: string): { shape: number[]; size: number } {
  const shape = proto.dims.map(Number);
  if (shape.some((dim) => dim < 0)) fail(`${where} has a negative dimension; the file is damaged.`);
  const size = shape.includes(0) ? 0 : shape.reduce((product, dim) => product * dim, 1);
  if (![...shape, size].every(Number.isSafeInteger))
    fail(`${where} claims more elements than any file can hold; the file is damaged.`);
  return { shape, size };
}

/**
 * The tensor that a message holds; external data must have been fetched into its raw_data.
 * @throws UserError when the type is not read or the elements are not as many as the shape says.
 */
export function decodeTensor(proto: TensorProto, where: string): Tensor {
  const dtype = dtypeOf(proto.dataType);
  if (!dtype) {
    fail(
      `${where} has elements of type ${unreadName(proto.dataType)}, which is not read; save it as float32 or int8.`,
    );
  }
  if (proto.segment.length > 0)
    fail(`${where} is stored in segments, which is not read; save the model whole.`);
  const { shape, size } = claimed(proto, where);
  const data =
    dtype === 'string'
      ? strings(proto, size, where)
      : isRaw(proto)
        ? fromRaw(dtype, proto.rawData, size, where)
        : fromField(dtype, proto, size, where);
  return { dtype, shape, data };
}

/** The message for a tensor without its elements, and those as bytes (a view) where they go into raw_data. */
export function encodeTensor(tensor: Tensor): {
  dims: bigint[];
  dataType: number;
  stringData?: Uint8Array[];
  raw?: Uint8Array;
} {
  const head = { dims: tensor.shape.map(BigInt), dataType: dataTypeOf(tensor.dtype) };
  if (tensor.dtype === 'string') {
    const encoder = new TextEncoder();
    return { ...head, stringData: (tensor.data as string[]).map((text) => encoder.encode(text)) };
  }
  if (isNibbles(tensor.dtype)) return { ...head, raw: packed(tensor.data as Int8Array) };
  const half = halfOf(tensor.dtype);
  const data = half ? Uint16Array.from(tensor.data as Float32Array, half.to) : (tensor.data as Numeric);
  const { buffer, byteOffset, byteLength } = data;
  return { ...head, raw: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) };
}

/** The element types of 16 bits that weights of a model have. */
export const narrowIn = ({ initializers }: Graph): DType[] => [
  ...new Set([...initializers.values()].map(({ dtype }) => dtype).filter(isNarrow)),
];

/** A tensor with its numbers rounded to what its element type holds. */
export function rounded(tensor: Tensor): Tensor {
  const half = halfOf(tensor.dtype);
  if (!half) return tensor;
  return { ...tensor, data: (tensor.data as Float32Array).map((x) => half.from(half.to(x))) };
}

/** An empty raw_data beside a filled typed field means the typed field. */
const isRaw = (proto: TensorProto): boolean => proto.rawData.length > 0;

function fromRaw(dtype: NumericType, raw: Uint8Array, size: number, where: string): TensorData {
  if (isNibbles(dtype)) return unpacked(dtype, raw, size, where);
  const stored = raw.length / bytesOf[dtype];
  if (stored !== size) wrongCount(where, stored, size);
  const owned = raw.length === raw.buffer.byteLength ? raw : new Uint8Array(raw);
  const half = halfOf(dtype);
  if (half) return Float32Array.from(new Uint16Array(owned.buffer as ArrayBuffer, 0, size), half.from);
  return new arrays[dtype](owned.buffer as ArrayBuffer, 0, size);
}

function fromField(dtype: NumericType, proto: TensorProto, size: number, where: string): TensorData {
  const field = typedField(dtype, proto);
  if (isNibbles(dtype)) return unpacked(dtype, field as number[], size, where);
  if (field.length !== size) wrongCount(where, field.length, size);
  switch (dtype) {
    case 'int64':
      return BigInt64Array.from(field as bigint[]);
    case 'uint64':
      return BigUint64Array.from(field as bigint[]);
    case 'bool':
      return Uint8Array.from(field as number[], (value) => (value ? 1 : 0));
    case 'float16':
    case 'bfloat16':
      return Float32Array.from(field as number[], (value) => halves[dtype].from(value & 0xffff));
    default:
      return (arrays[dtype] as Float32ArrayConstructor).from(field as ArrayLike<number>, Number);
  }
}

type Nibbles = 'int4' | 'uint4';

const isNibbles = (dtype: DType): dtype is Nibbles => dtype === 'int4' || dtype === 'uint4';

/** Two integers of 4 bits to a byte, the first in the lower half. */
function unpacked(dtype: Nibbles, bytes: ArrayLike<number>, size: number, where: string): TensorData {
  if (bytes.length !== Math.ceil(size / 2)) wrongCount(where, 2 * bytes.length, size);
  const data = new arrays[dtype](size);
  for (let i = 0; i < size; i++) {
    const bits = (bytes[i >> 1] >> (i % 2 ? 4 : 0)) & 15;
    data[i] = dtype === 'int4' && bits > 7 ? bits - 16 : bits;
  }
  return data;
}

function packed(data: Int8Array | Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(data.length / 2));
  data.forEach((value, i) => {
    bytes[i >> 1] |= (value & 15) << (i % 2 ? 4 : 0);
  });
  return bytes;
}

function typedField(dtype: NumericType, proto: TensorProto): number[] | bigint[] {
  switch (dtype) {
    case 'float32':
      return proto.floatData;
    case 'float64':
      return proto.doubleData;
    case 'int64':
      return proto.int64Data;
    case 'uint32':
    case 'uint64':
      return proto.uint64Data;
    default:
      return proto.int32Data;
  }
}

function strings(proto: TensorProto, size: number, where: string): string[] {
  if (proto.stringData.length !== size) wrongCount(where, proto.stringData.length, size);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  try {
    return proto.stringData.map((bytes) => decoder.decode(bytes));
  } catch {
    return fail(`${where} holds strings that are not UTF-8; the file is damaged or not valid ONNX.`);
  }
}

function wrongCount(where: string, stored: number, size: number): never {
  fail(`${where} should have ${size} elements by its shape but ${stored} are stored; the file is damaged.`);
}
