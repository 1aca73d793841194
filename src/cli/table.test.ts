import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plain } from './style.js';
import { type Column, flowing, left, right, spare, table } from './table.js';

const lines = (columns: readonly Column[], rows: readonly string[][], width?: number): string[] =>
  plain(table(columns, rows, width)).split('\n');

test('columns are as wide as their widest cell, numbers to the right', () => {
  const rows = [
    ['a', '1'],
    ['long name', '100'],
  ];
  assert.deepEqual(lines([left('name'), right('n')], rows), [
    'name         n',
    '─────────  ───',
    'a            1',
    'long name  100',
  ]);
  assert.deepEqual(lines([left(''), left('')], [['a', 'b']]), ['a  b']);
});

test('a column that flows is broken between words where the table would be too wide', () => {
  const rows = [
    ['a', 'one two three four five six seven'],
    ['b', 'short'],
  ];
  const columns = [left('x'), flowing('text')];
  assert.deepEqual(lines(columns, rows, 28).slice(2), [
    'a  one two three four five',
    '   six seven',
    'b  short',
  ]);
  assert.equal(lines(columns, rows, 80).length, 4);
});

test('a table fits every terminal: names are shortened, numbers spared, and at last rows become lists', () => {
  const columns = [left('model'), right('median'), spare('MACs'), spare('bytes')];
  const rows = [['runs/a-long-name/of-a-run/model.onnx', '12.345 ms', '40.55 M', '1.08 MB']];
  assert.equal(lines(columns, rows).length, 3, 'where the width is not known nothing is cut');
  const fits = (width: number) => {
    const text = lines(columns, rows, width);
    for (const line of text) assert.ok(line.length <= Math.max(width, 36), `${width}: ${line}`);
    return text;
  };
  assert.match(fits(60)[2], /^runs\/\S+…\S+onnx\s+12\.345 ms\s+40\.55 M\s+1\.08 MB$/);
  assert.deepEqual(fits(42).slice(-1), ['left out, for want of room: bytes']);
  assert.deepEqual(fits(20), [
    'runs/a-long-name/of-a-run/model.onnx',
    ...['  median 12.345 ms', '  MACs 40.55 M', '  bytes 1.08 MB'],
  ]);
});
