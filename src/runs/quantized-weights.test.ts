/** Single weights of models of whole numbers: what goes is the zero point in the file, and what stays is on the file's own levels. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { uniform } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals } from '../data/npz.test.fixture.js';
import { type Graph, readModel, type Tensor, writeModel } from '../onnx/index.js';
import { ownModel } from '../onnx/own-models.test.fixture.js';
import { draws } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-quantized-weights-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const SAMPLES = 64;

const whole = (dtype: 'uint8' | 'int8', value: number, ...shape: number[]): Tensor => {
  const data = new (dtype === 'uint8' ? Uint8Array : Int8Array)(shape.reduce((size, dim) => size * dim, 1));
  return { dtype, shape, data: data.fill(value) };
};

/** Weights as files hold them: int8 for each filter, uint8 around zero points of their own and around one, int4 in blocks. */
function dequantizing(): Graph {
  const s = sketch(21);
  const stored = (x: string, scale: number) => {
    const steps = [s.scalar(scale), 'activation.zero'];
    return s.op('DequantizeLinear', [s.op('QuantizeLinear', [x, ...steps]), ...steps]);
  };
  const conv = (x: string, weight: string) =>
    s.relu(s.op('Conv', [x, weight, s.weight(`${x}.bias`, 8)], { pads: [1, 1, 1, 1] }));
  const first = stored(conv(s.input('x', [3, 6, 6]), s.quantized('first', 8, 3, 3, 3)), 0.05);
  const second = stored(conv(first, s.unsigned('second', true, 8, 8, 3, 3)), 0.2);
  const third = conv(second, s.unsigned('third', false, 8, 8, 3, 3));
  const flat = s.op('Flatten', [s.op('GlobalAveragePool', [third])]);
  const inBlocks = s.op('MatMul', [flat, s.inBlocks('blocks', 8, 12, 4)]);
  const turned = s.op('Transpose', [s.quantized('head', 4, 12)], { perm: [1, 0] });
  const graph = s.finish(s.op('MatMul', [s.relu(inBlocks), turned]));
  graph.initializers.set('activation.zero', whole('uint8', 90));
  return graph;
}

/** Layers of operators that take whole numbers as they are, after a DynamicQuantizeLinear and between QuantizeLinear and DequantizeLinear. */
function computing(): Graph {
  const s = sketch(17);
  const steps = [s.scalar(0.05), 'zero'];
  s.unsigned('first', true, 8, 3, 3, 3);
  const x = s.op('QuantizeLinear', [s.input('x', [3, 6, 6]), ...steps]);
  const kernel = ['first', 'first.scale', 'first.zero'];
  const y = s.op('QLinearConv', [x, ...steps, ...kernel, ...steps], { pads: [1, 1, 1, 1] });
  const flat = s.op('Flatten', [s.op('GlobalAveragePool', [s.op('DequantizeLinear', [y, ...steps])])]);
  const [levels, scale, zero] = s.ops('DynamicQuantizeLinear', [flat], {}, 3);
  s.quantized('second', 8, 4);
  const product = s.op('MatMulInteger', [levels, 'second', zero, 'second.zero']);
  const real = s.op('Cast', [product], { to: 1 });
  const graph = s.finish(s.op('Mul', [real, s.op('Mul', [scale, s.scalar(0.01)])]));
  const read = new Set(['first', 'second']);
  graph.nodes = graph.nodes.filter(({ op, inputs }) => op !== 'DequantizeLinear' || !read.has(inputs[0]));
  graph.initializers.set('zero', whole('uint8', 120));
  graph.initializers.set('second.zero', whole('int8', 3));
  return graph;
}

before(async () => {
  await writeModel(at('dequantizing.onnx'), dequantizing());
  await writeModel(at('computing.onnx'), computing());
  await writeModel(at('own.onnx'), await ownModel('a quantized network'));
  const { values } = draws(SAMPLES, 108, (r, label, i) => Number(i % 3 === label) + uniform(r) - 0.5);
  writeFileSync(at('inputs.npz'), archive({ x: reals([SAMPLES, 3, 6, 6], values) }));
});

/** The zero point of element `i`, by hand. */
function zeroAt({ initializers }: Graph, name: string, i: number): number {
  const { shape } = initializers.get(name)!;
  const zeros = Array.from(initializers.get(`${name}.zero`)?.data ?? [0], Number);
  if (zeros.length === 1) return zeros[0];
  const size = shape.slice(1).reduce((product, dim) => product * dim, 1);
  // Blocks of four rows of 12 columns, or a zero point for each row.
  return name === 'blocks' ? zeros[Math.floor(i / 48) * 12 + (i % 12)] : zeros[Math.floor(i / size)];
}

const zerosOf = (graph: Graph, name: string): number =>
  Array.from(graph.initializers.get(name)!.data, Number).filter((q, i) => q === zeroAt(graph, name, i))
    .length;

const data = { data: `npz:${at('inputs.npz')}`, normalize: '0/1' };
const weights = ['first', 'second', 'third', 'blocks', 'head'];

let runs = 0;
async function pruned(name: string, settings: object) {
  const model = at(`${name}.onnx`);
  const own = { batch: 16, threads: 1, ...settings, model };
  const { summary, folder } = await startRun(resolveRecipe('prune', own, '0'), at(`run${runs++}`));
  return { summary: summary!, folder, given: await readModel(model), graph: await readModel(folder.model) };
}

function sameForm(given: Graph, graph: Graph, learnt: readonly string[]): void {
  assert.deepEqual(
    graph.nodes.map(({ op }) => op),
    given.nodes.map(({ op }) => op),
  );
  for (const [name, was] of given.initializers) {
    const is = graph.initializers.get(name)!;
    assert.deepEqual([is.dtype, is.shape], [was.dtype, was.shape]);
    if (!learnt.includes(name) && !name.endsWith('.bias')) assert.deepEqual(is.data, was.data, name);
  }
}

const training = { ...data, epochs: 3, optimizer: 'adam', lr: 0.001 };
const cases: { settings: Record<string, unknown>; exact?: boolean }[] = [
  { settings: { data: 'none', method: 'magnitude', sparsity: 0.6 }, exact: true },
  { settings: { data: 'none', method: 'magnitude', pattern: '2:4' }, exact: true },
  { settings: { ...data, epochs: 0, method: 'wanda', sparsity: 0.6 }, exact: true },
  { settings: { ...data, epochs: 0, method: 'sparsegpt', sparsity: 0.6 }, exact: true },
  { settings: { ...data, epochs: 0, method: 'sparsegpt', pattern: '2:4' }, exact: true },
  { settings: { ...training, method: 'gmp', sparsity: 0.6 } },
  { settings: { ...training, method: 'fggp', sparsity: 0.6 } },
  { settings: { ...training, method: 'sparsegpt', pattern: 'block:1x4', sparsity: 0.5 } },
  { settings: { ...training, method: 'probmask', optimizer: 'sgd', lr: 0.01, sparsity: 0.6 } },
  { settings: { ...training, method: 'str', sparsity: 0.6 } },
  { settings: { ...training, method: 'edge-popup', sparsity: 0.6 } },
];
for (const { settings, exact } of cases)
  test(`pruned weights are zero points: ${settings.method} ${settings.pattern ?? ''}`, async () => {
    const { summary, given, graph, folder } = await pruned('dequantizing', settings);
    sameForm(given, graph, weights);
    const size = weights.reduce((sum, name) => sum + graph.initializers.get(name)!.data.length, 0);
    const zeros = weights.reduce((sum, name) => sum + zerosOf(graph, name), 0);
    assert.equal(summary.prunable.count, size);
    assert.equal(summary.sparsity.after, zeros / size);
    const target = (settings.sparsity as number | undefined) ?? 0.4;
    assert.ok(summary.sparsity.after >= target - 4 / size && summary.sparsity.before! < 0.1);
    if (exact && settings.sparsity) assert.equal(zeros, Math.floor(size * target));
    if (settings.pattern === '2:4') assert.equal(fullest(graph, 'second'), 2);
    assert.ok(summary.export.check.by, JSON.stringify(summary.export));
    if (settings.data === 'none') return;
    const measured = await evaluateModel({ ...data, model: folder.model, teacher: at('dequantizing.onnx') });
    const [exported, told] = [measured.metrics!.error, summary.metrics!.error.after];
    assert.ok(Math.abs(exported - told) < 1e-5 * told, `${exported} ${told}`);
  });

/** The most weights that stay of four neighbours along the inputs of a layer of [8, 8, 3, 3]. */
function fullest(graph: Graph, name: string): number {
  const { data: levels } = graph.initializers.get(name)!;
  const tiles = Array.from({ length: 8 * 2 * 9 }, (_, tile) => {
    const [row, tap] = [Math.floor(tile / 9), tile % 9];
    return [0, 1, 2, 3].map((c) => (row * 4 + c) * 9 + tap);
  });
  const kept = tiles.map((tile) => tile.filter((i) => Number(levels[i]) !== zeroAt(graph, name, i)).length);
  return Math.max(...kept);
}

test('gradual pruning learns while it prunes', async () => {
  const settings = { ...data, sparsity: 0.5, optimizer: 'adam', lr: 0.003 };
  const once = await pruned('dequantizing', { ...settings, method: 'wanda', epochs: 0 });
  const trained = await pruned('dequantizing', { ...settings, method: 'wanda', epochs: 40 });
  const [cut, end] = [once, trained].map(({ summary }) => summary.metrics!.error.after);
  assert.ok(end < 0.7 * cut, `${end} after ${cut}`);
});

test('weights that operators take as whole numbers are pruned by themselves', async () => {
  for (const settings of [
    { method: 'magnitude', sparsity: 0.5 },
    { method: 'wanda', sparsity: 0.5, calibrate: 4 },
  ]) {
    const { summary, given, graph } = await pruned('computing', { ...settings, data: 'none' });
    sameForm(given, graph, ['first', 'second']);
    assert.equal(zerosOf(graph, 'first') + zerosOf(graph, 'second'), (216 + 32) / 2);
    assert.equal(summary.sparsity.after, 0.5);
    assert.match(summary.export.check.by!, /onnxruntime/);
    assert.match(summary.export.check.note!, /QLinearConv .* onnxruntime alone has checked it/);
  }
});

test('a quantized network with whole numbers between all of its layers loses half of its weights', async () => {
  const { summary, given, graph } = await pruned('own', { method: 'magnitude', sparsity: 0.5, data: 'none' });
  sameForm(given, graph, ['a', 'b', 'c']);
  assert.equal(summary.sparsity.after, 0.5);
  assert.ok(summary.export.check.by);
});
