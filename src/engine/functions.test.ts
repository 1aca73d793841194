/** Elementary functions of kernels/math.h through the engine, beside float64, at ordinary and at odd places. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random, uniform } from '../base/index.js';
import { apply, call, type FunctionName, input } from '../graph/index.js';
import { type Machine, openMachine } from './index.js';
import { emptyPlan, runOnEngine } from './tape.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const TINY = 2 ** -126;

/** The distance between neighbouring floats at x; never less than at the smallest normal number. */
const spacing = (x: number): number => 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), TINY))) - 23);

/** f at many numbers on the engine. */
async function onEngine(f: FunctionName, operands: readonly (readonly number[])[]): Promise<Float32Array> {
  const p = emptyPlan(1);
  const shape = [operands[0].length];
  const names = operands.map((numbers, k) => {
    p.given.set(`x${k}`, [Float32Array.from(numbers)]);
    return p.tape.declare(`x${k}`, { dtype: 'float32', shape, laned: k === 0 });
  });
  const outputs = p.tape.emit('elementwise', names, {
    expression: call(f, ...names.map((_, k) => input(k))),
  });
  const { results } = await runOnEngine(machine, { ...p, outputs });
  return results.get(outputs[0])![0];
}

/**
 * Asserts that f is right to `units` in the last place (`also`: or to so much absolutely). A sub-normal result may be any
 * other sub-normal number.
 */
async function accurate(f: FunctionName, numbers: readonly number[], units: number, also = 0): Promise<void> {
  const at = Float32Array.from(numbers);
  const found = await onEngine(f, [numbers]);
  at.forEach((x, i) => {
    const wanted = apply(f, [x]);
    const rounded = Math.fround(wanted);
    const off = Math.abs(found[i] - wanted);
    const flushed = Math.abs(wanted) < TINY && Math.abs(found[i]) < TINY;
    const same = Object.is(found[i], rounded) || found[i] === rounded;
    const fine = same || flushed || off <= units * spacing(wanted) + also;
    assert.ok(
      fine,
      `${f}(${x}) is ${found[i]}, not ${wanted} (${(off / spacing(wanted)).toFixed(1)} units off)`,
    );
  });
}

const r = random(11);
const between = (low: number, high: number, n = 4000) =>
  Array.from({ length: n }, (_, i) => low + ((high - low) * (i + uniform(r))) / n);
/** Positive numbers of all sizes. */
const sizes = (n = 4000) => Array.from({ length: n }, () => 2 ** (-125 + 252 * uniform(r)));
const special = [0, -0, 1, -1, 0.5, -0.5, 1e-30, -1e-30, 1e30, -1e30, Infinity, -Infinity, Number.NaN];

test('exp', async () => {
  await accurate('exp', between(-87, 88.72), 2);
  await accurate('exp', [...special, 88.72, 88.73, 100, -88, -103, -104, -200], 2);
});
test('log', async () => {
  await accurate('log', sizes(), 2);
  await accurate('log', between(0.5, 2), 2);
  await accurate('log', [...special, TINY, 3.4e38], 2);
});
test('tanh', async () => {
  await accurate('tanh', between(-10, 10), 6);
  await accurate('tanh', [...special, ...sizes(500), ...between(-1e-3, 1e-3, 500)], 6);
});
test('sigmoid', async () => {
  await accurate('sigmoid', between(-87, 30), 4);
  await accurate('sigmoid', [...special, -100, 100], 4);
});
test('erf', async () => {
  await accurate('erf', between(-5, 5), 8);
  await accurate('erf', [...special, ...sizes(500)], 8);
});
test('sine and cosine, as far as they are promised', async () => {
  for (const f of ['sin', 'cos'] as const) {
    await accurate(f, between(-10, 10), 2, 2e-7);
    await accurate(f, between(-1e4, 1e4), 2, 2e-6);
    await accurate(f, [0, -0, Infinity, -Infinity, Number.NaN], 0);
  }
});

const exact: FunctionName[] = ['sqrt', 'floor', 'ceil', 'round', 'neg', 'abs', 'relu', 'sign'];
test(`${exact.join(', ')} are exact`, async () => {
  const halves = between(-40, 40, 161).map((x) => Math.round(x * 2) / 2);
  const large = [8388607.5, 8388608, 8388609, 16777217, 2 ** 31, 2 ** 40, -8388607.5, -8388609, -(2 ** 31)];
  const near = [0.49999997, 1.4999999, 2.5000002, -0.49999997];
  for (const f of exact)
    await accurate(f, [...special, ...halves, ...large, ...near, ...between(-100, 100, 500)], 0);
});

test('two operands: exact, with what is not a number kept', async () => {
  const all = special.flatMap((a) => special.map((b) => [a, b]));
  for (const f of ['add', 'sub', 'mul', 'div', 'max', 'min', 'greater', 'greaterEqual', 'equal'] as const) {
    const found = await onEngine(f, [all.map(([a]) => a), all.map(([, b]) => b)]);
    all.forEach(([a, b], i) => {
      const wanted = Math.fround(apply(f, [Math.fround(a), Math.fround(b)]));
      const same = Object.is(found[i], wanted) || found[i] === wanted || Math.abs(wanted) < TINY;
      assert.ok(same, `${f}(${a}, ${b}) is ${found[i]}, not ${wanted}`);
    });
  }
});

test('powers: exp(b · log a), so off by as many units as the exponent is large', async () => {
  const a = Array.from({ length: 4000 }, () => Math.fround(Math.exp(2 * normal(r))));
  const b = a.map(() => Math.fround(4 * normal(r)));
  const found = await onEngine('pow', [a, b]);
  found.forEach((y, i) => {
    const wanted = a[i] ** b[i];
    const units = 4 + 2 * Math.abs(b[i] * Math.log(a[i]));
    assert.ok(Math.abs(y - wanted) <= units * spacing(wanted), `${a[i]} ** ${b[i]} is ${y}, not ${wanted}`);
  });
});

test('powers at odd places', async () => {
  const bases = [0, 1, -1, 2, -2, 0.5, -0.5, Infinity, -Infinity, Number.NaN];
  const exponents = [0, 1, -1, 2, 3, -2, -3, 0.5, -0.5, Infinity, -Infinity];
  const all = bases.flatMap((a) => exponents.map((b) => [a, b]));
  const found = await onEngine('pow', [all.map(([a]) => a), all.map(([, b]) => b)]);
  all.forEach(([a, b], i) => {
    if (a < 0 && !Number.isInteger(b) && !Number.isFinite(a * b)) return; // limits that the kernel leaves NaN
    // C, NumPy and ONNX say 1 where JavaScript says NaN.
    const wanted = a === 1 ? 1 : a ** b;
    const same = Object.is(found[i], wanted) || found[i] === wanted || Math.abs(found[i] - wanted) < 1e-6;
    assert.ok(same, `${a} ** ${b} is ${found[i]}, not ${wanted}`);
  });
});
