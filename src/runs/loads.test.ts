/** How often a run reads files and loads networks: what it is given once, what it has made itself not at all. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { normal } from '../base/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { writeModel } from '../onnx/index.js';
import { draws, perceptron } from './arrays.test.fixture.js';
import { startRun, suitRun } from './index.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-loads-'));
const at = (...names: string[]) => join(root, ...names);
/** Learnt tensors of the model. */
const TENSORS = 6;

/** Files below the root that are opened for reading, in order. */
const reads: string[] = [];

before(async () => {
  const { values, labels } = draws(90, 8, (r, label, i) => normal(r) + Number(i % 3 === label));
  writeFileSync(at('d.npz'), archive({ x: reals([90, 8], values), y: wholes([90], labels) }));
  await writeModel(at('model.onnx'), perceptron());
  const { open, readFile } = fs;
  const note = (path: unknown, flags: unknown = 'r') => {
    if (flags === 'r' && String(path).startsWith(root)) reads.push(relative(root, String(path)));
  };
  mock.method(fs, 'open', (...given: Parameters<typeof open>) => {
    note(given[0], given[1]);
    return open(...given);
  });
  mock.method(fs, 'readFile', (...given: Parameters<typeof readFile>) => {
    note(given[0]);
    return readFile(...given);
  });
  syncBuiltinESMExports();
});

after(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
  rmSync(root, { recursive: true, force: true });
});

/** Completes a recipe and carries it out, as the command does. Gives how often networks were loaded for it. */
async function pruned(name: string, settings: object): Promise<number> {
  const given = { model: at('model.onnx'), threads: 1, batch: 16, ...settings };
  const { recipe, opened } = await suitRun('prune', given, '0');
  const machine = await opened!.machine();
  const { allocate } = machine;
  let held = TENSORS * Number('dataset' in opened!.task);
  mock.method(machine, 'allocate', (bytes: number) => {
    if (new Error().stack?.includes('loadNetwork')) held++;
    return allocate(bytes);
  });
  reads.length = 0;
  await startRun(recipe, at(name), { opened });
  return held / TENSORS;
}

/** What was read but for the lock that says whose the folder is. */
const read = () => reads.filter((path) => !path.endsWith('run.lock'));

test('a run of single weights loads the model once, and its result to check it', async () => {
  const data = `npz:${at('d.npz')}`;
  assert.equal(await pruned('weights', { method: 'gmp', sparsity: 0.5, data, epochs: 2 }), 2);
  assert.deepEqual(read(), []);
});

test('a run of channels reads nothing of what it has written', async () => {
  const data = `npz:${at('d.npz')}`;
  const loads = await pruned('channels', { method: 'l1-filters', macs: 0.5, data, epochs: 2 });
  assert.deepEqual(read(), []);
  // Before; with channels and without, compared; after the cut, repaired, trained, exported; the teacher of the training.
  assert.ok(loads <= 9, `${loads} loads`);
});

test('a run without data reads the model once, and nothing that it has written', async () => {
  reads.length = 0;
  const { opened } = await suitRun('prune', { model: at('model.onnx'), data: 'none', sparsity: 0.5 }, '0');
  await opened!.close();
  // What kind of file it is, and then all of it.
  assert.deepEqual(read(), ['model.onnx', 'model.onnx']);
  assert.equal(await pruned('weights-at-once', { method: 'magnitude', sparsity: 0.5, data: 'none' }), 3);
  assert.deepEqual(read(), []);
  await pruned('channels-at-once', { method: 'l1-filters', macs: 0.5, data: 'none' });
  assert.deepEqual(read(), []);
});
