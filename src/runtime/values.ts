/** What may be given to a model's inputs, and how it becomes the float32 that programs compute with. */
import { fail, own } from '../base/index.js';
import { type DType, isFloat, sizeOf } from '../onnx/index.js';

/** Numbers row by row: any typed array, or a plain array; int64 ids come as BigInt64Array from most tokenizers. */
export type Numbers = ArrayLike<number> | ArrayLike<bigint>;

export interface Declared {
  dtype: DType;
  shape: readonly number[];
}

/**
 * The numbers for an input as float32. A Float32Array for an input of real numbers is returned as it is, everything else copied.
 * @throws UserError when they are missing, are no numbers, are too many or too few, or cannot be told apart in float32.
 */
export function floatsFor(
  given: Readonly<Record<string, Numbers>> | undefined,
  name: string,
  { dtype, shape }: Declared,
): Float32Array {
  const data = own(given, name);
  if (data === undefined || data === null) return fail(`The input '${name}' is missing; give its values.`);
  if (!isNumbers(data))
    return fail(
      `The input '${name}' is not an array of numbers; give a typed array, such as a Float32Array.`,
    );
  const size = sizeOf(shape);
  if (data.length !== size)
    return fail(
      `The input '${name}' has ${data.length} numbers, but its shape [${shape.join(', ')}] needs ${size}.`,
    );
  if (isFloat(dtype)) return data instanceof Float32Array ? data : Float32Array.from(data, Number);
  return integersOf(data, name, dtype);
}

const isNumbers = (data: unknown): data is Numbers => {
  if (ArrayBuffer.isView(data)) return !(data instanceof DataView);
  return Array.isArray(data) && data.every((x) => ['number', 'bigint', 'boolean'].includes(typeof x));
};

function integersOf(data: Numbers, name: string, dtype: DType): Float32Array {
  const result = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    result[i] = Number(data[i]);
    // biome-ignore lint/suspicious/noDoubleEquals: a bigint equals the number of the same value.
    if (!Number.isInteger(result[i]) || result[i] != data[i])
      fail(
        `The input '${name}' is of ${dtype}, but its number ${i} is ${data[i]}; give whole numbers that float32 holds exactly, such as those up to 16,777,216.`,
      );
  }
  return result;
}
