/** Ranges of formulas: what is proved holds for every sample. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { call, type Expression, evaluateExpression, type FunctionName, input } from './expression.js';
import { anyNumber, constantOf, exactly, type Range, rangeOf } from './ranges.js';

const [x, y] = [input(0), input(1)];
const unary: FunctionName[] = [
  ...(['neg', 'abs', 'exp', 'log', 'sqrt', 'sigmoid', 'tanh', 'erf'] as const),
  ...(['relu', 'floor', 'ceil', 'round', 'sign', 'sin', 'cos'] as const),
];
const binary: FunctionName[] = [
  ...(['add', 'sub', 'mul', 'div', 'max', 'min', 'pow'] as const),
  ...(['greater', 'greaterEqual', 'equal'] as const),
];

/** Numbers at which functions have kinks, jumps and poles, among others. */
const number = fc.oneof(
  fc.constantFrom(0, 1, -1, 0.5, -2.5, 6),
  fc.double({ min: -50, max: 50, noNaN: true }),
);

/** Formulas over two operands, written as they are (`call` would simplify them). */
const { formula } = fc.letrec<{ formula: Expression }>((tie) => ({
  formula: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Expression>(x, y),
    number,
    fc.tuple(fc.constantFrom(...unary), tie('formula')).map(([f, a]): Expression => ({ f, of: [a] })),
    fc
      .tuple(fc.constantFrom(...binary), tie('formula'), tie('formula'))
      .map(([f, a, b]): Expression => ({ f, of: [a, b] })),
    fc.tuple(tie('formula'), tie('formula'), tie('formula')).map((of): Expression => ({ f: 'choose', of })),
  ),
}));

/** A range and a number in it. */
const inside = fc.oneof(
  number.map((value) => ({ range: exactly(value), value })),
  number.map((value) => ({ range: anyNumber, value })),
  fc.tuple(number, number, fc.double({ min: 0, max: 1, noNaN: true })).map(([a, b, t]) => {
    const [low, high] = [Math.min(a, b), Math.max(a, b)];
    const value = Math.min(high, Math.max(low, low + t * (high - low)));
    return { range: { low, high, defined: true }, value };
  }),
);

const holds = ({ low, high, defined }: Range, value: number): boolean => {
  if (Number.isNaN(value)) return !defined;
  const slack = Number.isFinite(value) ? 1e-9 * Math.abs(value) : 0;
  return low - slack <= value && value <= high + slack;
};

test('a formula lies in its range, and is no number only where that is said', () => {
  fc.assert(
    fc.property(formula, inside, inside, (e, a, b) => {
      const range = rangeOf(e, [a.range, b.range]);
      const value = evaluateExpression(e, [a.value, b.value]);
      assert.ok(holds(range, value), `${JSON.stringify(range)} does not hold ${value}`);
    }),
    { numRuns: 20_000, seed: 1 },
  );
});

/** Whether every step of a formula is a finite number. */
const sound = (e: Expression, operands: readonly number[]): boolean =>
  Number.isFinite(evaluateExpression(e, operands)) &&
  (typeof e === 'number' || !('f' in e) || e.of.every((part) => sound(part, operands)));

test('what is proved of formulas whose steps are finite holds wherever they are', () => {
  fc.assert(
    fc.property(formula, inside, inside, (e, a, b) => {
      const operands = [a.value, b.value];
      if (!sound(e, operands)) return;
      const range = rangeOf(e, [a.range, b.range], { finite: true });
      assert.ok(holds(range, evaluateExpression(e, operands)), JSON.stringify(range));
    }),
    { numRuns: 20_000, seed: 2 },
  );
});

test('a formula of known operands is its value', () => {
  fc.assert(
    fc.property(formula, number, number, (e, a, b) => {
      assert.ok(Object.is(constantOf(e, [a, b]), evaluateExpression(e, [a, b])));
    }),
    { seed: 3 },
  );
});

/** A formula, its operands as far as they are known, and what it is then. */
const known: [string, Expression, (number | undefined)[], number | undefined, { finite: boolean }?][] = [
  ['a gate closes what is 0', call('mul', x, call('sigmoid', y)), [0, undefined], 0],
  ['a product with data is 0', call('mul', x, y), [0, undefined], 0],
  ['a sum with data is anything', call('add', x, y), [0, undefined], undefined],
  ['what is divided by data might be divided by 0', call('div', x, y), [0, undefined], undefined],
  ['where quotients are numbers, 0 stays 0', call('div', x, y), [0, undefined], 0, { finite: true }],
  ['0 by 0 is no number', call('div', x, y), [0, 0], Number.NaN],
  ['a bound that samples between -2 and 2 miss', call('greater', y, 3), [0, undefined], undefined],
  [
    'a slope for negative numbers',
    call('choose', call('greater', x, 0), x, call('mul', x, y)),
    [0, undefined],
    0,
  ],
  ['a value equals itself', call('equal', y, y), [0, undefined], 1],
  ['a value less itself', call('sub', y, y), [0, undefined], 0],
  ['a square is not negative', call('greaterEqual', call('mul', y, y), 0), [0, undefined], 1],
  ['no number stays none', call('mul', x, y), [Number.NaN, undefined], Number.NaN],
];

for (const [title, e, operands, wanted, options] of known)
  test(`${title}`, () => assert.ok(Object.is(constantOf(e, operands, options), wanted)));

test('what is proved constant is so at numbers far from what samples are drawn from', () => {
  const far = [0, 1e-30, 1, 3, -3, 7, 50, -50, 1e6, -1e6, 1e300];
  fc.assert(
    fc.property(formula, number, (e, a) => {
      const proved = constantOf(e, [a, undefined], { finite: true });
      const values = far.filter((b) => sound(e, [a, b])).map((b) => evaluateExpression(e, [a, b]));
      if (proved !== undefined && !Number.isNaN(proved)) assert.ok(values.every((value) => value === proved));
    }),
    { numRuns: 5000, seed: 4 },
  );
});
