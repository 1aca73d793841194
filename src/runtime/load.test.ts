import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../base/index.js';
import { openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { serializeModel, writeModel } from '../onnx/index.js';
import { load } from './index.js';
import { modelOf } from './model.js';
import { pack } from './pack.js';

const graph = buildNetwork('lenet5', { shape: [1, 28, 28], classes: 10, seed: 1 });
const image = Float32Array.from({ length: 784 }, (_, i) => Math.sin(i));

test('bytes, a path and an address give the same model', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-runtime-'));
  const path = join(folder, 'lenet5.onnx');
  await writeModel(path, graph);
  const bytes = serializeModel(graph);
  const packed = await pack(graph);
  await writeFile(join(folder, 'lenet5.espk'), packed);
  const sources = [
    bytes,
    path,
    new URL(`file://${path}`),
    packed,
    join(folder, 'lenet5.espk'),
    `data:;base64,${Buffer.from(bytes).toString('base64')}`,
  ];
  const answers = [];
  for (const source of sources) {
    const model = await load(source, { threads: 1 });
    assert.deepEqual([...model.inputs], [['input', [1, 1, 28, 28]]]);
    assert.deepEqual([...model.outputs], [['logits', [1, 10]]]);
    answers.push(await model.run({ input: image }));
    await model.close();
  }
  assert.ok(answers[0].logits.some((x) => x !== 0));
  for (const answer of answers) assert.deepEqual(answer, answers[0]);
  await rm(folder, { recursive: true });
});

test('threads change no bit, and runs may overlap', async () => {
  const resnet = buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 1 });
  const x = Float32Array.from({ length: 3072 }, (_, i) => Math.sin(i));
  const other = x.map((v) => -v);
  const machines = await Promise.all([1, 2].map((threads) => openMachine({ threads })));
  const [one, two] = machines.map((machine) => modelOf(resnet, { machine }, 0));
  const expected = [await one.run({ input: x }), await one.run({ input: other })];
  assert.notDeepEqual(expected[0], expected[1]);
  assert.deepEqual(await Promise.all([two.run({ input: x }), two.run({ input: other })]), expected);
  for (const machine of machines) await machine.close();
});

test('what does not fit is refused in a sentence', async () => {
  const model = await load(serializeModel(graph), { threads: 1 });
  await assert.rejects(model.run({}), /The input 'input' is missing/);
  await assert.rejects(
    model.run({ input: new Float32Array(3) }),
    /has 3 numbers, but its shape \[1, 1, 28, 28\] needs 784/,
  );
  await model.close();
  await assert.rejects(load(new Uint8Array([1, 2, 3])), UserError);
  await assert.rejects(load('/nowhere/model.onnx'), /Cannot read/);
  await assert.rejects(load('data:text/plain,hello'), UserError);
});
