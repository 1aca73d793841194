/** Learning from a teacher through the trainer. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDataset } from '../data/index.js';
import { loadNetwork, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import type { Graph } from '../onnx/index.js';
import { readCheckpoint } from './checkpoint.js';
import { trainDigits } from './digits.test.fixture.js';
import { fingerprint } from './distil.js';
import { evaluate } from './evaluate.js';
import type { RunState } from './state.js';
import { withWeights } from './weights.js';

const shape = [1, 8, 8] as [number, number, number];
const wide = (): Graph => buildNetwork('resnet8', { shape, classes: 10, seed: 1, width: 0.5 });
const narrow = (): Graph => buildNetwork('resnet8', { shape, classes: 10, seed: 2, width: 0.25 });

let learnt: Promise<Graph> | undefined;

/** The digits, learnt well enough to be taught. */
function teacherGraph(): Promise<Graph> {
  learnt ??= trainDigits({ hooks: [], epochs: 4 }).then(({ weights }) => withWeights(wide(), weights));
  return learnt;
}

/** Digits whose training images have lost their labels. */
async function unlabelled() {
  const digits = await openDataset('digits');
  const labels = new Int32Array(digits.train.length).fill(-1);
  return { ...digits, train: { ...digits.train, labels } };
}

test('a network learns the digits from another that knows them, without labels', async () => {
  const graph = await teacherGraph();
  const data = await unlabelled();
  const machine = await openMachine();
  const teacher = { graph, temperature: 2, weight: 1 };
  const { epochs } = await trainDigits({
    data,
    epochs: 3,
    hooks: [],
    teacher,
    network: loadNetwork(narrow(), { machine }),
  });
  const known = loadNetwork(graph, { machine });
  const { accuracy } = await evaluate(known, data.test!, { normalize: data });
  assert.ok(accuracy! > 0.9 && epochs[2].test!.accuracy! > 0.8, `${accuracy}, ${epochs[2].test!.accuracy}`);
  assert.equal(epochs[2].accuracy, 0, 'nothing was right that has no answer');
  await machine.close();
});

test('images without labels cannot be learnt by their labels', async () => {
  const data = await unlabelled();
  const message = /Sample 0 to train on has no label; .* teacher alone \(weight 1\)/;
  await assert.rejects(trainDigits({ data }), { name: 'UserError', message });
  const teacher = { graph: wide(), temperature: 2, weight: 0.5 };
  await assert.rejects(trainDigits({ data, teacher }), { name: 'UserError', message });
});

test('settings of a teacher that make no sense are refused', async () => {
  const refused = (temperature: number, weight: number, message: RegExp) =>
    assert.rejects(trainDigits({ teacher: { graph: wide(), temperature, weight } }), {
      name: 'UserError',
      message,
    });
  await refused(0, 0.5, /temperature of the teacher must be a number above 0, not 0/);
  await refused(1, 1.5, /weight of the teacher must be a number from 0 to 1, not 1.5/);
});

test('a run with a teacher resumes to the same bits, with the same teacher only', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-distil-'));
  const path = join(folder, 'checkpoint');
  const teacher = { graph: wide(), temperature: 4, weight: 0.9 };
  const whole = await trainDigits({ teacher, epochs: 1 });
  const stop = new AbortController();
  const stopped = await trainDigits({
    ...{ teacher, epochs: 1, checkpoint: { path }, signal: stop.signal },
    onStep: ({ step }) => step === 7 && stop.abort(),
  });
  assert.equal(stopped.finished, false);
  const saved = await readCheckpoint<RunState>(path);
  const names = [...saved!.arrays.keys()].filter((name) => name.startsWith('weight/'));
  assert.equal(new Set(names).size, names.length);
  assert.equal(
    names.length,
    [...(await trainDigits({ epochs: 1 })).weights.keys()].filter((n) => !n.includes('running')).length,
    'the teacher is not in it',
  );
  const checkpoint = { path, resume: true };
  const others = [undefined, { ...teacher, temperature: 3 }, { ...teacher, graph: narrow() }];
  for (const other of others)
    await assert.rejects(trainDigits({ teacher: other, epochs: 1, checkpoint }), /is of a run with teacher/);
  const resumed = await trainDigits({ teacher, epochs: 1, checkpoint });
  assert.deepEqual(resumed.weights, whole.weights);
  await rm(folder, { recursive: true });
});

test('a fingerprint tells teachers apart', () => {
  const of = (graph: Graph) => fingerprint({ graph, temperature: 1, weight: 1 }).digest;
  const other = wide();
  const [[name, tensor]] = other.initializers;
  const data = (tensor.data as Float32Array).slice();
  data[0] += 1e-3;
  other.initializers.set(name, { ...tensor, data });
  assert.equal(of(wide()), of(wide()));
  assert.notEqual(of(wide()), of(other));
});
