import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitting } from './progress.js';
import { isColoured, plain, shown, styled } from './style.js';

test('looks are seen in colour only, and nothing that is quoted makes one', () => {
  const text = `${styled('warning', 'careful')}: <warning>x</warning>`;
  assert.equal(shown(text, true), '\u001b[33mcareful\u001b[39m: <warning>x</warning>');
  assert.equal(plain(text), 'careful: <warning>x</warning>');
});

test('NO_COLOR and FORCE_COLOR decide whether there are colours, then the terminal', () => {
  const terminal = { isTTY: true } as unknown as NodeJS.WritableStream;
  const pipe = {} as NodeJS.WritableStream;
  const names = ['NO_COLOR', 'FORCE_COLOR', 'TERM'] as const;
  const before = names.map((name) => process.env[name]);
  const seen = (given: Partial<Record<(typeof names)[number], string>>) => {
    for (const name of names) delete process.env[name];
    Object.assign(process.env, given);
    return [isColoured(terminal), isColoured(pipe)];
  };
  try {
    assert.deepEqual(seen({}), [true, false]);
    assert.deepEqual(seen({ TERM: 'dumb' }), [false, false]);
    assert.deepEqual(seen({ NO_COLOR: '1' }), [false, false]);
    assert.deepEqual(seen({ FORCE_COLOR: '1', NO_COLOR: '1' }), [true, true]);
    assert.deepEqual(seen({ FORCE_COLOR: '0' }), [false, false]);
  } finally {
    for (const [i, name] of names.entries())
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
  }
});

test('the text beside a bar keeps the time left, and gives up what has no room', () => {
  const text = '3 min 20 s left · epoch 2/10 · loss 1.234 · accuracy 56.7 %';
  assert.equal(fitting(text, 100), text);
  assert.equal(fitting(text, 45), '3 min 20 s left · epoch 2/10 · loss 1.234');
  assert.equal(fitting(text, 20), '3 min 20 s left');
  assert.ok(fitting(text, 8).length <= 8);
});
