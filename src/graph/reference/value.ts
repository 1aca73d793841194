/** A value of a core graph in float64: one array per sample where it is laned, a single one where it is not. */
import { type DType, emptyData, type Tensor } from '../../onnx/index.js';

export interface ReferenceValue {
  shape: readonly number[];
  /** Differs from sample to sample: `samples` then has one array for each. */
  laned: boolean;
  samples: Float64Array[];
}

/** A tensor as a value that all samples share. */
export const toValue = (tensor: Tensor): ReferenceValue => ({
  shape: tensor.shape,
  laned: false,
  samples: [Float64Array.from(tensor.data as ArrayLike<number | bigint>, Number)],
});

/** One tensor per sample as a laned value. */
export const toLaned = (tensors: readonly Tensor[]): ReferenceValue => ({
  shape: tensors[0].shape,
  laned: true,
  samples: tensors.map((tensor) => toValue(tensor).samples[0]),
});

/** A value as a tensor; 64-bit integers saturate. `sample` chooses among those of a laned one. */
export function toTensor(value: ReferenceValue, dtype: DType = 'float32', sample = 0): Tensor {
  const from = value.samples[value.laned ? sample : 0];
  const data = emptyData(dtype, from.length);
  if (data instanceof BigInt64Array) data.set(Array.from(from, (x) => saturated(x, -(2n ** 63n), 2n ** 63n)));
  else if (data instanceof BigUint64Array) data.set(Array.from(from, (x) => saturated(x, 0n, 2n ** 64n)));
  else (data as Float32Array).set(from);
  return { dtype, shape: [...value.shape], data };
}

function saturated(x: number, low: bigint, end: bigint): bigint {
  const whole = BigInt(Math.trunc(x));
  return whole < low ? low : whole >= end ? end - 1n : whole;
}
