/** Text from files, fit for people and terminals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fail, UserError } from './errors.js';
import { brief, sentence, visible, visibleJson, visibleLines } from './text.js';

test('what a terminal would obey is shown instead', () => {
  const commands = 'a\u001b[31mred\u0007\u009b2J\u007f';
  assert.equal(visible(commands), 'a�[31mred��2J�');
  assert.equal(visible('abc\u202ecba\u2066x\u2069\u200e'), 'abc�cba�x��');
  assert.equal(visible('a\nb\r\tc\u2028d'), 'a�b��c�d');
  assert.equal(visibleLines('a\nb\u001bc'), 'a\nb�c');
  assert.equal(visible('half \ud800 of one'), 'half � of one');
  const fit = 'plain, Größe, 日本, نص, 👩‍👩‍👧';
  assert.equal(visible(fit), fit);
});

test('JSON means the same when it is made visible', () =>
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' })), (value) => {
      const json = visibleJson(JSON.stringify(value));
      assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify(value)));
      assert.equal(visible(json), json);
    }),
    { seed: 1 },
  ));

test('long texts keep their beginning and end, and whole characters', () => {
  assert.equal(brief('short'), 'short');
  assert.equal(brief('abcdefghij'.repeat(3), 10), 'abcdef…hij');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 30 }), (text) => {
      const cut = brief(text, 20);
      assert.ok(cut.length <= 40, cut);
      assert.equal(cut, Buffer.from(cut).toString(), 'no half of a character');
    }),
    { seed: 1 },
  );
});

test('a sentence is one line and short, whatever it quotes, and its advice stays', () => {
  const names = Array.from({ length: 2000 }, (_, i) => `name${i}`).join(', ');
  const long = sentence(`Node ${'x'.repeat(100_000)} has ${names}\nand more; use another model.`);
  assert.ok(long.length <= 1500, String(long.length));
  assert.match(long, /^Node x{100,}…x+ has name0, /);
  assert.match(long, /…[^\n]*use another model\.$/);
  class Other extends UserError {}
  for (const error of [caught(() => fail(names)), new Other(names), caught(() => fail(names, Other))]) {
    assert.ok(error instanceof UserError);
    assert.ok(error.message.length <= 1500);
  }
});

function caught(f: () => never): unknown {
  try {
    return f();
  } catch (error) {
    return error;
  }
}
