/** Formulas: derivatives beside finite differences, and simplifications that keep values. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  apply,
  call,
  derivative,
  type Expression,
  evaluateExpression,
  type FunctionName,
  input,
  operandsOf,
  output,
  substitute,
} from './expression.js';

const [x, y, z] = [input(0), input(1), input(2)];

/** Every function at operands where it is smooth, and where it has a kink or a jump none. */
const smooth: [FunctionName, number[][]][] = [
  ['neg', [[0.3]]],
  ['abs', [[1.5], [-0.2]]],
  ['exp', [[-1], [2]]],
  ['log', [[0.2], [7]]],
  ['sqrt', [[0.5], [9]]],
  ['sigmoid', [[-3], [0], [2]]],
  ['tanh', [[-2], [0], [0.7]]],
  ['erf', [[-1], [0.1], [2.4], [2.6]]],
  ['relu', [[-1], [2]]],
  ['floor', [[1.5], [-0.4]]],
  ['ceil', [[1.5], [-0.4]]],
  ['round', [[1.4], [-0.4]]],
  ['sign', [[2], [-0.1]]],
  ['sin', [[0.4], [5]]],
  ['cos', [[0.4], [5]]],
  ['add', [[1, 2]]],
  ['sub', [[1, 2]]],
  ['mul', [[3, -2]]],
  [
    'div',
    [
      [3, -2],
      [0, 4],
    ],
  ],
  [
    'max',
    [
      [1, 2],
      [3, 2],
    ],
  ],
  [
    'min',
    [
      [1, 2],
      [3, 2],
    ],
  ],
  [
    'pow',
    [
      [1.5, 2.3],
      [0.2, -1.5],
      [4, 3],
    ],
  ],
  [
    'greater',
    [
      [1, 2],
      [2, 1],
    ],
  ],
  [
    'greaterEqual',
    [
      [1, 2],
      [2, 1],
    ],
  ],
  ['equal', [[1, 2]]],
  [
    'choose',
    [
      [1, 2, 3],
      [0.5, 2, 3],
    ],
  ],
];

/** The derivative by operand k where the value of the formula may stand in it. */
const slope = (e: Expression, k: number, at: readonly number[]): number =>
  evaluateExpression(substitute(derivative(e, k), input, evaluateExpression(e, at)), at);

function difference(e: Expression, k: number, at: readonly number[], h = 1e-5): number {
  const moved = (by: number) => at.map((v, i) => (i === k ? v + by : v));
  return (evaluateExpression(e, moved(h)) - evaluateExpression(e, moved(-h))) / (2 * h);
}

for (const [f, places] of smooth) {
  test(`the derivative of ${f}`, () => {
    const arity = places[0].length;
    const e: Expression = { f, of: [x, y, z].slice(0, arity) };
    // Inside another formula, the value may not stand for it any more.
    const inside = call('tanh', call('mul', 0.3, call('add', e, call('mul', x, x))));
    for (const at of places)
      for (let k = 0; k < arity; k++)
        for (const formula of [e, inside]) {
          const [found, wanted] = [slope(formula, k, at), difference(formula, k, at)];
          assert.ok(
            Math.abs(found - wanted) < 1e-6 * Math.max(1, Math.abs(wanted)),
            `${found}, not ${wanted}`,
          );
        }
  });
}

test('at kinks: relu from the left, halves where maxima tie, 0 at 0 for abs', () => {
  assert.equal(slope(call('relu', x), 0, [0]), 0);
  assert.equal(slope(call('abs', x), 0, [0]), 0);
  for (const f of ['max', 'min'] as const) {
    assert.equal(slope(call(f, x, y), 0, [2, 2]), 0.5);
    assert.equal(slope(call(f, x, y), 1, [2, 2]), 0.5);
  }
});

test('a squared power of a negative number has a derivative', () => {
  assert.equal(slope(call('pow', x, 2), 0, [-3]), -6);
  assert.equal(slope(call('pow', x, 3), 0, [-3]), 27);
});

const numbers = fc.constantFrom(-2, -1, -0.5, 0, 0.25, 0.5, 1, 2, 3);
const expression = (
  values: fc.Arbitrary<Expression>,
): fc.Arbitrary<{ plain: Expression; made: Expression }> =>
  fc.letrec<{ node: { plain: Expression; made: Expression } }>((tie) => {
    const combine = (f: FunctionName, of: readonly { plain: Expression; made: Expression }[]) => ({
      plain: { f, of: of.map((e) => e.plain) },
      made: call(f, ...of.map((e) => e.made)),
    });
    const names = smooth.map(([f, [operands]]) => [f, operands.length] as const);
    return {
      node: fc.oneof(
        { maxDepth: 4, depthSize: 'small' },
        values.map((e) => ({ plain: e, made: e })),
        ...names.map(([f, arity]) =>
          fc.tuple(...Array.from({ length: arity }, () => tie('node'))).map((of) => combine(f, of)),
        ),
      ),
    };
  }).node;

test('what call simplifies keeps its value', () => {
  const leaf = fc.oneof(numbers, fc.constantFrom(x, y));
  fc.assert(
    fc.property(expression(leaf), numbers, numbers, ({ plain, made }, a, b) => {
      const wanted = evaluateExpression(plain, [a, b]);
      const found = evaluateExpression(made, [a, b]);
      if (!soundAll(plain, [a, b])) return;
      assert.ok(
        found === wanted || Math.abs(found - wanted) <= 1e-12 * Math.abs(wanted),
        `${found}, not ${wanted}`,
      );
    }),
    { numRuns: 2000, seed: 1 },
  );
});

/** Whether every part of the formula is a finite number: 0 · ∞ is not what simplification must keep. */
function soundAll(e: Expression, at: readonly number[]): boolean {
  if (typeof e === 'object' && 'f' in e && !e.of.every((part) => soundAll(part, at))) return false;
  return Math.abs(evaluateExpression(e, at)) < 1e12;
}

test('what is trivial costs nothing', () => {
  assert.equal(call('add', 2, 3), 5);
  assert.equal(call('add', 0, x), x);
  assert.equal(call('mul', x, 0), 0);
  assert.deepEqual(call('mul', x, -1), call('neg', x));
  assert.deepEqual(call('div', x, 4), call('mul', x, 0.25));
  assert.deepEqual(call('div', x, 3), { f: 'div', of: [x, 3] }, 'a third is not exact');
  assert.equal(call('choose', 1, x, y), x);
});

test('substitution, and which operands are read', () => {
  const e = call('add', call('mul', x, z), output);
  assert.deepEqual([...operandsOf(e)], [0, 2]);
  const replaced = substitute(e, (k) => input(k + 1), 7);
  assert.equal(evaluateExpression(replaced, [0, 2, 0, 5]), 17);
  assert.throws(() => evaluateExpression(e, [1, 2, 3]));
});

test('functions at odd numbers', () => {
  assert.deepEqual(
    [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, -2.6].map((v) => apply('round', [v]) + 0),
    [0, 2, 2, 0, -2, 2, -3],
  );
  assert.equal(apply('relu', [-Infinity]), 0);
  assert.ok(Number.isNaN(apply('relu', [Number.NaN])));
  const known = [
    [0.5, 0.5204998778130465],
    [1, 0.8427007929497149],
    [2.5, 0.999593047982555],
    [3, 0.9999779095030014],
  ];
  for (const [at, wanted] of known) {
    assert.ok(Math.abs(apply('erf', [at]) - wanted) < 1e-14);
    assert.equal(apply('erf', [-at]), -apply('erf', [at]));
  }
  assert.equal(apply('erf', [Infinity]), 1);
});
