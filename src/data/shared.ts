/**
 * Arrays that all samples share. A model may take what is no part of a sample: a sampling rate (`sr` of shape []), the state before the
 * first moment (`state` of [2, 1, 128], in which samples do not lie along the first axis). An array of exactly that shape is given to every
 * sample; one with an axis more has a row for each.
 */
import { sizeOf, type Value } from '../onnx/index.js';
import { type Numbers, numbers } from './dataset.js';
import type { NumpyArray } from './npy.js';

type Declared = Value['shape'];

/**
 * Whether an array is what every sample has for an input.
 * @param all declared shapes of all inputs.
 */
export function isShared(
  array: readonly number[],
  declared: Declared,
  all: readonly Declared[],
): declared is NonNullable<Declared> {
  if (!declared) return false;
  if (declared.length === 0) return array.length < 2 && sizeOf(array) === 1;
  const fits = (dim: number, axis: number) => typeof declared[axis] !== 'number' || declared[axis] === dim;
  return !countsSamples(declared, all) && array.length === declared.length && array.every(fits);
}

/** Whether samples may lie along the first axis: they do along that of every input. */
function countsSamples([first]: NonNullable<Declared>, all: readonly Declared[]): boolean {
  if (typeof first !== 'number' || first <= 1) return true;
  return all.every((shape) => !shape || shape.length === 0 || shape[0] === first);
}

/** What every sample has, as an array over samples. */
export function sharedNumbers(
  { data, shape }: NumpyArray,
  declared: readonly unknown[],
  name?: string,
): Numbers {
  const own = numbers(data, declared.length === 0 ? [] : shape, name);
  const first = own.at(0);
  return { ...own, at: () => first };
}
