import assert from 'node:assert/strict';
import { test } from 'node:test';
import { left, right, table } from './table.js';

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
