import assert from 'node:assert/strict';
import { test } from 'node:test';
import { derivative, evaluateExpression } from '../expression.js';
import { concrete, slope } from './masks.js';

/** Operands s, T, u0, u1. */
const mask = concrete(0);
const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 2e-6, `${a} is not ${b}`);

test('the concrete mask and its slope at the golden point', () => {
  for (const [T, value, steepness] of [
    [1, 0.574519, 1.164033],
    [2, 0.6458, 2.178499],
  ]) {
    const at = [0.3, T, 0.6, 0.2];
    near(evaluateExpression(mask, at), value);
    near(evaluateExpression(derivative(mask, 0, mask), at), steepness);
    near(evaluateExpression(slope(0), [0.3, T, value]), steepness);
  }
});

test('a mask exceeds one half as often as its probability says, at every temperature', () => {
  const count = 4000;
  for (const T of [1, 4, 30]) {
    let above = 0;
    for (let i = 0; i < count; i++) {
      const [u0, u1] = [((i * 0.754877666) % 1) + 1e-9, ((i * 0.569840291) % 1) + 1e-9];
      if (evaluateExpression(mask, [0.3, T, u0, u1]) > 0.5) above++;
    }
    assert.ok(Math.abs(above / count - 0.3) < 0.02, `${above / count} at T = ${T}`);
  }
});
