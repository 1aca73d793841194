/** Which engine computes, as a person says it: by a flag or a variable, for a run that goes on elsewhere, and for a study. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { settingsOf } from '../runs/index.js';
import { killedAt, type Outcome, shell } from './shell.test.fixture.js';

const { at, espalier, alone } = shell('engine');
const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));
const task = '--width 0.25 --data digits --batch 128 --epochs 4';

const refused = ({ status, out, err }: Outcome, sentence: string) =>
  assert.deepEqual([status, out, err], [1, '', `espalier: ${sentence}\n`]);

/** Runs a command in a process that has these variables. */
async function having(variables: Record<string, string>, line: string): Promise<Outcome> {
  const before = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  Object.assign(process.env, variables);
  const outcome = alone(line);
  for (const [name, value] of Object.entries(before))
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  return outcome;
}

test('whatever has threads has an engine', () => {
  for (const [command, settings] of Object.entries(settingsOf))
    assert.equal('engine' in settings, 'threads' in settings, command);
});

test('an engine that does not exist, or is not to be had, is refused with what to do', async () => {
  const model = 'resnet8 --width 0.25';
  const missing =
    'The webgpu engine cannot be used: the package webgpu is not installed (npm install webgpu)';
  const without = { ESPALIER_WEBGPU: 'no-such-package' };
  refused(
    await espalier(`explain ${model} --engine gpu`),
    'The setting engine must be one of native, wasm, webgpu, but it is "gpu".',
  );
  refused(
    await having({ ESPALIER_ENGINE: 'gpu' }, `explain ${model}`),
    'ESPALIER_ENGINE is "gpu", but must be native, wasm or webgpu: correct it.',
  );
  refused(
    await having(without, `profile ${model} --engine webgpu`),
    `${missing}; use --engine native instead.`,
  );
  refused(
    await having({ ...without, ESPALIER_ENGINE: 'webgpu' }, `profile ${model}`),
    `${missing}; use ESPALIER_ENGINE=native instead.`,
  );
});

test('explain says what a GPU would do, without one', async () => {
  const { status, out, err } = await espalier(
    'explain resnet8 --width 0.25 --train --batch 16 --engine webgpu',
  );
  assert.equal(status, 0, err);
  assert.match(out, /^A train step of 16 samples on espalier \(webgpu\)\.$/m);
  assert.match(
    out,
    /^On a GPU: \d+ dispatches for forward and backward, with 16 samples at a time, and 1 for the update .* an H100 needs [\d.]+ ms/m,
  );
});

test('a run that goes on on another engine says so, then and in the end', async (t) => {
  const native = await espalier('explain resnet8 --width 0.25 --engine native --json');
  if (native.status !== 0) return t.skip(native.err.trim());
  const killed = await espalier(`train resnet8 ${task} --engine wasm --out mixed`, killedAt(/^epoch 2 /m));
  assert.match(killed.err, /^Training on wasm, /m);
  assert.equal(json('mixed', 'recipe.json').engine, 'wasm');
  const resumed = await espalier('resume mixed --engine native');
  assert.equal(resumed.status, 0, resumed.err);
  assert.match(
    resumed.err,
    /^This run began on wasm, [\w-]+ and continues on native, [\w-]+: its numbers will differ in their last bits/m,
  );
  assert.match(resumed.err, /^Training on native, /m);
  const { engine, engines } = json('mixed', 'summary.json');
  assert.match(engine, /^native, /);
  assert.deepEqual(
    engines.map((name: string) => name.split(',')[0]),
    ['wasm', 'native'],
  );
  assert.match(
    readFileSync(at('mixed', 'report.html'), 'utf8'),
    /The run was computed on wasm, [\w-]+, then on native, [\w-]+: its numbers differ/,
  );
});

test('a run that goes on where it was, or that had come to nothing yet, says nothing of that', async () => {
  const line = `train resnet8 ${task}`;
  const killed = await espalier(`${line} --engine wasm --out same`, killedAt(/^epoch 1 /m));
  assert.equal(killed.status, null);
  const same = await espalier('resume same');
  assert.equal(same.status, 0, same.err);
  assert.match(same.err, /^Training on wasm, /m);
  assert.doesNotMatch(same.err, /This run began/);
  assert.equal(json('same', 'summary.json').engines, undefined);

  const early = await espalier(`${line} --engine wasm --out early`, killedAt(/^Training on/m));
  assert.equal(early.status, null);
  writeFileSync(at('early', 'checkpoint', 'engines.json'), '["native, AVX-512"]');
  const fresh = await espalier('resume early');
  assert.equal(fresh.status, 0, fresh.err);
  assert.doesNotMatch(fresh.err, /This run began/);
});

test('a study is told what computes its runs, which is not for its recipe', async () => {
  const study = (more: string) =>
    `title: Engines\nrecipe: { model: resnet8, width: 0.25, data: digits, batch: 128, epochs: 1${more} }\nvary: { lr: [0.1] }\nseeds: [1]\n`;
  writeFileSync(at('named.yaml'), study(', engine: wasm'));
  writeFileSync(at('study.yaml'), study(''));
  refused(
    await espalier('study named.yaml --out named'),
    'The study named.yaml fixes engine, which does not belong in its recipe: give --engine.',
  );
  refused(
    await espalier('study study.yaml --out s --queue redis://localhost --engine wasm'),
    'With --queue the workers say what computes: give --engine to espalier worker.',
  );
  const done = await espalier('study study.yaml --out s --engine wasm');
  assert.equal(done.status, 0, done.err);
  assert.match(json('s', '0.1', 'seed-1', 'summary.json').engine, /^wasm, /);
});
