/** Values of core operators in float64, one after another and as plainly as possible. */
import { sizeOf } from '../../onnx/index.js';
import type { CoreName, Type, Window } from '../core.js';
import type { ReferenceValue } from '../reference/value.js';
import type { Call } from './operator.js';

/** A value of the given type, filled sample by sample. */
export function filled(
  { shape, laned }: Pick<Type, 'shape' | 'laned'>,
  count: number,
  fill: (out: Float64Array, sample: number) => void,
): ReferenceValue {
  const samples = Array.from({ length: laned ? count : 1 }, (_, s) => {
    const out = new Float64Array(sizeOf(shape));
    fill(out, s);
    return out;
  });
  return { shape, laned, samples };
}

export const at = (value: ReferenceValue, sample: number): Float64Array =>
  value.samples[value.laned ? sample : 0];

/** Row-major strides; 0 along axes of one element, so that broadcasting needs no more. */
export function strides(shape: readonly number[]): number[] {
  const result: number[] = [];
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    result[i] = shape[i] === 1 ? 0 : step;
    step *= shape[i];
  }
  return result;
}

/** The offset start + Σ index·step for every index of `shape`, in row-major order. */
export function offsets(shape: readonly number[], steps: readonly number[], start = 0): Int32Array {
  const result = new Int32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  let offset = start;
  for (let k = 0; k < result.length; k++) {
    result[k] = offset;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += steps[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= index[axis] * steps[axis];
      index[axis] = 0;
    }
  }
  return result;
}

/** Offsets into a value of shape `from` for every element of the shape it is broadcast to. */
export function spread(from: readonly number[], to: readonly number[]): Int32Array {
  const lead = to.length - from.length;
  return offsets(to, [...Array.from({ length: lead }, () => 0), ...strides(from)]);
}

/** Copies `from[map[k]]` to k in every sample. */
export const moved = (call: Call<CoreName>, map: Int32Array): ReferenceValue[] => [
  filled(call.outputs[0], call.count, (out, s) => {
    const from = at(call.inputs[0], s);
    for (let k = 0; k < map.length; k++) out[k] = from[map[k]];
  }),
];

/** Places element k of an input at `map[k]` in every sample; what is not reached stays `value`. */
export function placed(call: Call<CoreName>, maps: Int32Array[], value = 0): ReferenceValue[] {
  return [
    filled(call.outputs[0], call.count, (out, s) => {
      out.fill(value);
      maps.forEach((map, i) => {
        const from = at(call.inputs[i], s);
        for (let k = 0; k < map.length; k++) out[map[k]] = from[k];
      });
    }),
  ];
}

/** Calls `visit(output position, input position, tap)` for every tap of every window that lies inside the input. */
export function eachTap(
  w: Window,
  input: readonly number[],
  output: readonly number[],
  visit: (to: number, from: number, tap: number) => void,
): void {
  const rank = input.length;
  const walk = (axis: number, to: number, from: number, tap: number): void => {
    if (axis === rank) {
      visit(to, from, tap);
      return;
    }
    for (let o = 0; o < output[axis]; o++) {
      for (let k = 0; k < w.kernel[axis]; k++) {
        const i = o * w.strides[axis] + k * w.dilations[axis] - w.padsBefore[axis];
        if (i < 0 || i >= input[axis]) continue;
        walk(axis + 1, to * output[axis] + o, from * input[axis] + i, tap * w.kernel[axis] + k);
      }
    }
  };
  walk(0, 0, 0, 0);
}

/**
 * The three faces of a convolution: for every product y[b, o, to] += x[b, c, from] · w[o, c, tap] that it is made of,
 * calls `visit` with the offsets into y, x and w.
 */
export function eachProduct(
  { window, groups }: { window: Window; groups: number },
  x: readonly number[],
  w: readonly number[],
  y: readonly number[],
  visit: (y: number, x: number, w: number) => void,
): void {
  const [planeX, planeY, taps] = [x, y, w].map((shape) => sizeOf(shape.slice(2)));
  const perGroup = w[0] / groups;
  eachTap(window, x.slice(2), y.slice(2), (to, from, tap) => {
    for (let b = 0; b < x[0]; b++) {
      for (let o = 0; o < w[0]; o++) {
        const first = Math.floor(o / perGroup) * w[1];
        for (let c = 0; c < w[1]; c++) {
          visit(
            (b * y[1] + o) * planeY + to,
            (b * x[1] + first + c) * planeX + from,
            (o * w[1] + c) * taps + tap,
          );
        }
      }
    }
  });
}
