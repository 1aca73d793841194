/** Tangents of core graphs, beside finite differences of the reference. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random } from '../base/index.js';
import { sizeOf } from '../onnx/index.js';
import type { Window } from './core.js';
import { differentiate } from './differentiate.js';
import { call, type Expression, input } from './expression.js';
import { loop } from './loop.js';
import { runCore } from './reference/run.js';
import { type ReferenceValue, toValue } from './reference/value.js';
import { tangentsOf } from './tangent.js';
import { type Tape, tape } from './tape.js';

const SAMPLES = 3;
const [x, y] = [input(0), input(1)];

interface Given {
  shape: number[];
  laned?: boolean;
  still?: readonly number[];
}

/** Asserts that the results of `build` move as finite differences say when everything given moves at random. */
function matches(given: Record<string, Given>, build: (t: Tape) => (string | undefined)[]): void {
  const t = tape(true);
  const r = random(4);
  const values = new Map<string, ReferenceValue>();
  const directions = new Map<string, string>();
  const declare = (name: string, { shape, laned = true, still }: Given) => {
    t.declare(name, { dtype: 'float32', shape, laned });
    const draw = () => Float64Array.from({ length: sizeOf(shape) }, (_, i) => still?.[i] ?? normal(r));
    values.set(name, { shape, laned, samples: Array.from({ length: laned ? SAMPLES : 1 }, draw) });
  };
  declare('sample', { shape: [2] });
  for (const [name, one] of Object.entries(given)) {
    declare(name, one);
    if (one.still) continue;
    declare(`d${name}`, one);
    directions.set(name, `d${name}`);
  }
  const results = build(t).filter((name) => name !== undefined);
  const forward = t.nodes.slice();
  const tangents = tangentsOf(t, directions, results, 'sample');
  const computed = runCore(t.nodes, new Map([...values, ...constantsOf(t)]));
  const moved = (by: number) => {
    const at = new Map([...values, ...constantsOf(t)]);
    for (const [name, direction] of directions) {
      const { samples, ...type } = values.get(name)!;
      const d = values.get(direction)!.samples;
      at.set(name, { ...type, samples: samples.map((s, n) => s.map((v, i) => v + by * d[n][i])) });
    }
    return runCore(forward, at);
  };
  const [above, below] = [moved(1e-5), moved(-1e-5)];
  for (const name of results) {
    const tangent = computed.get(tangents.get(name)!)!;
    const wanted = above.get(name)!;
    assert.deepEqual([tangent.shape, tangent.laned], [wanted.shape, wanted.laned]);
    wanted.samples.forEach((sample, n) => {
      sample.forEach((v, i) => {
        const slope = (v - below.get(name)!.samples[n][i]) / 2e-5;
        const found = tangent.samples[n][i];
        assert.ok(Math.abs(found - slope) < 1e-6 * Math.max(1, Math.abs(slope)), `${found}, not ${slope}`);
      });
    });
  }
}

const constantsOf = (t: Tape) =>
  [...t.types].flatMap(([name, { constant }]): [string, ReferenceValue][] =>
    constant ? [[name, toValue(constant)]] : [],
  );

const window: Window = {
  ...{ kernel: [3, 2], strides: [2, 1], dilations: [1, 2], padsBefore: [1, 0], padsAfter: [0, 2] },
};
const plain = (...shape: number[]): Given => ({ shape, laned: false });
const laned = (...shape: number[]): Given => ({ shape });
const still = (...values: number[]): Given => ({ shape: [values.length], still: values });

test('element-wise, broadcast either way and across samples', () => {
  const formula = (expression: Expression) => (t: Tape) => t.emit('elementwise', ['a', 'b'], { expression });
  for (const b of [laned(2, 3), plain(3), plain(4, 1, 1)]) {
    matches({ a: laned(2, 3), b }, formula(call('mul', call('tanh', x), call('sigmoid', y))));
    matches({ a: laned(2, 3), b }, formula(call('div', call('relu', x), call('exp', y))));
  }
  matches({ a: laned(2, 3), b: still(1, 2, 3) }, formula(call('add', x, y)));
  matches({ a: { shape: [3], still: [1, 2, 3] }, b: plain(3) }, formula(call('mul', x, y)));
});

test('sums, maxima and moves', () => {
  for (const how of ['sum', 'max'] as const)
    for (const axes of [[0], [1, 2]])
      matches({ a: laned(2, 3, 2) }, (t) => t.emit('reduce', ['a'], { how, axes }));
  matches({ a: laned(2, 3) }, (t) => t.emit('reduce', ['a'], { how: 'sum', axes: [0, 1], across: true }));
  matches({ a: laned(2, 3) }, (t) => t.emit('pad', ['a'], { before: [1, 0], after: [2, 3], value: 7 }));
  matches({ a: laned(2, 3), b: still(1, 2, 3) }, (t) => {
    const [row] = t.emit('reshape', ['b'], { shape: [1, 3] });
    return t.emit('concat', ['a', row], { axis: 0 });
  });
  matches({ a: laned(1, 3) }, (t) => t.emit('expand', ['a'], { shape: [4, 2, 3] }));
  matches({ a: laned(4, 3) }, (t) =>
    t.emit('slice', ['a'], { starts: [3, 0], steps: [-2, 1], sizes: [2, 3] }),
  );
  matches({ a: laned(4, 3) }, (t) => t.emit('transpose', ['a'], { order: [1, 0] }));
});

test('loops, and their gradients', () => {
  const whole = { kernel: [1], strides: [1], dilations: [1], padsBefore: [0], padsAfter: [0] };
  for (const reverse of [false, true])
    matches({ s: plain(1, 3, 1), x: laned(4, 1, 3, 1), w: plain(3, 3, 1), p: plain(1, 3, 1) }, (t) => {
      const { states, gives } = loop(t, {
        ...{ length: 4, reverse, states: ['s'], items: ['x'] },
        body([state], [item]) {
          const [product] = t.emit('conv', [state, 'w'], { window: whole, groups: 1 });
          const [next] = t.emit('elementwise', [product, item, 'p'], {
            expression: call('tanh', call('add', x, call('mul', y, input(2)))),
          });
          return { next: [next], gives: [product] };
        },
      });
      const seeds = new Map([states[0], gives[0]].map((name) => [name, name]));
      return [...states, ...gives, ...differentiate(t, seeds, ['s', 'x', 'w', 'p']).values()];
    });
});

test('convolutions with bias, and their gradients', () => {
  matches({ a: laned(1, 4, 5, 4), w: plain(6, 2, 3, 2), b: plain(6) }, (t) => {
    const [value] = t.emit('conv', ['a', 'w', 'b'], { window, groups: 2 });
    const gradients = differentiate(t, new Map([[value, value]]), ['a', 'w']);
    return [value, ...gradients.values()];
  });
  matches({ a: laned(3, 4), w: plain(4, 2) }, (t) => {
    const [value] = t.emit('matmul', ['a', 'w'], {});
    return [value, ...differentiate(t, new Map([[value, value]]), ['a', 'w']).values()];
  });
});

test('max-pooling with padding and windows cut at the end, and its gradient', () => {
  for (const ceil of [false, true])
    matches({ a: laned(1, 2, 6, 5) }, (t) => {
      const [value] = t.emit('maxPool', ['a'], { window: { ...window, padsAfter: [1, 0] }, ceil });
      return [value, ...differentiate(t, new Map([[value, value]]), ['a']).values()];
    });
});

test('batch statistics, and what their gradients are made of', () => {
  matches(
    {
      a: laned(1, 2, 3, 2),
      scale: plain(2),
      bias: plain(2),
      mean: { ...plain(2), still: [0, 0] },
      variance: { ...plain(2), still: [1, 1] },
    },
    (t) => t.emit('normalize', ['a', 'scale', 'bias', 'mean', 'variance'], { epsilon: 1e-3, momentum: 0.9 }),
  );
  matches({ sum: plain(2), dot: plain(2), slope: plain(2), mean: plain(2), inverse: plain(2) }, (t) =>
    t.emit('normalizeInput', ['sum', 'dot', 'slope', 'mean', 'inverse'], { count: 6 }),
  );
});

test('the slope of cross-entropy', () => {
  matches({ logits: laned(1, 4), label: still(2) }, (t) => [
    t.emit('crossEntropy', ['logits', 'label'], { smoothing: 0.1 })[2],
  ]);
  const teacher = { temperature: 3, weight: 0.7 };
  matches({ logits: laned(1, 4), label: still(2), theirs: still(1, 0, 2, -1) }, (t) => [
    t.emit('crossEntropy', ['logits', 'label', 'theirs'], { smoothing: 0.1, teacher })[2],
  ]);
});

test('what does not move has no tangent', () => {
  const t = tape();
  for (const name of ['a', 'b', 'da']) t.declare(name, { dtype: 'float32', shape: [2], laned: true });
  const [moving, resting] = ['a', 'b'].map(
    (name) => t.emit('elementwise', [name], { expression: call('exp', x) })[0],
  );
  assert.deepEqual([...tangentsOf(t, new Map([['a', 'da']]), [moving, resting], 'b').keys()], [moving]);
});
