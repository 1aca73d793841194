import assert from 'node:assert/strict';
import { test } from 'node:test';
import { call, input } from './expression.js';
import { tape } from './tape.js';

test('a tape keeps nodes in order and knows the type of every value', () => {
  const t = tape();
  t.declare('x', { dtype: 'float32', shape: [2, 3], laned: true });
  const two = t.constant({ dtype: 'int64', shape: [3], data: BigInt64Array.of(1n, 2n, 3n) });
  const [sum] = t.emit('elementwise', ['x', two], { expression: call('add', input(0), input(1)) });
  const [total] = t.emit('reduce', [sum], { how: 'sum', axes: [0, 1], across: true });
  assert.deepEqual(
    t.nodes.map(({ op, inputs, outputs }) => [op, inputs, outputs]),
    [
      ['elementwise', ['x', two], [sum]],
      ['reduce', [sum], [total]],
    ],
  );
  assert.deepEqual(t.type(sum), { dtype: 'float32', shape: [2, 3], laned: true });
  assert.deepEqual(t.type(total), { dtype: 'float32', shape: [1, 1], laned: false });
  assert.equal(t.type(two).constant?.data.length, 3);
  assert.throws(() => t.type('nothing'), /No value is called 'nothing'/);
  assert.equal(t.training, false);
  assert.equal(tape(true).training, true);
});
