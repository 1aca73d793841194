import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flowing, left, right, table } from './table.js';

test('columns are as wide as their widest cell, numbers to the right', () => {
  const text = table(
    [left('name'), right('n')],
    [
      ['a', '1'],
      ['long name', '100'],
    ],
  );
  assert.equal(text, ['name         n', '─────────  ───', 'a            1', 'long name  100'].join('\n'));
  assert.equal(table([left(''), left('')], [['a', 'b']]), 'a  b');
});

test('a column that flows is broken between words where the table would be too wide', () => {
  const rows = [
    ['a', 'one two three four five six seven'],
    ['b', 'short'],
  ];
  const columns = [left('x'), flowing('text')];
  const lines = table(columns, rows, 28).split('\n');
  assert.deepEqual(lines.slice(2), ['a  one two three four five', '   six seven', 'b  short']);
  assert.equal(table(columns, rows, 80).split('\n').length, 4);
});
