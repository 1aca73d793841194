/**
 * Forward-mode differentiation of a core graph: how its values change, to first order, when some of them move in a given
 * direction. Of a graph that has its gradient g on the tape already, the tangent of g along v is Hv, H the Hessian: exact,
 * in about the time of two more gradients (Pearlmutter 1994). BatchNorm's statistics and the softmax of the loss move too.
 * Kinks have no second derivative: ReLU″ = 0, and the winners of a pool stay.
 */
import { sizeOf } from '../onnx/tensor.js';
import type { Build, CoreName, CoreNode, CoreOptions } from './core.js';
import { elementwise } from './differentiate.js';
import { call, derivative, type Expression, input, substitute } from './expression.js';
import type { Tape } from './tape.js';

/**
 * Emits the tangent of every value in `wanted` and returns their names; a value that does not move is left out.
 * @param directions the tangents of the values that move of themselves.
 * @param sample any value that differs from sample to sample: their number is counted by it.
 */
export function tangentsOf(
  t: Tape,
  directions: ReadonlyMap<string, string>,
  wanted: readonly string[],
  sample: string,
): Map<string, string> {
  const tangents = new Map(directions);
  const samples = total(t, ones(t, sample), []);
  const count = formula(t, call('div', input(0), sizeOf(t.type(sample).shape)), [samples]);
  for (const node of [...t.nodes]) {
    if (!node.inputs.some((name) => tangents.has(name))) continue;
    const moved = node.inputs.map((name) => tangents.get(name));
    const rule = rules[node.op] as Rule<CoreName> | undefined;
    if (!rule) throw new Error(`The core operator ${node.op} has no tangent`);
    const results = rule(t, node, moved, count);
    node.outputs.forEach((name, i) => {
      const result = results[i];
      if (result !== undefined) tangents.set(name, like(t, result, name));
    });
  }
  return new Map(wanted.flatMap((name) => (tangents.has(name) ? [[name, tangents.get(name)!]] : [])));
}

type Moved = readonly (string | undefined)[];
/** The tangents of a node's outputs by those of its inputs, and by the number of samples. */
type Rule<Name extends CoreName> = (
  t: Build,
  node: CoreNode<Name>,
  moved: Moved,
  count: string,
) => (string | undefined)[];

const formula = (t: Build, expression: Expression, names: readonly string[]): string =>
  elementwise(t, expression, names)!;

const [a, b, c, d] = [0, 1, 2, 3].map(input);
const mul = (...of: Expression[]) => of.reduce((x, y) => call('mul', x, y));
const add = (...of: Expression[]) => of.reduce((x, y) => call('add', x, y));
const sub = (x: Expression, y: Expression) => call('sub', x, y);

const ones = (t: Build, name: string): string => formula(t, call('equal', a, a), [name]);
const zeros = (t: Build, name: string): string => formula(t, sub(call('equal', a, a), 1), [name]);

/** The sum over samples and all axes but those kept, as a vector of these. */
function total(t: Build, value: string, kept: readonly number[] = [1]): string {
  const { shape, laned } = t.type(value);
  const axes = shape.map((_, i) => i).filter((i) => !kept.includes(i));
  const [sum] = t.emit('reduce', [value], { how: 'sum', axes, across: laned });
  return t.emit('reshape', [sum], { shape: kept.length > 0 ? kept.map((i) => shape[i]) : [1] })[0];
}

/** A vector along axis 1. */
const along = (t: Build, vector: string, rank: number): string =>
  t.emit('reshape', [vector], {
    shape: Array.from({ length: rank }, (_, i) => (i === 1 ? -1 : 1)).map((n) =>
      n < 0 ? sizeOf(t.type(vector).shape) : n,
    ),
  })[0];

/** A tangent as large as its value, and laned where that is. */
function like(t: Build, tangent: string, value: string): string {
  const [from, to] = [t.type(tangent), t.type(value)];
  const same = from.laned === to.laned && from.shape.join() === to.shape.join();
  return same ? tangent : formula(t, call('choose', call('equal', b, b), a, 0), [tangent, value]);
}

const sum = (t: Build, parts: readonly (string | undefined)[]): string | undefined =>
  parts.reduce(
    (x, y) => (x === undefined || y === undefined ? (x ?? y) : formula(t, add(a, b), [x, y])),
    undefined,
  );

/** Of operators that are linear in their first input and have no other that moves. */
const linear =
  <Name extends CoreName>(options: (o: CoreOptions[Name]) => CoreOptions[Name] = (o) => o): Rule<Name> =>
  (t, node, [x]) => [x && t.emit(node.op, [x, ...node.inputs.slice(1)], options(node.options))[0]];

/** Of operators that are linear in each of their first two inputs. */
function bilinear<Name extends CoreName>(
  t: Build,
  node: CoreNode<Name>,
  [x, y]: Moved,
): (string | undefined)[] {
  const [first, second] = node.inputs;
  return [
    sum(t, [
      x && t.emit(node.op, [x, second], node.options)[0],
      y && t.emit(node.op, [first, y], node.options)[0],
    ]),
  ];
}

const rules: { [Name in CoreName]?: Rule<Name> } = {
  elementwise(t, node, moved) {
    const names = [...node.inputs, node.outputs[0]];
    const value = input(node.inputs.length);
    const parts = moved.map((tangent, k) => {
      if (tangent === undefined) return undefined;
      const slope = substitute(derivative(node.options.expression, k), input, value);
      return elementwise(t, mul(slope, input(names.length)), [...names, tangent]);
    });
    return [sum(t, parts)];
  },
  reduce(t, node, [x]) {
    if (node.options.how === 'sum') return [t.emit('reduce', [x!], node.options)[0]];
    const hits = formula(t, call('equal', a, b), [node.inputs[0], node.outputs[0]]);
    const summed = (value: string) => t.emit('reduce', [value], { ...node.options, how: 'sum' })[0];
    return [formula(t, call('div', a, b), [summed(formula(t, mul(a, b), [hits, x!])), summed(hits)])];
  },
  reshape: linear(),
  transpose: linear(),
  slice: linear(),
  expand: linear(),
  positions: linear(),
  pad: linear((o) => ({ ...o, value: 0 })),
  maxPoolInput: linear(),
  scatterSum: linear(),
  gather: linear(),
  concat: (t, node, moved) => [
    t.emit(
      'concat',
      moved.map((tangent, i) => tangent ?? zeros(t, node.inputs[i])),
      node.options,
    )[0],
  ],
  conv(t, node, moved) {
    const bias = moved[2] && along(t, moved[2], t.type(node.outputs[0]).shape.length);
    return [sum(t, [...bilinear(t, node, moved), bias])];
  },
  convInput: bilinear,
  convWeight: bilinear,
  matmul: bilinear,
  /** The tap that won, of taps that are slices of the padded input. */
  maxPool(t, node, [x]) {
    const [value, winners] = node.outputs;
    const { kernel, strides, dilations, padsBefore } = node.options.window;
    const spatial = t.type(node.inputs[0]).shape.slice(2);
    const sizes = t.type(value).shape;
    const reach = (n: number, i: number) => (sizes[i + 2] - 1) * strides[i] + dilations[i] * (n - 1) + 1;
    const after = kernel.map((n, i) => Math.max(0, reach(n, i) - spatial[i] - padsBefore[i]));
    const padded = t.emit('pad', [x!], {
      before: [0, 0, ...padsBefore],
      after: [0, 0, ...after],
      value: 0,
    })[0];
    let result = zeros(t, winners);
    for (let tap = 0; tap < sizeOf(kernel); tap++) {
      let rest = tap;
      const place = [...kernel]
        .reverse()
        .map((n) => {
          const k = rest % n;
          rest = (rest - k) / n;
          return k;
        })
        .reverse();
      const starts = [0, 0, ...place.map((k, i) => k * dilations[i])];
      const [slice] = t.emit('slice', [padded], { starts, steps: [1, 1, ...strides], sizes });
      result = formula(t, call('choose', call('equal', a, tap), b, c), [winners, slice, result]);
    }
    return [result];
  },
  /** With x̄ the mean: ẋ̄ = Σẋ/n, variance˙ = 2 Σ(x − x̄)ẋ/n, inv˙ = −inv³ variance˙/2, and a = scale·inv, b = bias − a·x̄. */
  normalize(t, node, [x, scale, bias], count) {
    const [value, factor] = node.inputs;
    const [slope, , mean, inverse] = node.outputs;
    const { shape } = t.type(value);
    const n = formula(t, mul(a, sizeOf(shape) / shape[1]), [count]);
    const none = zeros(t, mean);
    const mean1 = x ? formula(t, call('div', a, b), [total(t, x), n]) : none;
    const spread = x && total(t, formula(t, mul(sub(a, b), c), [value, along(t, mean, shape.length), x]));
    const inverse1 = spread
      ? formula(t, call('neg', call('div', mul(a, a, a, b), c)), [inverse, spread, n])
      : none;
    const slope1 = formula(t, add(mul(a, b), mul(c, d)), [scale ?? none, inverse, factor, inverse1]);
    const shift1 = formula(t, sub(input(4), add(mul(a, b), mul(c, d))), [
      slope1,
      mean,
      slope,
      mean1,
      bias ?? none,
    ]);
    return [slope1, shift1, mean1, inverse1];
  },
  /** p = −a·inv·dot/n and q = a·(mean·inv·dot − sum)/n, of the inputs sum, dot, a, mean and inv. */
  normalizeInput(t, node, moved, count) {
    const [total1, dot, slope, mean, inverse, n] = Array.from({ length: 6 }, (_, i) => input(i));
    const over = mul(n, node.options.count);
    const p = call('neg', call('div', mul(slope, inverse, dot), over));
    const q = call('div', mul(slope, sub(mul(mean, inverse, dot), total1)), over);
    return [p, q].flatMap((expression, i) => {
      const as = { op: 'elementwise', inputs: [...node.inputs, count], outputs: [node.outputs[i]] } as const;
      return rules.elementwise!(t, { ...as, options: { expression } }, moved, count);
    });
  },
  /** Of the slope (softmax − target)/N by the logits. */
  crossEntropy(t, node, [logits], count) {
    const [x] = node.inputs;
    const axes = t.type(x).shape.map((_, i) => i);
    const over = (how: 'sum' | 'max', value: string) => t.emit('reduce', [value], { how, axes })[0];
    /** Of softmax(x/T)·T, by the number of samples. */
    const tangent = (T: number) => {
      const powers = formula(t, call('exp', call('div', sub(a, b), T)), [x, over('max', x)]);
      const softmax = formula(t, call('div', a, b), [powers, over('sum', powers)]);
      const mean = over('sum', formula(t, mul(a, b), [softmax, logits!]));
      return formula(t, call('div', mul(a, sub(b, c)), d), [softmax, logits!, mean, count]);
    };
    const { teacher } = node.options;
    if (!teacher) return [undefined, undefined, tangent(1)];
    const { temperature, weight } = teacher;
    const both = add(mul(a, 1 - weight), mul(b, weight));
    return [undefined, undefined, formula(t, both, [tangent(1), tangent(temperature)])];
  },
};
