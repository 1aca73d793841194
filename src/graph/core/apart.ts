/** Where samples lie, for operators that keep them apart: by the axis that holds them. */
import { sizeOf } from '../../onnx/index.js';
import type { CoreName } from '../core.js';
import type { Apart, SamplesCall, Shape } from './operator.js';

/** An axis that holds the samples: index = (outer · count + sample) · inner + rest. */
export interface SampleAxis {
  axis: number;
  inner: number;
}

/** The axis that holds the samples; undefined where they do not lie along one. */
export function axisOf(shape: Shape, stride: number, count: number): SampleAxis | undefined {
  let within = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const inner = stride / within;
    if (stride < within * shape[axis] && Number.isInteger(inner) && shape[axis] % (inner * count) === 0)
      return { axis, inner };
    within *= shape[axis];
  }
  return undefined;
}

const strideOf = (shape: Shape, { axis, inner }: SampleAxis): number => inner * sizeOf(shape.slice(axis + 1));

/** The axis of the first operand, and what becomes of it; 'unknown' where there is none. */
export function alongFirst<Name extends CoreName>(
  { operands: [{ shape, apart }], count, result }: SamplesCall<Name>,
  move: (found: SampleAxis) => SampleAxis | 'meet' | 'unknown',
): Apart {
  const found = typeof apart === 'number' ? axisOf(shape, apart, count) : undefined;
  if (!found) return 'unknown';
  const moved = move(found);
  return typeof moved === 'string' ? moved : strideOf(result, moved);
}

/** A window that slides over [B, channels, …]; `channels` says what becomes of samples that lie along those. */
export function slid<Name extends 'conv' | 'convInput' | 'maxPool'>(
  call: SamplesCall<Name>,
  channels: (found: SampleAxis) => SampleAxis | 'meet' | 'unknown',
): Apart {
  if (call.operands.slice(1).some(({ apart }) => apart !== undefined)) return 'unknown';
  const { kernel, strides, padsBefore, padsAfter } = call.options.window;
  return alongFirst(call, (found) => {
    const { axis } = found;
    if (axis === 0) return found;
    if (axis === 1) return channels(found);
    const i = axis - 2;
    const pointwise = kernel[i] === 1 && strides[i] === 1 && padsBefore[i] === 0 && padsAfter[i] === 0;
    return pointwise ? found : 'meet';
  });
}

/** What all operands that depend on samples agree on, after each was lined up with the result. */
export function agreed<Name extends CoreName>(
  { operands, result, count }: SamplesCall<Name>,
  lineUp: (found: SampleAxis, operand: number) => SampleAxis,
): Apart {
  const strides = operands.flatMap(({ shape, apart }, operand) => {
    if (typeof apart !== 'number') return [];
    const found = axisOf(shape, apart, count);
    return [found && strideOf(result, lineUp(found, operand))];
  });
  if (strides.includes(undefined)) return 'unknown';
  return strides.every((stride) => stride === strides[0]) ? strides[0]! : 'meet';
}

/** As NumPy lines shapes up: at their last axes. Numbers that are not the same for every sample tell them apart by their place. */
export function linedUp<Name extends CoreName>(call: SamplesCall<Name>): Apart {
  const { operands, result, count, repeated } = call;
  const stride = agreed(call, ({ axis, inner }, operand) => ({
    axis: axis + result.length - operands[operand].shape.length,
    inner,
  }));
  const found = typeof stride === 'number' ? axisOf(result, stride, count) : undefined;
  const placed = operands.some((operand) => {
    const { shape, apart } = operand;
    const axis = found && apart === undefined ? found.axis - result.length + shape.length : -1;
    if (axis < 0 || shape[axis] === 1) return false;
    return !repeated(operand, found!.inner * sizeOf(shape.slice(axis + 1)));
  });
  return placed ? 'meet' : stride;
}
