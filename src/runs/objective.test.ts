/** Models are pruned and trained on samples without labels, and compared with their teacher. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { normal } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals } from '../data/npz.test.fixture.js';
import { floats, floatTensor, intTensor, writeModel } from '../onnx/index.js';
import { draws, perceptron } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { isStructured, resolveRecipe } from './recipe.js';
import { resumeRun, startRun } from './run.js';
import { measureSensitivity } from './sensitivity.js';
import { suitRecipe } from './suit/suit.js';
import type { MetricsLine } from './summary.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-unlabelled-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (...names: string[]) => join(root, ...names);
const data = `npz:${at('inputs.npz')}`;
const model = at('model.onnx');

before(async () => {
  await writeModel(model, perceptron());
  const { values } = draws(120, 8, (_, label, i) => Number(i % 3 === label));
  writeFileSync(at('inputs.npz'), archive({ x: reals([120, 8], values) }));
});

const recipeFor = (settings: object) =>
  resolveRecipe('prune', { model, data, epochs: 4, batch: 16, threads: 1, ...settings }, '0');

const adam = { optimizer: 'adam', lr: 0.01 };

for (const settings of [
  { method: 'l1-filters', macs: 0.6, ...adam },
  { method: 'gmp', sparsity: 0.6, ...adam },
])
  test(`${settings.method}: a run without labels learns from its own model, and resumes to the same bits`, async () => {
    const { method } = settings;
    const recipe = recipeFor(settings);
    const notes: string[] = [];
    const { summary } = await startRun(recipe, at(method), { onNote: (note) => notes.push(note) });
    assert.match(
      notes[0],
      /^The samples have no labels: the model learns the outputs of the model before the run: /,
    );
    assert.equal(summary!.accuracy, undefined);
    assert.equal(summary!.objective!.name, 'distillation');
    const { before: was, after: is } = summary!.metrics!.error;
    assert.equal(was, 0);
    assert.ok(is > 0 && is < 1, `${is}`);
    const lines = readFileSync(at(method, 'metrics.jsonl'), 'utf8').trim().split('\n');
    const epochs = lines
      .map((line): MetricsLine => JSON.parse(line))
      .flatMap((line) => (line.kind === 'epoch' ? [line] : []));
    assert.equal(epochs.length, 4);
    const { stages } = summary!.channels ?? { stages: [] };
    const trained = stages.findLast(({ what }) => what === 'trained')?.metrics?.error ?? is;
    assert.equal(epochs[3].test!.metrics!.error, trained);
    if (isStructured(recipe)) {
      const [cut, end] = [stages[0], stages[stages.length - 1]];
      assert.ok(end.metrics!.error < cut.metrics!.error, JSON.stringify(stages));
    }
    const stop = new AbortController();
    const onEpoch = ({ epoch }: { epoch: number }) => epoch === 2 && stop.abort();
    const stopped = await startRun(recipe, at(`${method}-2`), { signal: stop.signal, onEpoch });
    assert.equal(stopped.summary, undefined);
    await resumeRun(at(`${method}-2`));
    const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));
    assert.ok(bytes(`${method}-2`).equals(bytes(method)));
    const measured = await evaluateModel({ model: at(method, 'model.onnx'), data, teacher: model });
    assert.ok(Math.abs(measured.metrics!.error - is) < 1e-6, `${measured.metrics!.error} ${is}`);
  });

test('a training that makes the answers worse is taken back', async () => {
  const notes: string[] = [];
  const settings = { method: 'l1-filters', macs: 0.6, optimizer: 'sgd', lr: 0.5, warmup: 0, epochs: 1 };
  const { summary } = await startRun(recipeFor(settings), at('worse'), {
    onNote: (note) => notes.push(note),
  });
  assert.ok(
    notes.some((note) =>
      /^Training took the error on samples that are not for testing from .* is kept/.test(note),
    ),
    notes.join('\n'),
  );
  const { stages } = summary!.channels!;
  const [rebuilt, trained, kept] = stages.slice(-3);
  assert.deepEqual([rebuilt.what, trained.what, kept.what], ['reconstructed', 'trained', 'kept']);
  assert.equal(summary!.metrics!.error.after, rebuilt.metrics!.error);
});

test('a reconstruction that makes the answers worse is taken back', async () => {
  // One sample says of a shift what is missing in it; in the opposite one, of a nearly linear network, the opposite is.
  const s = sketch();
  const layer = (x: string, name: string, from: number, to: number) =>
    s.op('Gemm', [x, s.weight(name, from, to), s.weight(`${name}.bias`, to)]);
  const h = s.op('LeakyRelu', [layer(s.input('x', [8]), 'first', 8, 12)], { alpha: 0.99 });
  await writeModel(at('linear.onnx'), s.finish(layer(h, 'second', 12, 3)));
  const { values } = draws(30, 8, (r) => normal(r));
  writeFileSync(at('pairs.npz'), archive({ x: reals([60, 8], [...values, ...values.map((x) => -x)]) }));
  const notes: string[] = [];
  const pairs = { model: at('linear.onnx'), data: `npz:${at('pairs.npz')}` };
  const settings = { ...pairs, method: 'l1-filters', macs: 0.6, epochs: 0, calibrate: 1 };
  const { summary } = await startRun(recipeFor(settings), at('harmed'), {
    onNote: (note) => notes.push(note),
  });
  assert.ok(
    notes.some((note) =>
      /^Solving for the weights took the error on samples that are not for testing from .* % to .* %, so they stay as they were/.test(
        note,
      ),
    ),
  );
  const { stages } = summary!.channels!;
  assert.deepEqual(
    stages.map(({ what }) => what),
    ['pruned', 'reconstructed', 'kept'],
  );
  assert.equal(summary!.metrics!.error.after, stages[0].metrics!.error);
});

test('inner values are learnt where outputs hardly differ, or by name', async () => {
  const graph = perceptron();
  const [{ name }] = graph.outputs;
  const last = graph.nodes.find(({ outputs }) => outputs.includes(name))!;
  const weight = graph.initializers.get(last.inputs[1])!;
  graph.initializers.set(
    last.inputs[1],
    floatTensor(
      weight.shape,
      floats(weight).map((w) => w / 1000),
    ),
  );
  graph.nodes.push({ ...last, name: 'end', op: 'Sigmoid', inputs: [name], outputs: ['end'], attributes: {} });
  graph.outputs = [{ name: 'end', dtype: 'float32', shape: undefined }];
  await writeModel(at('still.onnx'), graph);
  const settings = { model: at('still.onnx'), method: 'gmp', sparsity: 0.6, ...adam, epochs: 1 };
  const notesOf = async (more: object, out: string) => {
    const notes: string[] = [];
    await startRun(recipeFor({ ...settings, ...more }), at(out), { onNote: (note) => notes.push(note) });
    return notes.join('\n');
  };
  const slowly = /hardly differ from sample to sample, .* learns \d+ inner values as well/;
  assert.match(await notesOf({}, 'still'), slowly);
  assert.doesNotMatch(await notesOf({ match: ['none'] }, 'still-2'), slowly);
  const kept = /answers each of the 120 samples once, in about \d+ s, and its answers take .* MB of memory/;
  assert.match(await notesOf({ epochs: 2 }, 'still-3'), kept);
});

test('a model without an axis for samples learns run by run', async () => {
  const graph = perceptron();
  const [{ name }] = graph.outputs;
  graph.inputs[0].shape = [8];
  graph.initializers.set('first axis', intTensor([1], [0]));
  const view = (op: string, input: string, output: string) => ({
    ...{ name: output, op, domain: '', inputs: [input, 'first axis'], outputs: [output], attributes: {} },
  });
  for (const { inputs } of graph.nodes)
    for (const [i, input] of inputs.entries()) if (input === graph.inputs[0].name) inputs[i] = 'row';
  graph.nodes.unshift(view('Unsqueeze', graph.inputs[0].name, 'row'));
  graph.nodes.push(view('Squeeze', name, 'numbers'));
  graph.outputs = [{ name: 'numbers', dtype: 'float32', shape: [3] }];
  await writeModel(at('whole.onnx'), graph);
  const ends = await Promise.all(
    [model, at('whole.onnx')].map(async (file, k) => {
      const recipe = recipeFor({ model: file, method: 'gmp', sparsity: 0.6, ...adam, epochs: 2 });
      return (await startRun(recipe, at(`whole-${k}`))).summary!.metrics!.error.after;
    }),
  );
  assert.ok(Math.abs(ends[0] - ends[1]) < 1e-3, `${ends}`);
});

test('random samples do where there are no others, and are the same when a run is resumed', async () => {
  const recipe = recipeFor({ data: 'random', method: 'gmp', sparsity: 0.6, ...adam });
  const { summary } = await startRun(recipe, at('random'));
  const { error } = summary!.metrics!;
  assert.ok(error.before === 0 && error.after > 0 && error.after < 1, JSON.stringify(error));
  const stop = new AbortController();
  const onEpoch = ({ epoch }: { epoch: number }) => epoch === 2 && stop.abort();
  await startRun(recipe, at('random-2'), { signal: stop.signal, onEpoch });
  await resumeRun(at('random-2'));
  const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));
  assert.ok(bytes('random-2').equals(bytes('random')));
  const measured = await evaluateModel({ model: at('random', 'model.onnx'), data: 'random', teacher: model });
  assert.ok(Math.abs(measured.metrics!.error - error.after) < 1e-6);
  await assert.rejects(evaluateModel({ model: 'resnet8', data: 'random' }), {
    message: /^--data random distils a model that is already trained/,
  });
});

test('methods that score by gradients find some, and choices go by the metric', async () => {
  for (const settings of [
    { method: 'snip', sparsity: 0.5 },
    { method: 'taylor', macs: 0.7 },
    { method: 'l1-filters', macs: 0.7, allocate: 'sensitivity' },
  ]) {
    const { method } = settings;
    const { summary } = await startRun(recipeFor({ ...settings, ...adam, epochs: 1 }), at(`${method}-1`));
    assert.ok(Number.isFinite(summary!.metrics!.error.after));
  }
  const { metric, whole, rows } = await measureSensitivity({ model, data, densities: [0.5] });
  assert.equal(metric.better, 'lower');
  assert.equal(whole, 0);
  assert.ok(rows.length > 0 && rows.every(({ value }) => value > 0), JSON.stringify(rows));
});

test('defaults suit what is learnt', async () => {
  const given = { model, data, method: 'gmp', sparsity: 0.5, epochs: 2 };
  const { optimizer, lr, teacher } = await suitRecipe('prune', given, '0');
  assert.deepEqual([optimizer, lr, teacher], ['adam', 0.001, undefined]);
});

test('without labels and without a teacher there is a sentence', async () => {
  const sentence =
    /^The samples have no labels, so there is nothing to compare answers with: give --teacher /;
  const is = { name: 'UserError', message: sentence };
  await assert.rejects(evaluateModel({ model, data }), is);
  await assert.rejects(startRun(resolveRecipe('train', { model, data }, '0'), at('t')), is);
});

test('numbers are learnt from y, resumed to the same bits, and measured again', async () => {
  const { values, labels } = draws(120, 8, (_, label, i) => Number(i % 3 === label) + i / 10);
  const y = labels.flatMap((label) => [label / 2, 1 - label, 0.25]);
  writeFileSync(at('numbers.npz'), archive({ x: reals([120, 8], values), y: reals([120, 3], y) }));
  const recipe = resolveRecipe(
    'train',
    {
      model,
      data: `npz:${at('numbers.npz')}`,
      learn: 'regression',
      epochs: 4,
      batch: 16,
      threads: 1,
      ...adam,
    },
    '0',
  );
  const { summary } = await startRun(recipe, at('numbers'));
  assert.deepEqual(Object.keys(summary!.metrics!), ['rmse', 'mae', 'r2']);
  const { before: was, after: is } = summary!.metrics!.rmse;
  assert.ok(is < was! / 2, `${was} ${is}`);
  const stop = new AbortController();
  const onEpoch = ({ epoch }: { epoch: number }) => epoch === 2 && stop.abort();
  await startRun(recipe, at('numbers-2'), { signal: stop.signal, onEpoch });
  await resumeRun(at('numbers-2'));
  const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));
  assert.ok(bytes('numbers-2').equals(bytes('numbers')));
  const again = { model: at('numbers', 'model.onnx'), data: recipe.data, learn: 'regression' as const };
  assert.ok(Math.abs((await evaluateModel(again)).metrics!.rmse - is) < 1e-6);
});

test('targets that are missing or wild are named', async () => {
  const x = reals([4, 8], new Float32Array(32));
  const cases: [Record<string, Uint8Array>, RegExp][] = [
    [{ x }, /lacks y, which holds what the model should answer; add it, sample first/],
    [{ x, y: reals([3, 3], new Float32Array(9)) }, /has 4 samples but 3 in y; there must be as many/],
    [{ x, y: reals([4, 1], [0, 1, Number.NaN, 0]) }, /y in .* holds NaN; targets are finite numbers/],
  ];
  for (const [arrays, message] of cases) {
    writeFileSync(at('bad.npz'), archive(arrays));
    const given = { model, data: `npz:${at('bad.npz')}`, learn: 'regression' as const };
    await assert.rejects(evaluateModel(given), { name: 'UserError', message });
  }
  const digits = { model, data: 'digits', learn: 'dense' as const };
  await assert.rejects(evaluateModel(digits), { name: 'UserError' });
});
