/** Several outputs with targets of their own, and losses that a model computes, beside runs that must come to the same. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals } from '../data/npz.test.fixture.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';
import { draws } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { resolveRecipe } from './recipe.js';
import { resumeRun, startRun } from './run.js';
import { suitRecipe } from './suit/suit.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-outputs-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (...names: string[]) => join(root, ...names);
const npz = (name: string) => `npz:${at(`${name}.npz`)}`;

/** Two heads over one trunk: side by side, apart, or compared with an input by the graph itself. */
function twoHeads(ends: 'joined' | 'apart' | 'compared'): Graph {
  const s = sketch();
  const layer = (x: string, name: string, from: number, to: number, output?: string) =>
    s.op('Gemm', [x, s.weight(name, from, to), s.weight(`${name}.bias`, to)], {}, output);
  const trunk = s.op('Relu', [layer(s.input('x', [8]), 'trunk', 8, 24)]);
  const heads = ['left', 'right'].map((name) => layer(trunk, `${name}.weight`, 24, 2, name));
  if (ends === 'apart') return s.finish(...heads);
  const joined = s.op('Concat', heads, { axis: 1 });
  if (ends === 'joined') return s.finish(joined);
  const off = s.op('Sub', [joined, s.input('truth', [4])]);
  return s.finish(s.op('ReduceMean', [s.op('Mul', [off, off])], { axes: [1], keepdims: 0 }, 'cost'));
}

before(async () => {
  for (const ends of ['joined', 'apart', 'compared'] as const)
    await writeModel(at(`${ends}.onnx`), twoHeads(ends));
  const { values, labels } = draws(120, 8, (_, label, i) => Number(i % 3 === label) + i / 10);
  const x = reals([120, 8], values);
  const rows = labels.map((label) => [label / 2, 1 - label, 0.25, label]);
  const y = reals([120, 4], rows.flat());
  const [left, right] = [0, 2].map((from) =>
    reals(
      [120, 2],
      rows.flatMap((row) => row.slice(from, from + 2)),
    ),
  );
  const kinds = reals(
    [120],
    labels.map((label) => Number(label > 0)),
  );
  writeFileSync(at('joined.npz'), archive({ x, y }));
  writeFileSync(at('apart.npz'), archive({ x, left, right }));
  writeFileSync(at('kinds.npz'), archive({ x, left, right: kinds }));
  writeFileSync(at('compared.npz'), archive({ x, truth: y }));
});

const settings = { epochs: 3, batch: 16, threads: 1, optimizer: 'adam', lr: 0.01 };
const recipeFor = (model: string, data: string, learn: string) =>
  resolveRecipe('train', { model: at(`${model}.onnx`), data: npz(data), learn, ...settings }, '0');

async function weightsOf(run: string) {
  const { initializers } = await readModel(at(run, 'model.onnx'));
  const learnt = ['trunk', 'left.weight', 'right.weight'].map((name) => initializers.get(name)!);
  return learnt.flatMap(({ data }) => [...(data as Float32Array)]);
}

const farthest = (a: number[], b: number[]) => Math.max(...a.map((x, i) => Math.abs(x - b[i])));

test('two outputs at half a weight each, and a loss in the graph, train to what one output does', async () => {
  await startRun(recipeFor('joined', 'joined', 'regression'), at('one'));
  const expected = await weightsOf('one');
  const { summary: two } = await startRun(
    recipeFor('apart', 'apart', 'left=regression:0.5 right=regression:0.5'),
    at('two'),
  );
  const { summary: graph } = await startRun(recipeFor('compared', 'compared', 'loss'), at('graph'));
  for (const run of ['two', 'graph']) {
    const off = farthest(await weightsOf(run), expected);
    assert.ok(off < 1e-4, `${run}: ${off}`);
  }
  assert.ok(farthest(await weightsOf('one'), await startWeights()) > 0.01);
  const [weighted, cost] = [two!.metrics!['weighted loss'].after, graph!.metrics!['loss in the graph'].after];
  assert.ok(Math.abs(weighted - cost) < 1e-4 * cost, `${weighted} ${cost}`);
  const learn = 'left=regression:0.5 right=regression:0.5';
  const measured = await evaluateModel({ model: at('two', 'model.onnx'), data: npz('apart'), learn });
  assert.ok(Math.abs(measured.metrics!['weighted loss'] - weighted) < 1e-6);
});

async function startWeights() {
  const { initializers } = await readModel(at('joined.onnx'));
  return ['trunk', 'left.weight', 'right.weight'].flatMap((name) => [
    ...(initializers.get(name)!.data as Float32Array),
  ]);
}

test('a model that computes its loss is trained with the defaults of one that has targets', async () => {
  const settingsFor = async (model: string, learn: string) => {
    const given = { model: at(`${model}.onnx`), data: npz(model), learn, epochs: 3 };
    const { optimizer, lr, warmup, batch } = await suitRecipe('train', given, '0');
    return { optimizer, lr, warmup, batch };
  };
  assert.deepEqual(await settingsFor('compared', 'loss'), await settingsFor('joined', 'regression'));
});

test('an output of classes beside one of numbers is learnt, and resumed to the same bits', async () => {
  const recipe = recipeFor('apart', 'kinds', 'left=huber:1 right=classification:0.5');
  const { summary } = await startRun(recipe, at('kinds'));
  const { metrics } = summary!;
  assert.ok(metrics!['accuracy of positions right'].after > 0.9, JSON.stringify(metrics));
  assert.ok(metrics!['rmse left'].after < metrics!['rmse left'].before! / 2, JSON.stringify(metrics));
  const stop = new AbortController();
  const onEpoch = ({ epoch }: { epoch: number }) => epoch === 1 && stop.abort();
  await startRun(recipe, at('kinds-2'), { signal: stop.signal, onEpoch });
  await resumeRun(at('kinds-2'));
  const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));
  assert.ok(bytes('kinds-2').equals(bytes('kinds')));
});

test('an output or an array that is not there, or a loss of several numbers, is named', async () => {
  const cases: [model: string, data: string, learn: string, sentence: RegExp][] = [
    ['apart', 'apart', 'left=regression middle=regression', /lacks middle, which holds what the model/],
    ['joined', 'apart', 'left=regression', /The model has no output left; it has /],
    ['apart', 'apart', 'left=loss', /The output left is \[2\] for a sample, but a loss is one number/],
    ['apart', 'apart', 'left=distillation', /must be one of classification, .* each output once and none/],
    ['apart', 'apart', 'left=huber:0', /must be one of/],
  ];
  for (const [model, data, learn, message] of cases)
    await assert.rejects(
      async () => startRun(recipeFor(model, data, learn), at('no')),
      { name: 'UserError', message },
      learn,
    );
});
