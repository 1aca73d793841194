import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Axis, nameOn } from './axis.js';

test('a value of an axis is given by name or as a function, which is then there by its name', () => {
  const axis: Axis<(x: number) => number> = { double: (x) => 2 * x };
  const name = (value: string | ((x: number) => number)) =>
    nameOn({ what: 'rule', axis }, value, (rule) => rule);
  assert.equal(name('double'), 'double');
  const half = (x: number) => x / 2;
  assert.equal(name(half), 'half');
  assert.equal(name(half), 'half', 'the same again changes nothing');
  assert.equal(axis.half(4), 2);
  assert.throws(() => name((x) => x), { message: /^A rule of your own needs a name/ });
  const other = { half: (x: number) => x }.half;
  assert.throws(() => name(other), { message: 'There is a rule half already: give yours another name.' });
});
