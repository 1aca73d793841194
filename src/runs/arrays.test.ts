/** Data of other kinds than images, brought to a model's inputs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { openMachine } from '../engine/index.js';
import { readModel, writeModel } from '../onnx/index.js';
import { evaluate } from '../train/index.js';
import { convolution, LENGTH, perceptron, sentences, transformer } from './arrays.test.fixture.js';
import { dataNotes } from './data-notes.js';
import { evaluateModel } from './evaluate.js';
import { loadTask, openModel, openTask, type TaskOptions } from './task.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-fit-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string): string => join(root, name);

const COUNT = 20;
const y = wholes(
  [COUNT],
  Array.from({ length: COUNT }, (_, i) => i % 3),
);
const ones = (...shape: number[]) => reals(shape, Array(shape.reduce((size, d) => size * d, 1)).fill(1));
const { y: halves, ...tokens } = sentences(COUNT);

/** Writes an .npz. @returns it as data are called. */
function data(arrays: Record<string, Uint8Array>): string {
  const name = `${Object.values(arrays).reduce((sum, { length }) => sum + length, 0)}-${Object.keys(arrays).join('-')}.npz`;
  writeFileSync(at(name), archive(arrays));
  return `npz:${at(name)}`;
}

before(async () => {
  await writeModel(at('vectors.onnx'), perceptron());
  await writeModel(at('signals.onnx'), convolution());
  await writeModel(at('tokens.onnx'), transformer());
});

const open = (model: string, options: Omit<TaskOptions, 'model'>) =>
  openTask({ model: model.endsWith('.onnx') ? at(model) : model, ...options });

test('every input gets the array of its name, the only one any; open dimensions are those of the arrays', async () => {
  const vectors = await open('vectors.onnx', { data: data({ features: ones(COUNT, 8), y }) });
  assert.deepEqual(vectors.inputShapes, { features: [1, 8] });
  const graph = await readModel(at('tokens.onnx'));
  const inputs = graph.inputs.map((input) => ({ ...input, shape: ['N', 'length'] }));
  const { inputShapes, dataset } = await openTask(
    { model: at('tokens.onnx'), data: data({ y: halves, ...tokens }) },
    { ...graph, inputs },
  );
  assert.deepEqual(Object.entries(inputShapes), [
    ['input_ids', [1, LENGTH]],
    ['attention_mask', [1, LENGTH]],
    ['token_type_ids', [1, LENGTH]],
  ]);
  assert.deepEqual([dataset.train.length, dataset.test!.length], [18, 2]);
});

test('a sample counts the same in a full batch, and beside empty lanes', async () => {
  const task = await open('tokens.onnx', { data: data({ ...tokens, y: halves }) });
  const machine = await openMachine({ threads: 1 });
  try {
    const network = loadTask(task, task.graph, machine);
    const [whole, ...parts] = await Promise.all(
      [18, 16, 5].map((batch) => evaluate(network, task.dataset.train, { batch, normalize: task.dataset })),
    );
    for (const part of parts) {
      assert.equal(part.accuracy, whole.accuracy);
      assert.ok(Math.abs(part.loss - whole.loss) < 1e-9, `${part.loss} is not ${whole.loss}`);
    }
    const gradients = async (batch: number) => {
      const training = network.training({ batch, optimizer: 'sgd' });
      const labels = Int32Array.of(1, 0, 1);
      const inputs = Object.fromEntries(
        task.dataset.train.arrays.map(({ name, at: sample }) => [
          name!,
          Float32Array.from([0, 1, 2].flatMap((n) => [...(sample(n) as { data: Float32Array }).data])),
        ]),
      );
      const { loss } = await training.gradients(inputs, labels, 3, 1);
      return [loss, ...[...training.slots.values()].flatMap(({ gradient }) => [...gradient])];
    };
    assert.deepEqual(await gradients(3), await gradients(40));
  } finally {
    await machine.close();
  }
});

test('what does not fit is said', async () => {
  const vectors = data({ x: ones(COUNT, 8), y });
  const far = Array.from({ length: COUNT * LENGTH }, (_, i) => (i === 30 ? 12 : 1));
  const cases: [string, Omit<TaskOptions, 'model'>, RegExp][] = [
    ['tokens.onnx', { data: 'digits' }, /has 3 inputs \(input_ids, .*give its data as npz:FILE/],
    ['vectors.onnx', { data: 'digits' }, /features is float32 \[N, 8\], but images are .*npz:FILE/],
    ['vectors.onnx', { data: vectors, normalize: '0/1' }, /--normalize is for images, but features /],
    ['vectors.onnx', { data: vectors, size: 8 }, /--size is for images/],
    ['vectors.onnx', { data: data({ x: ones(COUNT, 7), y }) }, /is \[N, 8\] but the samples .* \[N, 7\]/],
    ['resnet8', { data: vectors }, /networks of the zoo are for images, .* are \[N, 8\]/],
    [
      'tokens.onnx',
      { data: vectors },
      /lacks input_ids and attention_mask and token_type_ids; it holds x, y: .* the labels y/,
    ],
    [
      'tokens.onnx',
      { data: data({ ...tokens, input_ids: wholes([COUNT, LENGTH], far), y: halves }) },
      /Sample \d of the \w+ part has 12 in input_ids, but the model has rows 0 to 11/,
    ],
    [
      'tokens.onnx',
      { data: data({ ...tokens, attention_mask: ones(COUNT, LENGTH), y: halves }) },
      /attention_mask in \S+ holds real numbers where the model takes whole ones/,
    ],
    [
      'tokens.onnx',
      { data: data({ ...tokens, token_type_ids: wholes([COUNT, 1], Array(COUNT).fill(0)), y: halves }) },
      /token_type_ids is \[N, 6\] but the samples of \S+ are \[N, 1\]/,
    ],
  ];
  for (const [model, options, message] of cases)
    await assert.rejects(open(model, options), { name: 'UserError', message }, `${model} ${message}`);

  const tall = { model: at('vectors.onnx'), data: data({ x: ones(COUNT, 2, 8), y }) };
  await assert.rejects(evaluateModel(tall), { message: /features of \[8\] but the data have \[2, 8\]/ });

  const four = wholes([COUNT], Array(COUNT).fill(3));
  const task = await open('vectors.onnx', { data: data({ x: ones(COUNT, 8), y: four }) });
  const machine = await openMachine({ threads: 1 });
  try {
    assert.throws(
      () => loadTask(task, task.graph, machine),
      /has 3 outputs .* but the data has 4 classes .*; use a model with 4 outputs\.$/,
    );
  } finally {
    await machine.close();
  }
});

test('samples may lack classes, the last one too, and it is said which', async () => {
  const machine = await openMachine({ threads: 1 });
  const labels = (all: number[]) =>
    wholes(
      [COUNT],
      Array.from({ length: COUNT }, (_, i) => all[i % all.length]),
    );
  try {
    for (const [all, training] of [
      [[0, 1, 2], []],
      [[0, 1], ['Class 2 has no training sample.']],
      [[2], ['2 classes have no training sample: 0, 1.']],
    ] as const) {
      const task = await open('vectors.onnx', { data: data({ x: ones(COUNT, 8), y: labels([...all]) }) });
      assert.deepEqual(dataNotes(task, 'training'), training);
      assert.match(dataNotes(task, 'test').join(), /^(Class \d has|\d classes have) no test sample/);
      const network = loadTask(task, task.graph, machine);
      const { test: split } = task.dataset;
      const { count } = await evaluate(network, split!, { normalize: task.dataset, batch: 4 });
      assert.equal(count, 2);
    }
  } finally {
    await machine.close();
  }
});

test('dimensions of one name are of one size, and that of a first axis counts samples', async () => {
  const graph = await readModel(at('tokens.onnx'));
  const shapes = [
    ['N', 'length'],
    ['length', 'N'],
    ['N', 'length'],
  ];
  const inputs = graph.inputs.map((input, i) => ({ ...input, shape: shapes[i] }));
  const { inputShapes } = await openModel(
    { model: at('tokens.onnx'), inputShape: 'input_ids=1,6' },
    { ...graph, inputs },
  );
  assert.deepEqual(inputShapes, {
    input_ids: [1, 6],
    attention_mask: [6, 1],
    token_type_ids: [1, 6],
  });
});
