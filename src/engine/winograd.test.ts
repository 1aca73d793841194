/** Winograd's kernels beside sums in float64: within the bound that kernels/winograd.c derives, and far below it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { integer, normal, type Random, random } from '../base/index.js';
import { tape as newTape, type Window } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { compile } from './compile.js';
import { type Machine, openMachine } from './index.js';
import { wholePlace } from './lowering/place.js';

let one: Machine;
let two: Machine;
before(async () => {
  one = await openMachine({ threads: 1, sparse: 'always' });
  two = await openMachine({ threads: 2, sparse: 'never' });
});
after(async () => {
  await one.close();
  await two.close();
});

const RUNS = 20;

const pick = <T>(r: Random, from: readonly T[]): T => from[integer(r, from.length)];

interface Case {
  window: Window;
  image: number[];
  output: number[];
  channels: number;
  outputs: number;
  samples: number;
  biased: boolean;
}

function draw(r: Random): Case {
  const image = [pick(r, [8, 9, 11, 12]), pick(r, [8, 10, 12, 15])];
  const pads = () => [pick(r, [0, 1, 1, 2]), pick(r, [0, 1, 1, 2])];
  const [padsBefore, padsAfter] = [pads(), pads()];
  const [strides, dilations] = [
    [1, 1],
    [1, 1],
  ];
  return {
    window: { kernel: [3, 3], strides, dilations, padsBefore, padsAfter },
    image,
    output: image.map((n, i) => n + padsBefore[i] + padsAfter[i] - 2),
    channels: pick(r, [32, 33, 40]),
    outputs: pick(r, [32, 35, 48]),
    samples: pick(r, [1, 16, 16, 17]),
    biased: integer(r, 2) === 0,
  };
}

type Numbers = Record<'x' | 'dy' | 'w' | 'bias', Float32Array>;

function numbers(c: Case, r: Random): Numbers {
  const some = (n: number) => Float32Array.from({ length: n }, () => normal(r));
  return {
    x: some(c.samples * c.channels * sizeOf(c.image)),
    dy: some(c.samples * c.outputs * sizeOf(c.output)),
    w: some(c.outputs * c.channels * 9),
    bias: some(c.outputs),
  };
}

async function compute(machine: Machine, c: Case, given: Numbers) {
  const t = newTape(true);
  const type = (shape: number[], laned: boolean) => ({ dtype: 'float32' as const, shape, laned });
  t.declare('x', type([1, c.channels, ...c.image], true));
  t.declare('dy', type([1, c.outputs, ...c.output], true));
  t.declare('w', type([c.outputs, c.channels, 3, 3], false));
  t.declare('bias', type([c.outputs], false));
  const o = { window: c.window, groups: 1 };
  const [y] = t.emit('conv', c.biased ? ['x', 'w', 'bias'] : ['x', 'w'], o);
  const [dx] = t.emit('convInput', ['dy', 'w'], { ...o, spatial: c.image });
  const [dw] = t.emit('convWeight', ['x', 'dy'], o);
  const lines: number[] = [];
  const place = (name: 'w' | 'bias') => {
    const { shape } = t.type(name);
    const fixed = machine.allocate(given[name].byteLength);
    lines.push(fixed);
    machine.floats(fixed, given[name].length).set(given[name]);
    machine.push(fixed, given[name].length);
    return wholePlace({ laned: false, size: given[name].length, fixed }, shape);
  };
  const places = new Map((['w', 'bias'] as const).map((name) => [name, place(name)]));
  const program = compile({
    ...{ machine, tape: t, batch: c.samples, inputs: ['x', 'dy'], outputs: [y, dx, dw], places },
    backwardFrom: 0,
  })!;
  program.write('x', given.x, c.samples);
  program.write('dy', given.dy, c.samples);
  await program.run(c.samples);
  await program.pull([y, dx, dw]);
  const [values, gradient] = [program.read(y, c.samples), program.read(dx, c.samples)];
  const results = { y: values, dx: gradient, dw: program.read(dw, 1) };
  const profile = program.profile();
  program.close();
  for (const line of lines) machine.free(line);
  return { ...results, profile };
}

type Numeric = ArrayLike<number>;
/** What a convolution is of: images of `from` channels become images of `to`. */
interface Roles {
  samples: number;
  from: number;
  to: number;
  inSize: readonly number[];
  outSize: readonly number[];
  pads: readonly number[];
  weight(o: number, c: number, k: number): number;
}

const forward = (c: Case, w: Numeric): Roles => ({
  ...{ samples: c.samples, from: c.channels, to: c.outputs, inSize: c.image, outSize: c.output },
  pads: c.window.padsBefore,
  weight: (o, i, k) => w[(o * c.channels + i) * 9 + k],
});

const backward = (c: Case, w: Numeric): Roles => ({
  ...{ samples: c.samples, from: c.outputs, to: c.channels, inSize: c.output, outSize: c.image },
  pads: c.window.padsBefore.map((p) => 2 - p),
  weight: (o, i, k) => w[(i * c.channels + o) * 9 + 8 - k],
});

const pixel = (r: Roles, x: Numeric, n: number, c: number, i: number, j: number): number => {
  const [h, w] = r.inSize;
  return i < 0 || j < 0 || i >= h || j >= w ? 0 : x[((n * r.from + c) * h + i) * w + j];
};

/** Σ of taps in float64, output by output. */
function direct(r: Roles, x: Numeric, n: number, o: number, i: number, j: number): number {
  let sum = 0;
  for (let c = 0; c < r.from; c++)
    for (let k = 0; k < 9; k++)
      sum +=
        r.weight(o, c, k) * pixel(r, x, n, c, i - r.pads[0] + Math.floor(k / 3), j - r.pads[1] + (k % 3));
  return sum;
}

const [a, b] = [5 / 8, 3 / 2];
const [a2, b2] = [a * a, b * b];
const points = [0, a, -a, b, -b];
const norms = [a2 * b2, 2 * a2 * (a2 - b2), 2 * a2 * (a2 - b2), 2 * b2 * (b2 - a2), 2 * b2 * (b2 - a2)];
const G = [...points.map((p, i) => [1, p, p * p].map((x) => x / norms[i])), [0, 0, 1]];
const B = [
  [a2 * b2, 0, -a2 - b2, 0, 1, 0],
  [0, -a * b2, -b2, a, 1, 0],
  [0, a * b2, -b2, -a, 1, 0],
  [0, -b * a2, -a2, b, 1, 0],
  [0, b * a2, -a2, -b, 1, 0],
  [0, a2 * b2, 0, -a2 - b2, 0, 1],
];
const A = [...points.map((p) => [1, p, p ** 2, p ** 3]), [0, 0, 0, 1]];
const absolute = (m: readonly (readonly number[])[]) => m.map((row) => row.map(Math.abs));
const flip = (m: readonly (readonly number[])[]) => m[0].map((_, j) => m.map((row) => row[j]));

type Matrix = readonly (readonly number[])[];
const times = (m: Matrix, n: Matrix): Matrix =>
  m.map((row) => n[0].map((_, j) => row.reduce((s, x, k) => s + x * n[k][j], 0)));
/** m · x · mᵀ */
const both = (m: Matrix, x: Matrix): Matrix => times(times(m, x), flip(m));
const grid = (n: number, value: (i: number, j: number) => number): Matrix =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => value(i, j)));

/** The absolute pipeline m of kernels/winograd.c for one tile of one output: 4×4. */
function magnitude(r: Roles, x: Numeric, n: number, o: number, top: number, left: number): Matrix {
  const sum = Array.from({ length: 6 }, () => new Array<number>(6).fill(0));
  for (let c = 0; c < r.from; c++) {
    const g = both(
      absolute(G),
      grid(3, (i, j) => Math.abs(r.weight(o, c, 3 * i + j))),
    );
    const d = both(
      absolute(B),
      grid(6, (i, j) => Math.abs(pixel(r, x, n, c, top - r.pads[0] + i, left - r.pads[1] + j))),
    );
    for (let i = 0; i < 6; i++) for (let j = 0; j < 6; j++) sum[i][j] += g[i][j] * d[i][j];
  }
  return both(flip(absolute(A)), sum);
}

/** A few tiles of what the kernels gave, against the bound; @returns the largest error beside the largest value. */
function check(r: Roles, x: Numeric, result: Numeric, bias: Numeric | undefined, draws: Random): number {
  const [h, w] = r.outSize;
  const gamma = ((r.from + 27) * 2 ** -24) / (1 - (r.from + 27) * 2 ** -24);
  let [largest, error] = [0, 0];
  for (let some = 0; some < 12; some++) {
    const [n, o] = [integer(draws, r.samples), integer(draws, r.to)];
    const [top, left] = [h, w].map((size) => 4 * integer(draws, Math.ceil(size / 4)));
    const most = magnitude(r, x, n, o, top, left);
    for (let i = 0; i < Math.min(4, h - top); i++)
      for (let j = 0; j < Math.min(4, w - left); j++) {
        const plus = bias ? bias[o] : 0;
        const expected = direct(r, x, n, o, top + i, left + j) + plus;
        const off = Math.abs(result[((n * r.to + o) * h + top + i) * w + left + j] - expected);
        const bound = gamma * (most[i][j] + Math.abs(plus));
        assert.ok(off <= bound, `off by ${off}, may be ${bound}`);
        largest = Math.max(largest, Math.abs(expected));
        error = Math.max(error, off);
      }
  }
  return error / largest;
}

const reach = (c: Case, x: Numeric, n: number, i: number, row: number, column: number): number =>
  pixel(forward(c, []), x, n, i, row - c.window.padsBefore[0], column - c.window.padsBefore[1]);

/** dw of a few pairs of channels, against the bound of the transposed algorithm. */
function checkWeights(c: Case, given: Numbers, dw: Numeric, draws: Random): number {
  const [h, w] = c.output;
  const dy = (n: number, o: number, i: number, j: number) =>
    i < h && j < w ? given.dy[((n * c.outputs + o) * h + i) * w + j] : 0;
  const [high, wide] = [Math.ceil(h / 4), Math.ceil(w / 4)];
  const terms = Math.ceil(c.samples / 16) * 16 * high * wide;
  const gamma = ((terms + 27) * 2 ** -24) / (1 - (terms + 27) * 2 ** -24);
  let [largest, error] = [0, 0];
  for (let some = 0; some < 6; some++) {
    const [o, i] = [integer(draws, c.outputs), integer(draws, c.channels)];
    const sum = Array.from({ length: 6 }, () => new Array<number>(6).fill(0));
    for (let n = 0; n < c.samples; n++)
      for (let tile = 0; tile < high * wide; tile++) {
        const [top, left] = [4 * Math.floor(tile / wide), 4 * (tile % wide)];
        const e = both(
          absolute(A),
          grid(4, (p, q) => Math.abs(dy(n, o, top + p, left + q))),
        );
        const d = both(
          absolute(B),
          grid(6, (p, q) => Math.abs(reach(c, given.x, n, i, top + p, left + q))),
        );
        for (let p = 0; p < 6; p++) for (let q = 0; q < 6; q++) sum[p][q] += e[p][q] * d[p][q];
      }
    const most = both(flip(absolute(G)), sum);
    for (let k = 0; k < 9; k++) {
      let expected = 0;
      for (let n = 0; n < c.samples; n++)
        for (let p = 0; p < h; p++)
          for (let q = 0; q < w; q++)
            expected += dy(n, o, p, q) * reach(c, given.x, n, i, p + Math.floor(k / 3), q + (k % 3));
      const off = Math.abs(dw[(o * c.channels + i) * 9 + k] - expected);
      const bound = gamma * most[Math.floor(k / 3)][k % 3];
      assert.ok(off <= bound, `dw is off by ${off}, may be ${bound}`);
      largest = Math.max(largest, Math.abs(expected));
      error = Math.max(error, off);
    }
  }
  return error / largest;
}

test('outputs and both gradients are within the bound, and two threads give the bits of one', async () => {
  const taken: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1e9 }), async (seed) => {
      const r = random(seed);
      const c = draw(r);
      const given = numbers(c, r);
      const result = await compute(one, c, given);
      const other = await compute(two, c, given);
      for (const kernel of ['winograd', 'winograd_weight'])
        if ((result.profile.get(kernel) ?? 0) > 0) taken[kernel] = (taken[kernel] ?? 0) + 1;
      for (const name of ['y', 'dx', 'dw'] as const)
        assert.deepEqual(new Int32Array(other[name].buffer), new Int32Array(result[name].buffer), name);
      const bias = c.biased ? given.bias : undefined;
      const errors = [
        check(forward(c, given.w), given.x, result.y, bias, r),
        check(backward(c, given.w), given.dy, result.dx, undefined, r),
        ...(c.samples % 16 ? [] : [checkWeights(c, given, result.dw, r)]),
      ];
      for (const error of errors) assert.ok(error < 3e-6, `${error} of the largest value`);
    }),
    { numRuns: RUNS },
  );
  for (const kernel of ['winograd', 'winograd_weight'])
    assert.ok(taken[kernel] > RUNS / 2, `${kernel}: the kernels meant`);
});

test('weights of which most are 0 are left to the other kernels, whose bits do not depend on the choice', async () => {
  const r = random(3);
  const c = { ...draw(r), samples: 16 };
  const given = numbers(c, r);
  given.w.forEach((_, i) => {
    if (i % 3) given.w[i] = 0;
  });
  const [result, other] = [await compute(one, c, given), await compute(two, c, given)];
  assert.ok(!result.profile.get('winograd') && !other.profile.get('winograd'));
  for (const name of ['y', 'dx'] as const)
    assert.deepEqual(new Int32Array(other[name].buffer), new Int32Array(result[name].buffer), name);
});

test('what is not finite spoils its own sample only', async () => {
  const r = random(4);
  const c = { ...draw(r), samples: 17 };
  const given = numbers(c, r);
  const sound = await compute(two, c, given);
  const size = sizeOf(c.output) * c.outputs;
  given.x.fill(Number.NaN, 0, given.x.length / c.samples);
  const { y } = await compute(two, c, given);
  assert.ok(y.subarray(0, size).some(Number.isNaN));
  assert.deepEqual(y.subarray(size), sound.y.subarray(size));
});
