import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClassSummary } from '../runs/index.js';
import { classTables } from './classes.js';
import { stepsFor } from './next.js';
import { channels, summary } from './report.test.fixture.js';
import { tiles } from './tiles.js';

const said = (given: Parameters<typeof stepsFor>[0]): string =>
  stepsFor(given)
    .map(({ text, command = '' }) => `${text} ${command}`)
    .join('\n');

const classes: ClassSummary[] = [
  { name: 'ant', samples: 50, accuracy: { before: 0.9, after: 0.88 } },
  { name: '<bee>', samples: 50, accuracy: { before: 0.9, after: 0.6 } },
];

test('what to do next depends on what was done', () => {
  assert.match(said(summary), /espalier pack model\.onnx/);
  const shrunk = { ...summary, channels, sparsity: { before: 0, after: 0 } };
  assert.doesNotMatch(said(shrunk), /pack/);
  assert.match(said(shrunk), /espalier bench checkpoint\/start\.onnx model\.onnx/);
  assert.match(said({ ...summary, accuracy: undefined }), /images:PHOTOS/);
  assert.match(said({ ...summary, accuracy: { before: 0.9, after: 0.3 } }), /Do not use this model yet/);
  assert.match(
    said({ ...summary, command: 'train', method: undefined }),
    /espalier slim model\.onnx --data digits/,
  );
});

test('a class that lost more than the rest is named, and comes first', () => {
  assert.match(
    said({ ...summary, classes }),
    /The class <bee> lost more than the others: from 90\.0 % to 60\.0 %/,
  );
  assert.doesNotMatch(said({ ...summary, classes: [classes[0], classes[0]] }), /lost more/);
  const tables = classTables({ ...summary, classes });
  assert.ok(tables.indexOf('&lt;bee&gt;') < tables.indexOf('ant'));
  assert.equal(classTables(summary), '');
  const many = Array.from({ length: 20 }, (_, i) => ({ ...classes[0], name: `class ${i}` }));
  assert.match(classTables({ ...summary, classes: many }), /8 more classes/);
});

test('tiles show what a reader looks for first, and what it was', () => {
  const shown = tiles(summary);
  for (const text of ['87.50 %', 'was 90.00 %', 'File, gzipped', 'was 450 B'])
    assert.ok(shown.includes(text), text);
  assert.match(tiles({ ...summary, latency: { before: 2, after: 1 } }), /1\.00 ms/);
});
