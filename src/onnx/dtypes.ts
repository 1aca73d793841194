/** The numbers that ONNX gives to element types and attribute types. */
import type { DType } from './model.js';

const byNumber = new Map<number, DType>([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [8, 'string'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
  [21, 'uint4'],
  [22, 'int4'],
]);
const toNumber = new Map([...byNumber].map(([number, dtype]) => [dtype, number]));

const unread = new Map([
  [0, 'undefined'],
  [14, 'complex64'],
  [15, 'complex128'],
  [17, 'float8e4m3fn'],
  [18, 'float8e4m3fnuz'],
  [19, 'float8e5m2'],
  [20, 'float8e5m2fnuz'],
  [23, 'float4e2m1'],
  [24, 'float8e8m0'],
  [25, 'uint2'],
  [26, 'int2'],
]);

/** undefined for the types that a `Tensor` cannot hold. */
export const dtypeOf = (dataType: number): DType | undefined => byNumber.get(dataType);
export const dataTypeOf = (dtype: DType): number => toNumber.get(dtype)!;
/** A word for a type that is not read. */
export const unreadName = (dataType: number): string => unread.get(dataType) ?? `number ${dataType}`;

export const attributeType = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;
