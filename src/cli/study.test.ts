/** Studies as a person carries them out: started, killed, started again, with a cell that cannot be. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { shell } from './shell.test.fixture.js';

const { at, espalier } = shell('study');

writeFileSync(
  at('study.yaml'),
  `
title: A test
recipe: { model: resnet8, width: 0.25, data: digits, batch: 128, lr: 0.2, epochs: 2 }
vary:
  setting:
    gmp: { method: gmp }
    fggp: { method: fggp }
    tight: { method: fggp, selectRatio: 0.001 }
  sparsity: [0.8]
seeds: [1, 2]
baseline: gmp
`,
);

test('a study that is killed goes on, and one cell that fails does not stop it', async () => {
  const killed = await espalier('study study.yaml --out s --jobs 2', (child, err) => {
    if (/^\d\/6 (gmp|fggp) 0\.8 seed 1 · \d/m.test(err)) child.kill('SIGKILL');
  });
  assert.equal(killed.status, null, killed.err);
  const first = ['gmp', 'fggp'].find((name) => existsSync(at('s', name, '0.8', 'seed-1', 'summary.json')));
  assert.ok(first, 'one run had finished');
  const model = at('s', first, '0.8', 'seed-1', 'model.onnx');
  const { mtimeMs } = statSync(model);

  const done = await espalier('study study.yaml --out s --jobs 2 --json');
  assert.equal(done.status, 0, done.err);
  assert.match(done.err, /^\d of 6 runs are there already\.$/m);
  assert.equal(statSync(model).mtimeMs, mtimeMs, 'a finished run is kept');
  const result = JSON.parse(done.out);
  assert.deepEqual([result.planned, result.finished, result.failures.length], [6, 4, 2]);
  assert.match(result.failures[0].failed, /use a selectRatio of at least/);
  assert.deepEqual(
    result.cells.map((cell: { accuracy: { n: number }; difference?: { n: number } }) => [
      cell.accuracy.n,
      cell.difference?.n,
    ]),
    [
      [2, undefined],
      [2, 2],
    ],
  );
  assert.deepEqual(JSON.parse(readFileSync(at('s', 'study.json'), 'utf8')), result);
  assert.match(
    readFileSync(at('s', 'study.md'), 'utf8'),
    /^\| fggp \| 0\.8 \| \d\d\.\d\d ± \d+\.\d\d \| [+−]?\d/m,
  );
  assert.match(readFileSync(at('s', 'study.html'), 'utf8'), /Results[\s\S]*<svg/);
  const lines = readFileSync(at('s', 'study.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(lines.length, 7);
  assert.equal(lines[1].accuracy.length, 2);

  const table = await espalier('study study.yaml --out s --table');
  assert.equal(table.status, 0, table.err);
  assert.match(table.out, /^fggp +0\.8 +\d/m);
  assert.match(table.out, /^Failed: tight 0\.8, seed 1: .*selectRatio/m);

  const whole =
    'prune resnet8 --width 0.25 --data digits --batch 128 --lr 0.2 --epochs 2 --sparsity 0.8 --seed 1';
  const alone = await espalier(`${whole} --method fggp --out alone`);
  assert.equal(alone.status, 0, alone.err);
  assert.ok(
    readFileSync(at('alone', 'model.onnx')).equals(
      readFileSync(at('s', 'fggp', '0.8', 'seed-1', 'model.onnx')),
    ),
    'a run of a study is a run like any other, resumed or not',
  );
});

test('Ctrl-C stops the runs and says so; a folder in use is refused', async () => {
  let refused: Promise<{ status: number | null; err: string }> | undefined;
  const stopped = await espalier('study study.yaml --out t --threads 1', (child, err) => {
    if (refused || !/^1\/6/m.test(err)) return;
    refused = espalier('study study.yaml --out t');
    refused.then(() => child.kill('SIGINT'));
  });
  assert.equal(stopped.status, 130, stopped.err);
  assert.match(stopped.err, /Stopped; the same command goes on\.\n$/);
  const { status, err } = await refused!;
  assert.equal(status, 1);
  assert.match(err, /^espalier: Process \d+ is working on the study in t;/);
});

test('a study called wrongly ends with 1', async () => {
  for (const [line, message] of [
    ['study', /The study is missing/],
    ['study study.yaml', /The folder of the study is missing: give --out/],
    ['study study.yaml --out t --jobs none', /jobs must be a whole number/],
  ] as const) {
    const { status, err } = await espalier(line);
    assert.equal(status, 1, err);
    assert.match(err, message);
  }
});
