/** Models of whole numbers and of floats of 16 bits are trained in float32 and come out as they came in. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { uniform } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals } from '../data/npz.test.fixture.js';
import { type Graph, readModel, type Tensor, writeModel } from '../onnx/index.js';
import { draws } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-quantized-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const SAMPLES = 96;

/** int8 and uint8 weights with scales of their own for each filter, an int32 bias, and activations as uint8 in between. */
function quantized(): Graph {
  const s = sketch(13);
  const stored = (x: string, scale: number) => {
    const steps = [s.scalar(scale), 'activation.zero'];
    return s.op('DequantizeLinear', [s.op('QuantizeLinear', [x, ...steps]), ...steps]);
  };
  const x = stored(s.input('x', [3, 8, 8]), 0.02);
  const conv = (input: string, weight: string, bias: string) =>
    s.op('Conv', [input, weight, bias], { pads: [1, 1, 1, 1] });
  const bias = s.op('DequantizeLinear', ['first.bias', s.scalar(0.0003), 'bias.zero']);
  const h = stored(s.relu(conv(x, s.quantized('first', 12, 3, 3, 3), bias)), 0.03);
  const i = stored(s.relu(conv(h, s.quantized('second', 12, 12, 3, 3), s.weight('second.bias', 12))), 0.1);
  const flat = s.op('Flatten', [s.op('GlobalAveragePool', [i])]);
  const head = s.op('MatMul', [flat, s.op('Transpose', [s.quantized('head', 4, 12)], { perm: [1, 0] })]);
  const graph = s.finish(head);
  const whole: [string, Tensor][] = [
    ['activation.zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(90) }],
    ['bias.zero', { dtype: 'int32', shape: [], data: Int32Array.of(0) }],
    [
      'first.bias',
      { dtype: 'int32', shape: [12], data: Int32Array.from({ length: 12 }, (_, k) => 300 * k - 900) },
    ],
  ];
  for (const [name, tensor] of whole) graph.initializers.set(name, tensor);
  return graph;
}

/** The same layers in floats of 16 bits. */
function narrow(): Graph {
  const s = sketch(13);
  const h = s.relu(s.conv(s.input('x', [3, 8, 8]), 'first', 12, 3));
  const i = s.relu(s.conv(h, 'second', 12, 12));
  const flat = s.op('Flatten', [s.op('GlobalAveragePool', [i])]);
  const graph = s.finish(s.op('MatMul', [flat, s.weight('head', 12, 4)]));
  const half = <T extends object>(value: T): T => ({ ...value, dtype: 'float16' });
  return {
    ...graph,
    inputs: graph.inputs.map(half),
    outputs: graph.outputs.map(half),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, half(tensor)])),
  };
}

before(async () => {
  await writeModel(at('quantized.onnx'), quantized());
  await writeModel(at('narrow.onnx'), narrow());
  const { values } = draws(SAMPLES, 192, (r, label, i) => Number(i % 3 === label) + uniform(r) - 0.5);
  writeFileSync(at('inputs.npz'), archive({ x: reals([SAMPLES, 3, 8, 8], values) }));
});

const [data, normalize] = [`npz:${at('inputs.npz')}`, '0/1'];

async function pruned(name: string, own: object) {
  const settings = { data, normalize, epochs: 4, batch: 16, threads: 1, optimizer: 'adam', lr: 0.001 };
  const recipe = resolveRecipe('prune', { ...settings, model: at(`${name}.onnx`), roundTo: 1, ...own }, '0');
  const { summary, folder } = await startRun(recipe, at(`${name}-${Object.values(own).join('-')}`));
  const measured = await evaluateModel({
    ...{ model: folder.model, data, normalize, teacher: at(`${name}.onnx`) },
  });
  return { summary: summary!, graph: await readModel(folder.model), exported: measured.metrics!.error };
}

for (const own of [
  { method: 'l1-filters', macs: 0.6, reconstruct: false },
  { method: 'l1-filters', macs: 0.6, reconstruct: true },
  { method: 'l1-filters', importance: 'group-taylor', macs: 0.6, reconstruct: false },
])
  test(`a model of whole numbers loses channels and learns, with its own scales: ${Object.values(own).join(' ')}`, async () => {
    const { summary, graph, exported } = await pruned('quantized', {
      ...own,
      lr: own.reconstruct ? 0.001 : 0.01,
    });
    const given = await readModel(at('quantized.onnx'));
    const { stages } = summary.channels!;
    const [cut, end] = [stages[0].metrics!.error, stages.at(-1)!.metrics!.error];
    assert.ok(end < 0.6 * cut, JSON.stringify(stages));
    if (own.reconstruct)
      assert.ok(stages.find(({ what }) => what === 'reconstructed')!.metrics!.error < 0.8 * cut);
    assert.ok(Math.abs(exported - end) < 1e-5, `${exported} ${end}`);
    assert.ok(summary.export.check.by, JSON.stringify(summary.export));
    for (const name of ['first', 'second', 'head', 'first.bias']) {
      const [is, was] = [graph.initializers.get(name)!, given.initializers.get(name)!];
      assert.equal(is.dtype, was.dtype);
      assert.ok(is.shape[0] <= was.shape[0]);
    }
    for (const name of ['first.scale', 'second.scale']) {
      const [is, was] = [graph, given].map((one) => Array.from(one.initializers.get(name)!.data, Number));
      assert.ok(is.length < was.length && is.every((scale) => was.includes(scale)));
    }
    const operators = ({ nodes }: Graph) => nodes.map(({ op }) => op);
    assert.deepEqual(operators(graph), operators(given));
  });

test('a model of 16-bit floats learns in float32, and is stored in 16 bits again', async () => {
  const { summary, graph, exported } = await pruned('narrow', { method: 'l1-filters', macs: 0.6 });
  for (const { dtype } of graph.initializers.values()) assert.equal(dtype, 'float16');
  const { stages } = summary.channels!;
  assert.ok(summary.metrics!.error.after < 0.6 * stages[0].metrics!.error, JSON.stringify(stages));
  assert.ok(Math.abs(exported - summary.metrics!.error.after) < 2 ** -8);
  assert.ok(summary.export.check.by);
});
