/** Instructions compute what their expressions say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  apply,
  call,
  type Expression,
  evaluateExpression,
  type FunctionName,
  input,
} from '../../graph/index.js';
import { FUNCTIONS, MAP_REGISTERS } from './contract.js';
import { compileExpressions } from './instructions.js';

const names = Object.keys(FUNCTIONS);

/** What the kernel does with instructions, in float64. */
function run(
  code: NonNullable<ReturnType<typeof compileExpressions>>,
  operands: readonly number[],
): number[] {
  const registers = [...operands];
  for (const { function: f, to, a, b, c } of code.instructions) {
    const name = names[f];
    if (name === 'const') {
      registers[to] = (a as { float: number }).float;
      continue;
    }
    const [x, y, z] = [a, b, c].map((k) => registers[k as number]);
    assert.equal(registers[to], undefined, 'a register is written once');
    registers[to] =
      name === 'fma' ? x * y + z : name === 'gate' ? (y > 0 ? x : 0) : apply(name as FunctionName, [x, y, z]);
  }
  return code.results.map((k) => registers[k]);
}

const functions = {
  one: ['neg', 'abs', 'exp', 'sigmoid', 'tanh', 'relu', 'floor', 'sign', 'sin', 'cos', 'erf'],
  two: ['add', 'sub', 'mul', 'max', 'min', 'greater', 'greaterEqual', 'equal', 'add', 'mul'],
} as const;

const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 4 },
    fc.integer({ min: 0, max: 3 }).map(input),
    fc.integer({ min: -3, max: 3 }),
    fc.tuple(fc.constantFrom(...functions.one), tie('expression')).map(([f, a]) => call(f, a)),
    fc
      .tuple(fc.constantFrom(...functions.two), tie('expression'), tie('expression'))
      .map(([f, a, b]) => call(f, a, b)),
    fc
      .tuple(tie('expression'), tie('expression'), tie('expression'))
      .map(([a, b, c]) => call('choose', a, b, c)),
  ),
}));

test('random expressions', () => {
  let compiled = 0;
  fc.assert(
    fc.property(
      fc.array(expression, { minLength: 1, maxLength: 3 }),
      fc.array(
        fc.integer({ min: -8, max: 8 }).map((x) => x / 4),
        { minLength: 4, maxLength: 4 },
      ),
      (expressions, operands) => {
        const code = compileExpressions(expressions, 4);
        if (!code) return;
        compiled++;
        const wanted = expressions.map((e) => evaluateExpression(e, operands));
        if (!wanted.every((x) => Math.abs(x) < 1e100)) return;
        for (const [k, x] of run(code, operands).entries()) {
          const near = Math.abs(x - wanted[k]) <= 1e-12 * Math.abs(wanted[k]);
          assert.ok(x === wanted[k] || near, `${x}, not ${wanted[k]}`);
        }
      },
    ),
    { numRuns: 1000, seed: 1 },
  );
  assert.ok(compiled > 700, `${compiled} compiled`);
});

test('common parts are computed once, a product in a sum is one instruction', () => {
  const x = call('exp', input(0));
  const code = compileExpressions([call('add', call('mul', x, input(1)), x), call('neg', x)], 2)!;
  assert.deepEqual(
    code.instructions.map(({ function: f }) => names[f]),
    ['exp', 'fma', 'neg'],
  );
});

test('more parts than registers are refused', () => {
  const chain = (n: number) =>
    Array.from({ length: n }).reduce<Expression>(
      (e, _, i) => call('tanh', call('add', e, i + 0.5)),
      input(0),
    );
  assert.ok(compileExpressions([chain(5)], 1));
  assert.equal(compileExpressions([chain(MAP_REGISTERS)], 1), undefined);
});
