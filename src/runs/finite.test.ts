/** Weights that are no numbers, at every door. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { normal } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { floats, type Graph, writeModel } from '../onnx/index.js';
import { draws, perceptron } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { refuseNotFinite } from './finite.js';
import { inspectModel } from './inspect.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';
import { measureSensitivity } from './sensitivity.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-finite-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);

/** The graph with some elements of a tensor changed. */
function withValues(graph: Graph, name: string, values: Record<number, number>): Graph {
  const tensor = graph.initializers.get(name)!;
  const data = Float32Array.from(floats(tensor), (x, i) => values[i] ?? x);
  return { ...graph, initializers: new Map(graph.initializers).set(name, { ...tensor, data }) };
}

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number;
const data = `npz:${at('d.npz')}`;
const model = at('m.onnx');

before(() => {
  const { values, labels } = draws(60, 8, (r, label, i) => 0.6 * normal(r) + Number(i % 3 === label));
  writeFileSync(at('d.npz'), archive({ x: reals([60, 8], values), y: wholes([60], labels) }));
});

const sentence = (value: string) =>
  new RegExp(
    `^UserError: The weight 'second' of Gemm '\\S+' holds ${value} at \\[1, 4\\] and in 1 more places, which is not a finite number; repair the model or export it again\\.$`,
  );

test('every command that computes with weights says where one is not finite', async () => {
  for (const value of [nan, infinity, -infinity]) {
    await writeModel(model, withValues(perceptron(), 'second', { 20: value, 100: nan }));
    const said = sentence(String(value));
    const start = (command: 'train' | 'prune', settings: object) =>
      startRun(resolveRecipe(command, { model, threads: 1, ...settings }, '0'), at('run'));
    await assert.rejects(start('train', { data }), said);
    for (const on of [data, 'none']) {
      await assert.rejects(start('prune', { data: on, method: 'magnitude', sparsity: 0.5 }), said);
      await assert.rejects(start('prune', { data: on, method: 'l1-filters', macs: 0.5 }), said);
    }
    await assert.rejects(evaluateModel({ model, data, threads: 1 }), said);
    await assert.rejects(measureSensitivity({ model, data, threads: 1 }), said);
    const { notFinite } = await inspectModel({ model });
    assert.match(notFinite.join(), new RegExp(`^The weight 'second' .* holds ${value} at \\[1, 4\\]`));
    assert.ok(!existsSync(at('run')));
  }
});

test('a model whose numbers grow beyond all bounds has no loss, and that is said', async () => {
  const graph = perceptron();
  const huge = new Map(
    [...graph.initializers].map(([name, tensor]) => [
      name,
      { ...tensor, data: Float32Array.from(floats(tensor), (x) => 1e20 * x) },
    ]),
  );
  await writeModel(at('huge.onnx'), { ...graph, initializers: huge });
  const { notes, notFinite, count } = await evaluateModel({ model: at('huge.onnx'), data, threads: 1 });
  assert.ok(notFinite! > 0);
  assert.match(
    notes.join(' '),
    new RegExp(`For ${notFinite} of ${count} samples the model's answers give no finite loss: `),
  );
});

test('running statistics count; a sum with -Infinity is refused only where it would be trained', () => {
  const s = sketch();
  const [x, ...norm] = [
    s.input('x', [2, 4, 4]),
    ...['scale', 'shift', 'mean', 'var'].map((name) => s.weight(name, 2)),
  ];
  const y = s.op('Flatten', [s.op('BatchNormalization', [x, ...norm])]);
  const graph = s.finish(s.op('Add', [s.op('MatMul', [y, s.weight('w', 32, 3)]), s.weight('bans', 3)]));
  for (const name of ['mean', 'var'])
    assert.throws(
      () => refuseNotFinite(withValues(graph, name, { 1: infinity }), { trained: false }),
      new RegExp(`The weight '${name}' holds Infinity at \\[1\\]`),
    );
  const banned = withValues(graph, 'bans', { 2: -infinity });
  refuseNotFinite(banned, { trained: false });
  assert.throws(() => refuseNotFinite(banned, { trained: true }), /The weight 'bans' of Add/);
  assert.throws(() => refuseNotFinite(withValues(graph, 'bans', { 2: nan }), { trained: false }), /'bans'/);
});
