/**
 * What the core operators mean, one after another in float64, as plainly as possible. The truth that kernels and
 * gradients are tested against, and what computes constants when a model is expanded.
 */
import { random, uniform } from '../../base/random.js';
import { sizeOf } from '../../onnx/tensor.js';
import type { CoreName, CoreNode, CoreOptions, Type, Window } from '../core.js';
import { evaluate } from '../expression.js';
import { coreTypes } from '../shapes.js';
import type { Value } from './value.js';

/** What an operator sees: its inputs, the shapes its outputs will have, its options. */
interface Call<Name extends CoreName> {
  inputs: Value[];
  outputs: Pick<Type, 'shape' | 'laned'>[];
  options: CoreOptions[Name];
  count: number;
  seed: number;
}

/**
 * Runs core nodes in order.
 * @param inputs values by name; those that `normalize` updates are replaced there.
 * @returns all values, those of `inputs` too.
 */
export function runCore(
  nodes: readonly CoreNode[],
  inputs: Map<string, Value>,
  { seed = 0 }: { seed?: number } = {},
): Map<string, Value> {
  const values = new Map(inputs);
  const count = Math.max(1, ...[...inputs.values()].map((value) => value.samples.length));
  for (const node of nodes) {
    const operands = node.inputs.map((name) => values.get(name)!);
    const types = operands.map((value): Type => ({ dtype: 'float32', ...value }));
    const call = { inputs: operands, outputs: coreTypes(node, types), options: node.options, count, seed };
    const results = (rules[node.op] as (c: Call<CoreName>) => Value[])(call);
    for (const [i, name] of node.outputs.entries()) values.set(name, results[i]);
    if (node.op === 'normalize') {
      for (const k of [3, 4]) {
        values.set(node.inputs[k], results[k + 1]);
        inputs.set(node.inputs[k], results[k + 1]);
      }
    }
  }
  return values;
}

/** A value of the given type, filled sample by sample. */
function filled(
  { shape, laned }: Pick<Type, 'shape' | 'laned'>,
  count: number,
  fill: (out: Float64Array, sample: number) => void,
): Value {
  const samples = Array.from({ length: laned ? count : 1 }, (_, s) => {
    const out = new Float64Array(sizeOf(shape));
    fill(out, s);
    return out;
  });
  return { shape, laned, samples };
}

const at = (value: Value, sample: number): Float64Array => value.samples[value.laned ? sample : 0];

/** Row-major strides; 0 along axes of one element, so that broadcasting needs no more. */
function strides(shape: readonly number[]): number[] {
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
function spread(from: readonly number[], to: readonly number[]): Int32Array {
  const lead = to.length - from.length;
  return offsets(to, [...Array.from({ length: lead }, () => 0), ...strides(from)]);
}

/** Copies `from[map[k]]` to k in every sample. */
const moved = (call: Call<CoreName>, map: Int32Array): Value[] => [
  filled(call.outputs[0], call.count, (out, s) => {
    const from = at(call.inputs[0], s);
    for (let k = 0; k < map.length; k++) out[k] = from[map[k]];
  }),
];

/** Places element k of an input at `map[k]` in every sample; what is not reached stays `value`. */
function placed(call: Call<CoreName>, maps: Int32Array[], value = 0): Value[] {
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
function eachTap(
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
function eachProduct(
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

const rules: { [Name in CoreName]: (call: Call<Name>) => Value[] } = {
  elementwise({ inputs, outputs, options, count }) {
    const maps = inputs.map((value) => spread(value.shape, outputs[0].shape));
    const operands = inputs.map(() => 0);
    return [
      filled(outputs[0], count, (out, s) => {
        const from = inputs.map((value) => at(value, s));
        for (let k = 0; k < out.length; k++) {
          for (let i = 0; i < from.length; i++) operands[i] = from[i][maps[i][k]];
          out[k] = evaluate(options.expression, operands);
        }
      }),
    ];
  },
  reduce({ inputs: [x], outputs, options, count }) {
    const map = spread(outputs[0].shape, x.shape);
    const folded = x.samples.length > 1 && !outputs[0].laned ? x.samples : undefined;
    return [
      filled(outputs[0], count, (out, s) => {
        out.fill(options.how === 'sum' ? 0 : -Infinity);
        for (const from of folded ?? [at(x, s)]) {
          for (let k = 0; k < from.length; k++) {
            if (options.how === 'sum') out[map[k]] += from[k];
            else out[map[k]] = Math.max(out[map[k]], from[k]);
          }
        }
      }),
    ];
  },
  reshape: ({ inputs: [x], outputs }) => [{ ...x, shape: outputs[0].shape }],
  transpose(call) {
    const steps = strides(call.inputs[0].shape);
    return moved(
      call,
      offsets(
        call.outputs[0].shape,
        call.options.order.map((i) => steps[i]),
      ),
    );
  },
  slice(call) {
    const steps = strides(call.inputs[0].shape);
    const { starts, steps: by, sizes } = call.options;
    const start = starts.reduce((sum, from, i) => sum + from * steps[i], 0);
    return moved(
      call,
      offsets(
        sizes,
        by.map((n, i) => n * steps[i]),
        start,
      ),
    );
  },
  pad(call) {
    const steps = strides(call.outputs[0].shape);
    const start = call.options.before.reduce((sum, n, i) => sum + n * steps[i], 0);
    return placed(call, [offsets(call.inputs[0].shape, steps, start)], call.options.value);
  },
  concat(call) {
    const { axis } = call.options;
    const steps = strides(call.outputs[0].shape);
    let start = 0;
    const maps = call.inputs.map(({ shape }) => {
      const map = offsets(shape, steps, start);
      start += shape[axis] * steps[axis];
      return map;
    });
    return placed(call, maps);
  },
  expand: (call) => moved(call, spread(call.inputs[0].shape, call.outputs[0].shape)),
  conv({ inputs: [x, w, bias], outputs, options, count }) {
    const { shape } = outputs[0];
    const plane = sizeOf(shape.slice(2));
    return [
      filled(outputs[0], count, (out, s) => {
        const [from, weight] = [at(x, s), at(w, s)];
        for (let k = 0; bias && k < out.length; k++) out[k] = at(bias, s)[Math.floor(k / plane) % shape[1]];
        eachProduct(options, x.shape, w.shape, shape, (a, b, c) => (out[a] += from[b] * weight[c]));
      }),
    ];
  },
  convInput({ inputs: [dy, w], outputs, options, count }) {
    return [
      filled(outputs[0], count, (out, s) => {
        const [from, weight] = [at(dy, s), at(w, s)];
        eachProduct(
          options,
          outputs[0].shape,
          w.shape,
          dy.shape,
          (a, b, c) => (out[b] += from[a] * weight[c]),
        );
      }),
    ];
  },
  convWeight({ inputs: [x, dy], outputs, options, count }) {
    return [
      filled(outputs[0], count, (out) => {
        for (let s = 0; s < (x.laned || dy.laned ? count : 1); s++) {
          const [from, by] = [at(x, s), at(dy, s)];
          eachProduct(options, x.shape, outputs[0].shape, dy.shape, (a, b, c) => (out[c] += from[b] * by[a]));
        }
      }),
    ];
  },
  matmul({ inputs: [a, b], outputs, count }) {
    const [rows, inner] = a.shape.slice(-2);
    const columns = b.shape[b.shape.length - 1];
    return [
      filled(outputs[0], count, (out, s) => {
        const [left, right] = [at(a, s), at(b, s)];
        for (let k = 0; k < out.length; k++) {
          const row = Math.floor(k / columns);
          const start = Math.floor(row / rows) * inner * columns + (k % columns);
          for (let i = 0; i < inner; i++) out[k] += left[row * inner + i] * right[start + i * columns];
        }
      }),
    ];
  },
  maxPool({ inputs: [x], outputs, options, count }) {
    const [input, output] = [x.shape.slice(2), outputs[0].shape.slice(2)];
    const [planeX, planeY] = [sizeOf(input), sizeOf(output)];
    const winners = filled(outputs[1], count, () => {});
    const y = filled(outputs[0], count, (out, s) => {
      const from = at(x, s);
      const winner = at(winners, s);
      out.fill(-Infinity);
      for (let plane = 0; plane * planeY < out.length; plane++) {
        eachTap(options.window, input, output, (to, i, tap) => {
          const value = from[plane * planeX + i];
          if (!(value > out[plane * planeY + to])) return;
          out[plane * planeY + to] = value;
          winner[plane * planeY + to] = tap;
        });
      }
    });
    return [y, winners];
  },
  maxPoolInput({ inputs: [dy, winners], outputs, options, count }) {
    const [input, output] = [options.spatial, dy.shape.slice(2)];
    const [planeX, planeY] = [sizeOf(input), sizeOf(output)];
    return [
      filled(outputs[0], count, (out, s) => {
        const [from, winner] = [at(dy, s), at(winners, s)];
        for (let plane = 0; plane * planeY < from.length; plane++) {
          eachTap(options.window, input, output, (to, i, tap) => {
            if (winner[plane * planeY + to] === tap) out[plane * planeX + i] += from[plane * planeY + to];
          });
        }
      }),
    ];
  },
  positions({ inputs: [x], outputs, options, count }) {
    const [rows, size, inner] = x.shape;
    const { start, from, weight } = options;
    const length = start.length - 1;
    return [
      filled(outputs[0], count, (out, s) => {
        const values = at(x, s);
        for (let r = 0; r < rows; r++) {
          for (let q = 0; q < length; q++) {
            for (let k = start[q]; k < start[q + 1]; k++) {
              for (let i = 0; i < inner; i++) {
                out[(r * length + q) * inner + i] += weight[k] * values[(r * size + from[k]) * inner + i];
              }
            }
          }
        }
      }),
    ];
  },
  normalize({ inputs: [x, scale, bias, runningMean, runningVariance], options }) {
    const channels = x.shape[1];
    const plane = sizeOf(x.shape.slice(2));
    const n = (x.samples.length * sizeOf(x.shape)) / channels;
    const vector = (f: (c: number) => number): Value => ({
      shape: [channels],
      laned: false,
      samples: [Float64Array.from({ length: channels }, (_, c) => f(c))],
    });
    const mean = new Float64Array(channels);
    const variance = new Float64Array(channels);
    const each = (visit: (value: number, c: number) => void) => {
      for (const sample of x.samples) {
        for (let k = 0; k < sample.length; k++) visit(sample[k], Math.floor(k / plane) % channels);
      }
    };
    each((v, c) => (mean[c] += v / n));
    each((v, c) => (variance[c] += (v - mean[c]) ** 2 / n));
    const inverse = vector((c) => 1 / Math.sqrt(variance[c] + options.epsilon));
    const a = vector((c) => scale.samples[0][c] * inverse.samples[0][c]);
    const keep = options.momentum;
    const running = (old: Value, now: (c: number) => number) =>
      vector((c) => old.samples[0][c] * keep + now(c) * (1 - keep));
    return [
      a,
      vector((c) => bias.samples[0][c] - mean[c] * a.samples[0][c]),
      vector((c) => mean[c]),
      inverse,
      running(runningMean, (c) => mean[c]),
      running(runningVariance, (c) => (variance[c] * n) / Math.max(1, n - 1)),
    ];
  },
  normalizeInput({ inputs, outputs, options, count }) {
    const [sum, product, a, mean, inverse] = inputs.map((value) => value.samples[0]);
    const n = options.count * count;
    const p = filled(outputs[0], 1, (out) => {
      for (let c = 0; c < out.length; c++) out[c] = (-a[c] * inverse[c] * product[c]) / n;
    });
    const q = filled(outputs[1], 1, (out) => {
      for (let c = 0; c < out.length; c++) out[c] = (a[c] * (mean[c] * inverse[c] * product[c] - sum[c])) / n;
    });
    return [p, q];
  },
  gather({ inputs: [x, indices], outputs, count }) {
    const width = x.shape[1];
    return [
      filled(outputs[0], count, (out, s) => {
        at(indices, s).forEach((row, i) => {
          out.set(at(x, s).subarray(row * width, (row + 1) * width), i * width);
        });
      }),
    ];
  },
  scatterSum({ inputs: [dy, indices], outputs, count }) {
    const width = dy.shape[1];
    return [
      filled(outputs[0], 1, (out) => {
        for (let s = 0; s < (dy.laned || indices.laned ? count : 1); s++) {
          at(indices, s).forEach((row, i) => {
            for (let k = 0; k < width; k++) out[row * width + k] += at(dy, s)[i * width + k];
          });
        }
      }),
    ];
  },
  uniform({ outputs, options, count, seed }) {
    return [
      filled(outputs[0], count, (out, s) => {
        const stream = random(seed, options.stream, s);
        for (let k = 0; k < out.length; k++) out[k] = uniform(stream);
      }),
    ];
  },
  crossEntropy({ inputs: [logits, labels, teacher], outputs, options, count }) {
    const { smoothing, teacher: { temperature, weight } = { temperature: 1, weight: 0 } } = options;
    const size = sizeOf(logits.shape);
    let loss = 0;
    let correct = 0;
    const slope = filled(outputs[2], count, (out, s) => {
      const x = at(logits, s);
      const label = at(labels, s)[0];
      if (x.indexOf(x.reduce((a, b) => Math.max(a, b))) === label) correct++;
      const log = logSoftmax(x, 1);
      const soft = logSoftmax(x, temperature);
      const wanted = teacher ? logSoftmax(at(teacher, s), temperature) : soft;
      x.forEach((_, k) => {
        const target = (k === label ? 1 - smoothing : 0) + smoothing / size;
        const q = Math.exp(wanted[k]);
        const gap = -(1 - weight) * target * log[k] + weight * temperature ** 2 * q * (wanted[k] - soft[k]);
        loss += gap / count;
        const pull = weight * temperature * (Math.exp(soft[k]) - q);
        out[k] = ((1 - weight) * (Math.exp(log[k]) - target) + pull) / count;
      });
    });
    const scalar = (value: number): Value => ({
      shape: [1],
      laned: false,
      samples: [Float64Array.of(value)],
    });
    return [scalar(loss), scalar(correct), slope];
  },
};

/** log softmax(x / T). */
function logSoftmax(x: Float64Array, temperature: number): Float64Array {
  const top = x.reduce((a, b) => Math.max(a, b));
  const sum = x.reduce((total, v) => total + Math.exp((v - top) / temperature), 0);
  return x.map((v) => (v - top) / temperature - Math.log(sum));
}
