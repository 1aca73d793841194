/** Small helpers on tensors, so that nobody else has to care which typed array holds the numbers. */
import { fail } from '../base/index.js';
import type { DType, Tensor, TensorData } from './model.js';

/** How many elements a shape has: the product of its dimensions, 1 for a scalar. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((size, dim) => size * dim, 1);

/** Whether a dtype holds real numbers. */
export const isFloat = (dtype: DType): boolean =>
  dtype === 'float32' || dtype === 'float64' || isNarrow(dtype);

/** Whether its real numbers have 16 bits in a file. */
export const isNarrow = (dtype: DType): boolean => dtype === 'float16' || dtype === 'bfloat16';

/** Whether a dtype holds integers; bool is not among them. */
export const isInteger = (dtype: DType): boolean => !isFloat(dtype) && dtype !== 'bool' && dtype !== 'string';

/** Bytes of one element in ONNX's raw form, where two of 4 bits share one; 0 for strings, which have none. */
export const bytesOf: Readonly<Record<DType, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int4: 0.5,
  uint4: 0.5,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
  string: 0,
};

/**
 * The elements of an integer or bool tensor as numbers; 64-bit values beyond 2^53 are rounded.
 * @throws UserError when the tensor holds real numbers or strings.
 */
export function ints(tensor: Tensor): number[] {
  if (isFloat(tensor.dtype) || tensor.dtype === 'string') {
    fail(
      `A tensor of ${tensor.dtype} stands where integers are needed; the model must give int64 or int32 there.`,
    );
  }
  return Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/**
 * The elements of any numeric tensor as float32: the tensor's own array where it is one already, else a copy.
 * @throws UserError when the tensor holds strings.
 */
export function floats(tensor: Tensor): Float32Array {
  if (tensor.data instanceof Float32Array) return tensor.data;
  if (tensor.dtype === 'string')
    fail('A tensor of strings stands where numbers are needed; the model must give numbers there.');
  return Float32Array.from(tensor.data as ArrayLike<number | bigint>, Number);
}

/** A float32 tensor; a Float32Array is kept, not copied. */
export function floatTensor(shape: readonly number[], data: Float32Array | readonly number[]): Tensor {
  return checked({
    dtype: 'float32',
    shape: [...shape],
    data: data instanceof Float32Array ? data : Float32Array.from(data),
  });
}

/** A tensor of real numbers in the element type of another, such as the bias of a layer with that weight. */
export const floatsLike = (
  { dtype }: Pick<Tensor, 'dtype'>,
  shape: readonly number[],
  data: Float32Array,
): Tensor =>
  checked({ dtype, shape: [...shape], data: dtype === 'float64' ? Float64Array.from(data) : data });

/** An int64 tensor, e.g. a shape or a list of axes. */
export function intTensor(shape: readonly number[], values: readonly number[]): Tensor {
  return checked({ dtype: 'int64', shape: [...shape], data: BigInt64Array.from(values, BigInt) });
}

/** A tensor of zeros (false, empty strings). */
export function zeros(shape: readonly number[], dtype: DType = 'float32'): Tensor {
  return { dtype, shape: [...shape], data: emptyData(dtype, sizeOf(shape)) };
}

/** Zeroed storage for `size` elements. */
export function emptyData(dtype: DType, size: number): TensorData {
  switch (dtype) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return new Float32Array(size);
    case 'float64':
      return new Float64Array(size);
    case 'int4':
    case 'int8':
      return new Int8Array(size);
    case 'int16':
      return new Int16Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'int64':
      return new BigInt64Array(size);
    case 'uint4':
    case 'uint8':
    case 'bool':
      return new Uint8Array(size);
    case 'uint16':
      return new Uint16Array(size);
    case 'uint32':
      return new Uint32Array(size);
    case 'uint64':
      return new BigUint64Array(size);
    case 'string':
      return new Array<string>(size).fill('');
    default:
      return dtype satisfies never;
  }
}

/** A shortfall here is a defect of the caller, not of anybody's file. */
function checked(tensor: Tensor): Tensor {
  if (tensor.data.length !== sizeOf(tensor.shape)) {
    throw new RangeError(`${tensor.data.length} elements do not fill shape [${tensor.shape.join(', ')}]`);
  }
  return tensor;
}
