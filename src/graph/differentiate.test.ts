/** Gradients of core graphs, beside finite differences of the reference. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import { transposePositions } from './core/positions.js';
import type { Window } from './core.js';
import { differentiate } from './differentiate.js';
import { call, input } from './expression.js';
import { runCore } from './reference/run.js';
import type { ReferenceValue } from './reference/value.js';
import { type Tape, tape } from './tape.js';

const SAMPLES = 3;
const [x, y] = [input(0), input(1)];

interface Given {
  shape: number[];
  laned?: boolean;
  /** Default: normal numbers. */
  values?: number[];
}

/** Asserts that Σ dy·f has the gradients of `differentiate` by every given value. */
function matches(given: Record<string, Given>, build: (t: Tape) => string): void {
  const t = tape(true);
  const r = random(4);
  const values = new Map<string, ReferenceValue>();
  const declare = (name: string, { shape, laned = true, values: fixed }: Given) => {
    t.declare(name, { dtype: 'float32', shape, laned });
    const draw = () => Float64Array.from({ length: sizeOf(shape) }, (_, i) => fixed?.[i] ?? normal(r));
    values.set(name, { shape, laned, samples: Array.from({ length: laned ? SAMPLES : 1 }, draw) });
  };
  for (const [name, one] of Object.entries(given)) declare(name, one);
  const result = build(t);
  const forward = t.nodes.length;
  declare('dy', { shape: [...t.type(result).shape], laned: t.type(result).laned });
  const names = Object.keys(given);
  const gradients = differentiate(t, new Map([[result, 'dy']]), names);
  const computed = runCore(t.nodes, new Map(values));
  const loss = () => {
    const y = runCore(t.nodes.slice(0, forward), new Map(values)).get(result)!;
    const dy = values.get('dy')!;
    return y.samples.reduce((sum, s, n) => sum + s.reduce((a, v, i) => a + v * dy.samples[n][i], 0), 0);
  };
  for (const name of names) {
    const gradient = computed.get(gradients.get(name)!)!;
    const { shape, laned, samples } = values.get(name)!;
    assert.deepEqual(
      [gradient.shape, gradient.laned],
      [shape, laned],
      `the shape of the gradient of ${name}`,
    );
    samples.forEach((sample, n) => {
      for (let i = 0; i < sample.length; i++) {
        const at = sample[i];
        sample[i] = at + 1e-5;
        const above = loss();
        sample[i] = at - 1e-5;
        const slope = (above - loss()) / 2e-5;
        sample[i] = at;
        const found = gradient.samples[n][i];
        assert.ok(
          Math.abs(found - slope) < 1e-6 * Math.max(1, Math.abs(slope)),
          `d${name}[${i}] is ${found}, not ${slope}`,
        );
      }
    });
  }
}

const window: Window = {
  kernel: [3, 2],
  strides: [2, 1],
  dilations: [1, 2],
  padsBefore: [1, 0],
  padsAfter: [0, 2],
};
const plain = (...shape: number[]): Given => ({ shape, laned: false });
const laned = (...shape: number[]): Given => ({ shape });

test('element-wise, broadcast either way and across samples', () => {
  const product = call('mul', call('tanh', x), y);
  matches(
    { a: laned(2, 3), b: laned(2, 3) },
    (t) => t.emit('elementwise', ['a', 'b'], { expression: product })[0],
  );
  matches(
    { a: laned(2, 1, 3), b: plain(4, 1) },
    (t) => t.emit('elementwise', ['a', 'b'], { expression: product })[0],
  );
  matches({ a: plain(3), b: laned() }, (t) => t.emit('elementwise', ['a', 'b'], { expression: product })[0]);
  matches(
    { a: plain(3), b: plain(2, 3) },
    (t) => t.emit('elementwise', ['a', 'b'], { expression: product })[0],
  );
  matches({ a: laned(3) }, (t) => t.emit('elementwise', ['a', 'a'], { expression: product })[0]);
});

test('reductions: sums, maxima, across samples', () => {
  for (const axes of [[0], [1, 2], [0, 1, 2], []])
    for (const how of ['sum', 'max'] as const)
      matches({ a: laned(2, 3, 2) }, (t) => t.emit('reduce', ['a'], { how, axes })[0]);
});

test('equal maxima share the gradient', () => {
  const t = tape();
  t.declare('a', { dtype: 'float32', shape: [4], laned: false });
  t.declare('dy', { dtype: 'float32', shape: [1], laned: false });
  const [top] = t.emit('reduce', ['a'], { how: 'max', axes: [0] });
  const da = differentiate(t, new Map([[top, 'dy']]), ['a']).get('a')!;
  const value = (...numbers: number[]): ReferenceValue => ({
    shape: [numbers.length],
    laned: false,
    samples: [Float64Array.from(numbers)],
  });
  const results = runCore(
    t.nodes,
    new Map([
      ['a', value(1, 5, 5, -2)],
      ['dy', value(3)],
    ]),
  );
  assert.deepEqual([...results.get(da)!.samples[0]], [0, 1.5, 1.5, 0]);
});

test('slices with steps, backwards too', () => {
  const cases: [number[], number[], number[]][] = [
    [
      [0, 0],
      [1, 1],
      [5, 6],
    ],
    [
      [1, 2],
      [1, 1],
      [2, 3],
    ],
    [
      [0, 1],
      [2, 3],
      [3, 2],
    ],
    [
      [4, 5],
      [-1, -1],
      [5, 6],
    ],
    [
      [3, 5],
      [-2, -2],
      [2, 3],
    ],
    [
      [2, 3],
      [-5, 4],
      [1, 1],
    ],
  ];
  for (const [starts, steps, sizes] of cases)
    matches({ a: laned(5, 6) }, (t) => t.emit('slice', ['a'], { starts, steps, sizes })[0]);
});

test('pads, concatenation, expansion, reshape, transposition', () => {
  matches({ a: laned(2, 3) }, (t) => t.emit('pad', ['a'], { before: [1, 0], after: [2, 3], value: 7 })[0]);
  matches({ a: laned(2, 1, 3), b: plain(2, 2, 3) }, (t) => t.emit('concat', ['a', 'b', 'a'], { axis: 1 })[0]);
  matches({ a: laned(1, 3) }, (t) => t.emit('expand', ['a'], { shape: [4, 2, 3] })[0]);
  matches({ a: laned(4, 3) }, (t) => t.emit('reshape', ['a'], { shape: [2, 6] })[0]);
  matches({ a: laned(4, 3, 2) }, (t) => t.emit('transpose', ['a'], { order: [2, 0, 1] })[0]);
});

test('convolutions and their transposes', () => {
  matches(
    { a: laned(1, 4, 5, 4), w: plain(6, 2, 3, 2), b: plain(6) },
    (t) => t.emit('conv', ['a', 'w', 'b'], { window, groups: 2 })[0],
  );
  const narrow = { ...window, padsAfter: [0, 0] };
  matches(
    { a: laned(1, 4, 3, 2), w: plain(4, 3, 3, 2) },
    (t) => t.emit('convInput', ['a', 'w'], { window: narrow, groups: 2, spatial: [6, 4] })[0],
  );
});

test('products of matrices, of data and of weights', () => {
  matches({ a: laned(2, 3, 4), b: laned(2, 4, 2) }, (t) => t.emit('matmul', ['a', 'b'], {})[0]);
  matches({ a: laned(3, 4), b: plain(4, 2) }, (t) => t.emit('matmul', ['a', 'b'], {})[0]);
  matches({ a: plain(3, 4), b: laned(4, 2) }, (t) => t.emit('matmul', ['a', 'b'], {})[0]);
});

test('max-pooling, with padding and windows cut at the end', () => {
  for (const ceil of [false, true])
    matches(
      { a: laned(1, 2, 6, 5) },
      (t) => t.emit('maxPool', ['a'], { window: { ...window, padsAfter: [1, 0] }, ceil })[0],
    );
});

test('weighted positions, also none and the same twice', () => {
  const table = {
    start: Int32Array.of(0, 2, 2, 5),
    from: Int32Array.of(0, 2, 1, 1, 3),
    weight: Float32Array.of(1, -2, 0.5, 3, 1),
  };
  matches({ a: laned(2, 4, 3) }, (t) => t.emit('positions', ['a'], table)[0]);
  assert.deepEqual(transposePositions(transposePositions(table, 4), 3), table);
});

test('rows of a table', () => {
  const b = tape();
  b.declare('table', { dtype: 'float32', shape: [4, 2], laned: false });
  b.declare('rows', { dtype: 'float32', shape: [3], laned: true });
  b.declare('dy', { dtype: 'float32', shape: [3, 2], laned: true });
  const [out] = b.emit('gather', ['table', 'rows'], {});
  const gradients = differentiate(b, new Map([[out, 'dy']]), ['table', 'rows']);
  assert.deepEqual([...gradients.keys()], ['table'], 'indices have no gradient');
  const results = runCore(
    b.nodes,
    new Map<string, ReferenceValue>([
      ['table', { shape: [4, 2], laned: false, samples: [new Float64Array(8)] }],
      ['rows', { shape: [3], laned: true, samples: [Float64Array.of(1, 1, 0), Float64Array.of(3, 1, 1)] }],
      [
        'dy',
        {
          shape: [3, 2],
          laned: true,
          samples: [Float64Array.of(1, 2, 3, 4, 5, 6), Float64Array.of(7, 8, 9, 10, 11, 12)],
        },
      ],
    ]),
  );
  assert.deepEqual([...results.get(gradients.get('table')!)!.samples[0]], [5, 6, 24, 28, 0, 0, 7, 8]);
});

test('a value used several times gets the sum; one that does not matter gets none', () => {
  matches({ a: laned(3) }, (t) => {
    const [one] = t.emit('elementwise', ['a'], { expression: call('exp', x) });
    const [two] = t.emit('elementwise', ['a', one], { expression: call('mul', x, y) });
    return t.emit('elementwise', [one, two], { expression: call('sub', x, y) })[0];
  });
  const t = tape();
  for (const name of ['a', 'b', 'dy']) t.declare(name, { dtype: 'float32', shape: [2], laned: true });
  const [neg] = t.emit('elementwise', ['a'], { expression: call('neg', x) });
  t.emit('elementwise', ['b'], { expression: call('neg', x) });
  assert.deepEqual([...differentiate(t, new Map([[neg, 'dy']]), ['a', 'b']).keys()], ['a']);
});

test("an operator's own gradient stands for the rule", () => {
  const t = tape();
  t.declare('a', { dtype: 'float32', shape: [2], laned: true });
  t.declare('dy', { dtype: 'float32', shape: [2], laned: true });
  const [rounded] = t.emit('elementwise', ['a'], { expression: call('round', x) }, (_, dy) => [dy]);
  assert.equal(differentiate(t, new Map([[rounded, 'dy']]), ['a']).get('a'), 'dy');
});
