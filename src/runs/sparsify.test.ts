/** Single weights that go before any training, and what makes up for them. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { uniform } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals } from '../data/npz.test.fixture.js';
import { floats, type Graph, readModel, writeModel } from '../onnx/index.js';
import { draws } from './arrays.test.fixture.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';
import type { Summary } from './summary.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-sparsify-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const SAMPLES = 120;
const layers = ['first', 'second', 'head'];

/** Two convolutions, the second with a BatchNormalization behind it, and a head. */
function model(whole = false): Graph {
  const s = sketch(13);
  const weight = (name: string, ...shape: number[]) =>
    whole ? s.quantized(name, ...shape) : s.weight(name, ...shape);
  const conv = (x: string, name: string, out: number, from: number) =>
    s.op('Conv', [x, weight(name, out, from, 3, 3)], { pads: [1, 1, 1, 1] });
  const h = s.relu(conv(s.input('x', [4, 8, 8]), 'first', 16, 4));
  const norm = ['scale', 'shift', 'mean', 'var'].map((part) => s.weight(part, 16));
  const i = s.relu(s.op('BatchNormalization', [conv(h, 'second', 16, 16), ...norm]));
  const flat = s.op('Flatten', [s.op('AveragePool', [i], { kernel_shape: [4, 4], strides: [4, 4] })]);
  const graph = s.finish(s.op('Gemm', [flat, weight('head', 6, 64), s.weight('bias', 6)], { transB: 1 }));
  const variance = graph.initializers.get('var')!;
  graph.initializers.set('var', { ...variance, data: floats(variance).map((x) => 0.5 + Math.abs(x)) });
  return graph;
}

before(async () => {
  await writeModel(at('floats.onnx'), model());
  await writeModel(at('wholes.onnx'), model(true));
  const { values } = draws(SAMPLES, 256, (r, label, i) => 4 * Number(i % 3 === label) + uniform(r) - 2);
  writeFileSync(at('inputs.npz'), archive({ x: reals([SAMPLES, 4, 8, 8], values) }));
});

let count = 0;
async function pruned(settings: object, name = 'floats') {
  const usual = { data: `npz:${at('inputs.npz')}`, normalize: '0/1', epochs: 0, threads: 1, batch: 16 };
  const recipe = resolveRecipe('prune', { ...usual, model: at(`${name}.onnx`), ...settings }, '0');
  const { summary, folder } = await startRun(recipe, at(`run-${count++}`));
  return { summary: summary!, recipe, graph: await readModel(folder.model), path: folder.model };
}

const errorAfter = ({ stages = [] }: Summary, what: string) =>
  stages.find((stage) => stage.what === what)!.metrics!.error;

for (const method of ['magnitude', 'wanda', 'sparsegpt'])
  test(`${method}: what is left makes up for what went, and exactly so many are zero`, async () => {
    const { summary, recipe } = await pruned({ method, sparsity: 0.7 });
    assert.deepEqual(
      summary.stages!.map(({ stage, what }) => [stage, what]),
      [
        ['prune', 'pruned'],
        ['prune', 'reconstructed'],
      ],
    );
    const [cut, repaired] = ['pruned', 'reconstructed'].map((what) => errorAfter(summary, what));
    assert.ok(repaired < 0.6 * cut, `${cut} → ${repaired}`);
    assert.equal(summary.metrics!.error.after, repaired);
    const { prunable, sparsity } = summary;
    assert.equal(Math.round(sparsity.after * prunable.count), Math.floor(0.7 * prunable.count));
    assert.deepEqual(
      { ...recipe },
      { ...recipe, rounds: 5, pruningSchedule: 'exponential', reconstruct: true },
    );
    assert.ok(summary.export.check.by);
  });

test('one round repairs, too, and without any the weights that stay are what they were', async () => {
  const [several, once, plain] = await Promise.all(
    [{}, { rounds: 1 }, { reconstruct: false }].map((own) =>
      pruned({ method: 'magnitude', sparsity: 0.8, ...own }),
    ),
  );
  for (const { summary } of [several, once])
    assert.ok(summary.metrics!.error.after < 0.2 * plain.summary.metrics!.error.after);
  assert.notDeepEqual(several.graph.initializers, once.graph.initializers);
  assert.equal(plain.summary.stages, undefined);
  assert.equal(plain.summary.metrics!.error.after, errorAfter(once.summary, 'pruned'));
  const given = await readModel(at('floats.onnx'));
  for (const name of layers)
    for (const [i, x] of floats(plain.graph.initializers.get(name)!).entries())
      assert.ok(x === 0 || x === floats(given.initializers.get(name)!)[i]);
});

test('patterns hold: of four inputs two stay, or blocks go as a whole', async () => {
  for (const method of ['magnitude', 'sparsegpt']) {
    const { summary, graph } = await pruned({ method, pattern: '2:4' });
    assert.ok(errorAfter(summary, 'reconstructed') < errorAfter(summary, 'pruned'));
    const [out, from] = graph.initializers.get('second')!.shape;
    const weight = floats(graph.initializers.get('second')!);
    for (let o = 0; o < out; o++)
      for (let tap = 0; tap < 9; tap++)
        for (let i = 0; i < from; i += 4) {
          const four = [0, 1, 2, 3].map((k) => weight[(o * from + i + k) * 9 + tap]);
          assert.equal(four.filter((x) => x !== 0).length, 2);
        }
  }
});

for (const target of [{ sparsity: 0.6 }, { sparsity: 0.6, pattern: 'block:1x4' }, { pattern: '2:4' }])
  test(`weights of whole numbers stay at their zero points, and the others make up for them: ${Object.values(target).join(' ')}`, async () => {
    const { summary, graph } = await pruned({ method: 'magnitude', ...target }, 'wholes');
    assert.ok(errorAfter(summary, 'reconstructed') < 0.8 * errorAfter(summary, 'pruned'));
    const least = target.sparsity ?? 0.49 * (1 - 384 / summary.prunable.count);
    assert.ok(summary.sparsity.after >= least - 4 / summary.prunable.count, `${summary.sparsity.after}`);
    assert.ok(summary.sparsity.after < 0.63);
    assert.ok(layers.every((name) => ['int8', 'uint8'].includes(graph.initializers.get(name)!.dtype)));
  });

test('training goes on from there, with the zeros where they are; and the same run gives the same bits', async () => {
  const settings = { method: 'magnitude', sparsity: 0.7, epochs: 2, optimizer: 'adam', lr: 1e-3 };
  const [one, two] = [await pruned(settings), await pruned(settings)];
  const { stages, metrics, sparsity } = one.summary;
  assert.deepEqual(
    stages!.map(({ what }) => what),
    ['pruned', 'reconstructed', 'trained'],
  );
  assert.ok(metrics!.error.after < 0.2 * errorAfter(one.summary, 'pruned'));
  assert.ok(sparsity.after > 0.69);
  assert.deepEqual(one.graph.initializers, two.graph.initializers);
});

test('methods that look at gradients or prune during training take no samples', () => {
  const given = { model: 'a.onnx', data: 'digits', sparsity: 0.5 };
  for (const method of ['gmp', 'snip', 'probmask'])
    assert.throws(
      () => resolveRecipe('prune', { ...given, method, reconstruct: true }, '0'),
      new RegExp(`${method} uses no samples before training: leave --reconstruct out`),
    );
  const scored = { ...given, method: 'magnitude', score: 'gradient' };
  assert.equal('reconstruct' in resolveRecipe('prune', scored, '0'), false);
  const zoo = resolveRecipe('prune', { ...given, model: 'resnet20', method: 'magnitude' }, '0');
  assert.equal((zoo as { reconstruct?: boolean }).reconstruct, false);
});
