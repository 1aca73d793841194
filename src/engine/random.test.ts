/**
 * Random graphs of core operators: outputs and gradients beside the reference, in batches that do and do not fill the
 * lanes. What is in lanes beyond the samples must not be seen anywhere.
 */
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { integer, normal, type Random, random } from '../base/index.js';
import { call, differentiate, input, type Window } from '../graph/index.js';
import { sizeOf } from '../onnx/index.js';
import { type Machine, openMachine } from './index.js';
import { agrees, declare, emptyPlan, masked, type Plan } from './tape.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const pick = <T>(r: Random, from: readonly T[]): T => from[integer(r, from.length)];
const chance = (r: Random, one: number): boolean => integer(r, one) === 0;
const times = (n: number, make: (i: number) => number): number[] =>
  Array.from({ length: n }, (_, i) => make(i));

/** A window that fits into padded `spatial`. */
function randomWindow(r: Random, spatial: readonly number[], padded = true): Window {
  const kernel = spatial.map(() => pick(r, [1, 2, 3, 3, 5]));
  const strides = spatial.map(() => pick(r, [1, 1, 2, 3]));
  const dilations = spatial.map(() => pick(r, [1, 1, 2]));
  const most = kernel.map((k) => (padded ? k : Math.floor(k / 2)));
  const padsBefore = most.map((k) => integer(r, k));
  const padsAfter = most.map((k) => integer(r, k));
  const fits = spatial.every((n, i) => n + padsBefore[i] + padsAfter[i] > dilations[i] * (kernel[i] - 1));
  return fits ? { kernel, strides, dilations, padsBefore, padsAfter } : randomWindow(r, spatial, padded);
}

type Layer = (p: Plan, r: Random, x: string) => string;

const parameter = (p: Plan, r: Random, shape: number[], scale = 0.5) =>
  declare(p, `w${p.given.size}`, { shape, laned: false }, () => scale * normal(r));

const shapeOf = (p: Plan, x: string) => p.tape.type(x).shape;

const conv: Layer = (p, r, x) => {
  const [, channels, ...spatial] = shapeOf(p, x);
  const groups = pick(r, [1, 1, channels, ...[2, 3].filter((g) => channels % g === 0)]);
  const outputs = groups * (1 + integer(r, groups > 2 ? 3 : 9));
  const window = randomWindow(r, spatial);
  const inputs = [x, parameter(p, r, [outputs, channels / groups, ...window.kernel], 0.3)];
  if (chance(r, 2)) inputs.push(parameter(p, r, [outputs]));
  return p.tape.emit('conv', inputs, { window, groups })[0];
};

const convTranspose: Layer = (p, r, x) => {
  const [, channels, ...out] = shapeOf(p, x);
  const window = randomWindow(r, out, false);
  const groups = pick(r, [1, channels]);
  const spatial = out.map(
    (n, i) =>
      (n - 1) * window.strides[i] +
      window.dilations[i] * (window.kernel[i] - 1) +
      1 -
      window.padsBefore[i] -
      window.padsAfter[i] +
      integer(r, window.strides[i]),
  );
  if (spatial.some((n) => n < 1)) return x;
  const w = parameter(p, r, [channels, 1 + integer(r, 4), ...window.kernel], 0.3);
  return p.tape.emit('convInput', [x, w], { window, groups, spatial })[0];
};

const maxPool: Layer = (p, r, x) => {
  const spatial = shapeOf(p, x).slice(2);
  return p.tape.emit('maxPool', [x], { window: randomWindow(r, spatial, false), ceil: chance(r, 2) })[0];
};

const concat: Layer = (p, r, x) => {
  const [y] = p.tape.emit('elementwise', [x], { expression: call('tanh', input(0)) });
  const token = parameter(p, r, [1, 2, ...shapeOf(p, x).slice(2)]);
  return p.tape.emit('concat', [x, y, token, x], { axis: 1 })[0];
};

const slice: Layer = (p, r, x) => {
  const shape = shapeOf(p, x);
  const steps = shape.map((n) => (n > 2 ? pick(r, [1, 1, 2, -1, -2]) : 1));
  const sizes = shape.map((n, i) => 1 + integer(r, Math.floor((n - 1) / Math.abs(steps[i])) + 1));
  const starts = shape.map((n, i) => {
    const reach = (sizes[i] - 1) * Math.abs(steps[i]);
    const low = integer(r, n - reach);
    return steps[i] < 0 ? low + reach : low;
  });
  return p.tape.emit('slice', [x], { starts, steps, sizes })[0];
};

/** ShuffleNet's: channels in groups, transposed. */
const shuffle: Layer = (p, _r, x) => {
  const shape = shapeOf(p, x);
  const [, channels, ...spatial] = shape;
  if (channels % 2 !== 0) return x;
  const [split] = p.tape.emit('reshape', [x], { shape: [1, 2, channels / 2, ...spatial] });
  const [turned] = p.tape.emit('transpose', [split], { order: [0, 2, 1, ...spatial.map((_, i) => i + 3)] });
  return p.tape.emit('reshape', [turned], { shape })[0];
};

const turn: Layer = (p, _r, x) => {
  const shape = shapeOf(p, x);
  return p.tape.emit('transpose', [x], {
    order: [
      0,
      ...shape
        .map((_, i) => i)
        .slice(1)
        .reverse(),
    ],
  })[0];
};

const pad: Layer = (p, r, x) => {
  const shape = shapeOf(p, x);
  const before = shape.map((_, i) => (i === 0 ? 0 : integer(r, 3)));
  const after = shape.map((_, i) => (i === 0 ? 0 : integer(r, 3)));
  return p.tape.emit('pad', [x], { before, after, value: 0.5 })[0];
};

const chain: Layer = (p, r, x) => {
  const f = pick(r, ['tanh', 'sigmoid', 'relu', 'sin'] as const);
  const scale = parameter(p, r, [
    shapeOf(p, x)[1],
    ...shapeOf(p, x)
      .slice(2)
      .map(() => 1),
  ]);
  const expression = call('add', call('mul', call(f, input(0)), input(1)), call('mul', input(0), 0.3));
  return p.tape.emit('elementwise', [x, scale], { expression })[0];
};

const residual: Layer = (p, _r, x) => {
  const [y] = p.tape.emit('elementwise', [x], { expression: call('sigmoid', input(0)) });
  const expression = call('add', call('mul', input(0), input(0)), input(1));
  return p.tape.emit('elementwise', [y, x], { expression })[0];
};

/** A squeeze-excite gate: the mean of each channel, weighted, scales it. */
const gate: Layer = (p, r, x) => {
  const shape = shapeOf(p, x);
  const axes = shape.map((_, i) => i).slice(2);
  const [sum] = p.tape.emit('reduce', [x], { how: 'sum', axes });
  const w = parameter(p, r, [shape[1], ...axes.map(() => 1)]);
  const pixels = sizeOf(shape.slice(2));
  const weighted = call('mul', call('mul', input(0), 1 / pixels), input(1));
  const [s] = p.tape.emit('elementwise', [sum, w], { expression: call('sigmoid', weighted) });
  return p.tape.emit('elementwise', [x, s], { expression: call('mul', input(0), input(1)) })[0];
};

const largest: Layer = (p, r, x) => {
  const axis = 1 + integer(r, 3);
  const [top] = p.tape.emit('reduce', [x], { how: 'max', axes: [axis] });
  return p.tape.emit('elementwise', [x, top], { expression: call('sub', input(0), input(1)) })[0];
};

const attention: Layer = (p, _r, x) => {
  const shape = shapeOf(p, x);
  const [flat] = p.tape.emit('reshape', [x], { shape: [1, shape[1], sizeOf(shape.slice(2))] });
  const [turned] = p.tape.emit('transpose', [flat], { order: [0, 2, 1] });
  const [product] = p.tape.emit('matmul', [flat, turned], {});
  const [soft] = p.tape.emit('elementwise', [product], {
    expression: call('tanh', call('mul', input(0), 0.1)),
  });
  const [y] = p.tape.emit('matmul', [soft, flat], {});
  return p.tape.emit('reshape', [y], { shape })[0];
};

const resize: Layer = (p, r, x) => {
  const shape = shapeOf(p, x);
  const [rows, size] = [shape[1], shape[2]];
  const out = 1 + integer(r, 2 * size);
  const start = new Int32Array(out + 1);
  const from: number[] = [];
  for (let q = 0; q < out; q++) {
    for (const _ of times(integer(r, 4), (i) => i)) from.push(integer(r, size));
    start[q + 1] = from.length;
  }
  const weight = Float32Array.from(from, () => normal(r));
  const [flat] = p.tape.emit('reshape', [x], { shape: [rows, size, shape[3]] });
  const [y] = p.tape.emit('positions', [flat], { start, from: Int32Array.from(from), weight });
  return p.tape.emit('reshape', [y], { shape: [1, rows, out, shape[3]] })[0];
};

const batchNorm: Layer = (p, r, x) => {
  const shape = shapeOf(p, x);
  const [scale, bias, mean, variance] = [1, 1, 1, 1].map(() => parameter(p, r, [shape[1]]));
  const t = p.tape;
  const lay = (v: string) =>
    t.emit('reshape', [v], { shape: [1, shape[1], ...shape.slice(2).map(() => 1)] })[0];
  const count = sizeOf(shape) / shape[1];
  const inputs = [x, scale, bias, mean, variance];
  const [a, b, average, inverse] = t.emit('normalize', inputs, { epsilon: 1e-2, momentum: 0.9 });
  const axes = shape.map((_, i) => i).filter((i) => i !== 1);
  const operands = [x, lay(a), lay(b), lay(scale), lay(bias)];
  const affine = call('add', call('mul', input(0), input(1)), input(2));
  return t.emit('elementwise', operands, { expression: affine }, (build, dy) => {
    const across = true;
    const expression = call('mul', input(0), call('mul', call('sub', input(1), input(2)), input(3)));
    const product = build.emit('elementwise', [dy, x, lay(average), lay(inverse)], { expression })[0];
    const [sum] = build.emit('reduce', [dy], { how: 'sum', axes, across });
    const [dot] = build.emit('reduce', [product], { how: 'sum', axes, across });
    const flat = (v: string) => build.emit('reshape', [v], { shape: [shape[1]] })[0];
    const [q0, q1] = build.emit('normalizeInput', [flat(sum), flat(dot), a, average, inverse], { count });
    const slope = call(
      'add',
      call('add', call('mul', input(0), input(1)), call('mul', input(2), input(3))),
      input(4),
    );
    const [dx] = build.emit('elementwise', [dy, lay(a), x, lay(q0), lay(q1)], { expression: slope });
    return [dx, undefined, undefined, dot, sum];
  })[0];
};

const layers = {
  conv,
  convTranspose,
  maxPool,
  concat,
  slice,
  shuffle,
  turn,
  pad,
  chain,
  residual,
  gate,
  largest,
  attention,
  resize,
  batchNorm,
};

/** Builds the layers one after another on a random image and differentiates; the outputs are y and all gradients. */
function planOf(seed: number, names: readonly (keyof typeof layers)[], count: number, batch: number): Plan {
  const r = random(seed);
  const p = emptyPlan(count, true);
  const image = [1, 1 + integer(r, 6), 3 + integer(r, 7), 3 + integer(r, 7)];
  let y = declare(p, 'x', { shape: image, laned: true }, () => normal(r));
  for (const name of names) if (sizeOf(shapeOf(p, y)) < 3000) y = layers[name](p, r, y);
  const dy = declare(p, 'dy', { shape: shapeOf(p, y), laned: true }, () => normal(r));
  const backwardFrom = p.tape.nodes.length;
  const wanted = [...p.given.keys()].filter((name) => name !== 'dy');
  const gradients = differentiate(p.tape, new Map([[y, masked(p.tape, dy)]]), wanted);
  return { ...p, batch, backwardFrom, outputs: [...new Set([y, ...gradients.values()])] };
}

test('what all samples share, through kernels that compute in lanes', async () => {
  for (const [count, batch] of [
    [1, 1],
    [3, 20],
  ])
    for (const name of [
      'conv',
      'convTranspose',
      'maxPool',
      'attention',
      'resize',
      'slice',
      'gate',
    ] as const) {
      const r = random(9);
      const p = emptyPlan(count);
      const shared = declare(p, 'shared', { shape: [1, 4, 6, 5], laned: false }, () => normal(r));
      const y = layers[name](p, r, shared);
      const x = declare(p, 'x', { shape: shapeOf(p, y), laned: true }, () => normal(r));
      const [product] = p.tape.emit('elementwise', [x, y], { expression: call('mul', input(0), input(1)) });
      const backwardFrom = p.tape.nodes.length;
      const wanted = [...p.given.keys()];
      const gradients = differentiate(p.tape, new Map([[product, masked(p.tape, x)]]), wanted);
      const outputs = [product, y, ...gradients.values()];
      await agrees(machine, { ...p, batch, backwardFrom, outputs }, 2e-5, 1e-5);
    }
});

const anyLayer = fc.constantFrom(...(Object.keys(layers) as (keyof typeof layers)[]));
const sizes = fc.constantFrom([1, 1], [3, 16], [3, 40], [17, 17], [17, 48], [33, 64]);

for (const name of Object.keys(layers) as (keyof typeof layers)[]) {
  test(`one ${name}`, () =>
    fc.assert(
      fc.asyncProperty(fc.nat(), sizes, (seed, [count, batch]) =>
        agrees(machine, planOf(seed, [name], count, batch), 2e-5, 1e-5),
      ),
      { numRuns: 12, seed: 2, includeErrorInReport: true },
    ));
}

test('several layers', () =>
  fc.assert(
    fc.asyncProperty(
      fc.nat(),
      fc.array(anyLayer, { minLength: 2, maxLength: 6 }),
      sizes,
      (seed, names, [count, batch]) => agrees(machine, planOf(seed, names, count, batch), 1e-4, 1e-4),
    ),
    { numRuns: 60, seed: 3, includeErrorInReport: true },
  ));
