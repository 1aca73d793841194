/**
 * How far two sets of answers are apart, and how far they may be.
 *
 * Floats may differ by 10⁻⁴ of the largest answer of the output + 10⁻⁶: sums are added in another order, and onnxruntime's own sigmoid is off by
 * 10⁻⁷. Deep networks and those that round to a few bits amplify that. There, as measured on the same inputs, ten times as much is
 * allowed as two ways to the *same* answers differ: onnxruntime with its optimisations from without them, onnxruntime from itself
 * where every input is moved by one unit in its last place, and both the engine and onnxruntime from double precision. A weight that is
 * wrong changes both of such a pair alike, or only one of the last two, so nothing is allowed for it. More than 10 % of the largest answer is never taken for rounding. Whole numbers, truths and strings must be equal.
 */
import { type DType, isFloat } from '../../onnx/index.js';
import type { Answer, Answers } from '../samples.js';

export interface Difference {
  output: string;
  /** Whether its numbers are real: only then is there a difference in between. */
  real: boolean;
  /** The largest |one − other|; Infinity where only one is a number, none is at all, or they are not as many. */
  difference: number;
  /** The largest magnitude of the other. */
  scale: number;
  /** Of what is not real: positions that are not equal. */
  unequal: number[];
}

/** What two ways to the same answers differ by, by output. */
export type Noise = ReadonlyMap<string, number>;

const RELATIVE = 1e-4;
const ABSOLUTE = 1e-6;
/** How many times the noise that was measured on a few samples is allowed, */
const NOISE = 10;
/** and of the largest answer, how much at most. */
const MOST = 0.1;

/** Output by output, in the order of the first. */
export const differences = (one: Answers, other: Answers): Difference[] =>
  Object.keys(one).map((output) => ({ output, ...differenceOf(one[output], other[output]) }));

function differenceOf(one: Answer, other: Answer | undefined): Omit<Difference, 'output'> {
  const real = isFloat(other?.dtype ?? one.dtype);
  if (!other || one.data.length !== other.data.length)
    return { real, difference: Infinity, scale: 0, unequal: [0] };
  return real ? realDifference(one.data, other.data) : wholeDifference(one.data, other.data, one.dtype);
}

function realDifference(one: Answer['data'], other: Answer['data']): Omit<Difference, 'output'> {
  let difference = 0;
  let scale = 0;
  let finite = 0;
  for (let i = 0; i < one.length; i++) {
    const [a, b] = [Number(one[i]), Number(other[i])];
    if (Number.isFinite(b)) {
      scale = Math.max(scale, Math.abs(b));
      finite++;
    }
    if (Object.is(a, b) || a === b) continue;
    const apart = Math.abs(a - b);
    difference = Number.isNaN(apart) ? Infinity : Math.max(difference, apart);
  }
  if (finite === 0 && one.length > 0) difference = Infinity;
  return { real: true, difference, scale, unequal: [] };
}

/** The engine holds whole numbers in float32: what is equal in that is equal. */
function wholeDifference(
  one: Answer['data'],
  other: Answer['data'],
  dtype: DType,
): Omit<Difference, 'output'> {
  const equal = (a: unknown, b: unknown) =>
    dtype === 'string' ? a === b : Math.fround(Number(a)) === Math.fround(Number(b));
  const unequal = Array.from(one as ArrayLike<unknown>, (_, i) => i).filter((i) => !equal(one[i], other[i]));
  return { real: false, difference: unequal.length ? Infinity : 0, scale: 0, unequal };
}

/** The most that the numbers of an output may differ by. */
export const allowedFor = (each: Difference, noise?: Noise): number =>
  Math.max(RELATIVE * each.scale + ABSOLUTE, roundingOf(each, noise));

/** How much of that goes back to noise that was measured. */
export const roundingOf = ({ output, scale }: Difference, noise?: Noise): number =>
  Math.min(NOISE * (noise?.get(output) ?? 0), MOST * scale);

/** A difference as a share of the largest answer: at most 10⁻⁴ where nothing but rounding is at work. */
export const relative = (difference: number, scale: number): number =>
  difference / (scale + ABSOLUTE / RELATIVE);

/** The larger of what pairs of answers differ by, by output; pairs that cannot be compared say nothing. */
export function noiseOf(pairs: readonly (readonly [Answers, Answers])[]): Noise {
  const noise = new Map<string, number>();
  for (const [one, other] of pairs)
    for (const { output, real, difference } of differences(one, other))
      if (real && Number.isFinite(difference))
        noise.set(output, Math.max(noise.get(output) ?? 0, difference));
  return noise;
}

/** Of what both measured. */
export const smallerOf = (one: Noise, other: Noise): Noise =>
  new Map(
    [...one].flatMap(([name, noise]) => (other.has(name) ? [[name, Math.min(noise, other.get(name)!)]] : [])),
  );

/** Of whatever either measured. */
export const largerOf = (one: Noise, other: Noise): Noise =>
  new Map([...other, ...one].map(([name]) => [name, Math.max(one.get(name) ?? 0, other.get(name) ?? 0)]));
