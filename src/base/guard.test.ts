import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fail, UserError } from './errors.js';
import { guardedParts } from './guard.js';

test('what a function of a user’s throws names it, and keeps the error as the cause', () => {
  const error = new TypeError('x is none');
  const score = () => {
    throw error;
  };
  const guarded = guardedParts('The score score', score);
  assert.equal(guarded.name, 'score');
  assert.equal(guardedParts('The score score', score), guarded, 'the same for the same');
  assert.throws(guarded, (told: UserError) => {
    assert.ok(told instanceof UserError && told.cause === error);
    return told.message.startsWith('The score score failed: TypeError: x is none; set ESPALIER_DEBUG=1');
  });
  const sentence = guardedParts('The score other', () => fail('This is a sentence.'));
  assert.throws(sentence, { message: 'This is a sentence.' });
});

test('the functions of an object keep what they belong to', () => {
  const own = {
    name: 'mine',
    by: 2,
    of(this: { by: number }, x: number) {
      if (x < 0) throw new Error('below');
      return this.by * x;
    },
  };
  const guarded = guardedParts('The method mine', own);
  assert.deepEqual([guarded.name, guarded.of(3)], ['mine', 6]);
  assert.throws(() => guarded.of(-1), {
    message: /^The function of of the method mine failed: Error: below; /,
  });
});
