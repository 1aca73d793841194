/** The map kernel on random strided, broadcast and laned operands, stored and reduced, beside the reference. */
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { integer, normal, type Random, random } from '../../base/index.js';
import { call, type Expression, input } from '../../graph/index.js';
import { sizeOf } from '../../onnx/index.js';
import { type Machine, openMachine } from '../index.js';
import { agrees, declare, emptyPlan, type Plan } from '../tape.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const pick = <T>(r: Random, from: readonly T[]): T => from[integer(r, from.length)];
const chance = (r: Random, one: number): boolean => integer(r, one) === 0;

/** A value that broadcasts to `shape`, seen through a random transposition, slice and broadcast. */
function operand(p: Plan, r: Random, shape: readonly number[], laned: boolean): string {
  const short = shape.slice(chance(r, 4) ? integer(r, shape.length) : 0);
  const seen = short.map((d) => (chance(r, 4) ? 1 : d));
  const steps = seen.map(() => pick(r, [1, 1, 1, 2, -1, -2]));
  const before = seen.map(() => (chance(r, 3) ? integer(r, 3) : 0));
  const whole = seen.map((d, i) => before[i] + (d - 1) * Math.abs(steps[i]) + 1 + (chance(r, 3) ? 1 : 0));
  const order = seen.map((_, i) => i).sort(() => pick(r, [-1, 1]));
  const base = order.map((i) => whole[i]);
  const back = seen.map((_, i) => order.indexOf(i));
  const name = declare(p, `x${p.given.size}`, { shape: base, laned }, () => normal(r));
  const [turned] = p.tape.emit('transpose', [name], { order: back });
  const starts = seen.map((d, i) => before[i] + (steps[i] < 0 ? (d - 1) * -steps[i] : 0));
  return p.tape.emit('slice', [turned], { starts, steps, sizes: seen })[0];
}

/** A random formula over `n` operands that stays in sound numbers; only operands decide, so that no rounding does. */
function formula(r: Random, n: number, depth = 3): Expression {
  if (depth === 0 || chance(r, 5)) return chance(r, 6) ? normal(r) : input(integer(r, n));
  const inner = () => formula(r, n, depth - 1);
  const f = pick(r, ['add', 'sub', 'mul', 'max', 'min', 'choose', 'tanh', 'relu', 'neg', 'abs'] as const);
  if (f === 'choose') return call('choose', call('greater', input(integer(r, n)), 0), inner(), inner());
  return f === 'tanh' || f === 'relu' || f === 'neg' || f === 'abs'
    ? call(f, inner())
    : call(f, inner(), inner());
}

const axis = (r: Random) => pick(r, [1, 2, 3, 4, 5, 7, 16]);

async function oneSpace(seed: number, count: number): Promise<void> {
  const r = random(seed);
  const p = emptyPlan(count);
  const shape = Array.from({ length: 1 + integer(r, 4) }, () => axis(r));
  if (shape.length < 3 && chance(r, 3)) shape.push(pick(r, [17, 33, 300, 1041, 4096]));
  const laned = !chance(r, 3);
  const operands = Array.from({ length: 1 + integer(r, 3) }, () =>
    operand(p, r, shape, laned && !chance(r, 3)),
  );
  const all = operands.map((_, k) => input(k)).reduce<Expression>((a, b) => call('add', a, b), 0);
  const [y] = p.tape.emit('elementwise', operands, {
    expression: call('add', formula(r, operands.length), all),
  });
  const outputs = chance(r, 3) ? [y] : [];
  for (const _ of Array.from({ length: 1 + integer(r, 3) })) {
    const from = p.tape.type(y);
    const axes = from.shape.map((_, i) => i).filter(() => chance(r, 2));
    const how = chance(r, 3) ? 'max' : 'sum';
    outputs.push(
      ...p.tape.emit('reduce', [y], { how, axes, across: how === 'sum' && from.laned && chance(r, 2) }),
    );
  }
  await agrees(machine, { ...p, outputs }, 2e-6, 1e-6 + 1e-7 * count * sizeOf(shape));
}

test('random iteration spaces', () =>
  fc.assert(fc.asyncProperty(fc.nat(), fc.constantFrom(1, 3, 17, 33), oneSpace), {
    numRuns: 400,
    seed: 1,
    includeErrorInReport: true,
  }));
