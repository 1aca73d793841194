/** Every loop of kernels/formulas.c is found by its text, and computes what interpreting the formula does. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random } from '../../base/index.js';
import { call, type Expression, type FunctionName, input } from '../../graph/index.js';
import { type Machine, openMachine } from '../index.js';
import { declare, emptyPlan, runOnEngine } from '../tape.test.fixture.js';
import { formulaOf } from './formulas.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

/** 'RELU(FMA(a, b, c)); …' as expressions, and how many operands they have. */
function parse(text: string): { expressions: Expression[]; count: number } {
  const tokens = text.match(/[A-Za-z]+|[\d.]+|[();]/g)!;
  let count = 0;
  const one = (): Expression => {
    const token = tokens.shift()!;
    if (/^\d/.test(token)) return Number(token);
    if (/^[a-z]$/.test(token)) {
      const operand = token.charCodeAt(0) - 97;
      count = Math.max(count, operand + 1);
      return input(operand);
    }
    assert.equal(tokens.shift(), '(');
    const of: Expression[] = [];
    while (tokens[0] !== ')') of.push(one());
    tokens.shift();
    const [x, y, z] = of;
    if (token === 'NUMBER') return x;
    if (token === 'FMA') return call('add', call('mul', x, y), z);
    if (token === 'GATE') return call('mul', call('greater', y, 0), x);
    return call(token.toLowerCase() as FunctionName, ...of);
  };
  const expressions: Expression[] = [];
  do expressions.push(one());
  while (tokens.shift() === ';');
  return { expressions, count };
}

test('the text of a formula does not depend on the order of its operands', () => {
  const [x, y, z, u] = [0, 1, 2, 3].map(input);
  const product = call('mul', x, y);
  for (const sum of [call('add', product, z), call('add', z, product)])
    for (const whole of [call('add', sum, u), call('add', u, sum)])
      assert.equal(formulaOf([call('relu', whole)], 4)!.text, 'RELU(ADD(FMA(a, b, c), d))');
  assert.deepEqual(formulaOf([call('add', call('mul', u, y), x)], 4), undefined, 'not all are named');
});

test('every formula of the kernels is what lowering writes for it', () => {
  assert.ok(machine.formulas.size > 10);
  for (const text of machine.formulas.keys()) {
    const { expressions, count } = parse(text);
    assert.equal(formulaOf(expressions, count)?.text, text);
  }
});

test('loops and the interpreter agree: stores to the bit, sums to rounding', async () => {
  const interpreted = { ...machine, formulas: new Map() };
  const draws = random(1);
  for (const [number, text] of [...machine.formulas.keys()].entries())
    for (const [batch, side] of [
      [48, 13],
      [33, 9],
    ]) {
      const { expressions, count } = parse(text);
      const plan = emptyPlan(batch);
      const names = Array.from({ length: count }, (_, k) => {
        // Which operands are numbers of a channel, and which lie line after line, is another in every formula.
        const plain = k > 0 && (number + k) % 3 === 0;
        const shape = plain ? [5, 1, 1] : [5, side, side];
        return declare(plan, `x${k}`, { shape, laned: !plain }, () => normal(draws));
      });
      const values = expressions.map((expression) => plan.tape.emit('elementwise', names, { expression })[0]);
      const outputs =
        values.length === 1
          ? values
          : values.map((of) => plan.tape.emit('reduce', [of], { how: 'sum', axes: [1, 2], across: true })[0]);
      const run = (on: Machine) => runOnEngine(on, { ...plan, outputs });
      const [looped, plainly] = [await run(machine), await run(interpreted)];
      for (const [name, samples] of looped.results)
        samples.forEach((sample, s) => {
          const expected = plainly.results.get(name)![s];
          if (values.length === 1) assert.deepEqual(sample, expected, text);
          else
            for (const [i, x] of sample.entries())
              assert.ok(Math.abs(x - expected[i]) <= 1e-4 * batch, `${text}: ${x} beside ${expected[i]}`);
        });
    }
});
