/** Models of floats other than float32, whole and in part: trained and rebuilt in float32, and written in the types they came in. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { uniform } from '../base/index.js';
import { sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals } from '../data/npz.test.fixture.js';
import { type DType, type Graph, int, type Node, readModel, type Tensor, writeModel } from '../onnx/index.js';
import { draws } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-element-types-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const SAMPLES = 64;

const numbers = { float32: 1, float16: 10, float64: 11, bfloat16: 16 } as const;
type Other = Exclude<keyof typeof numbers, 'float32'>;

function plain(): Graph {
  const s = sketch(22);
  const h = s.relu(s.conv(s.input('x', [3, 6, 6]), 'first', 12, 3));
  const i = s.relu(s.conv(h, 'second', 12, 12));
  const flat = s.op('Flatten', [s.op('GlobalAveragePool', [i])]);
  return s.finish(s.op('MatMul', [flat, s.weight('head', 12, 4)]));
}

const tensorOf = (dtype: DType, { shape, data }: Tensor): Tensor => ({
  dtype,
  shape,
  data: dtype === 'float64' ? Float64Array.from(data as Float32Array) : data,
});

const cast = (from: string, to: string, dtype: keyof typeof numbers): Node => ({
  name: to,
  op: 'Cast',
  domain: '',
  inputs: [from],
  outputs: [to],
  attributes: { to: int(numbers[dtype]) },
});

/** With initialisers in another type, all of them or those named. */
const stored = (graph: Graph, dtype: Other, names?: readonly string[]): Graph['initializers'] =>
  new Map(
    [...graph.initializers].map(([name, tensor]) => [
      name,
      names && !names.includes(name) ? tensor : tensorOf(dtype, tensor),
    ]),
  );

const forms: Record<string, (dtype: Other) => Graph> = {
  /** Everything. */
  whole(dtype) {
    const graph = plain();
    const typed = <T extends object>(value: T) => ({ ...value, dtype });
    const [inputs, outputs] = [graph.inputs.map(typed), graph.outputs.map(typed)];
    return { ...graph, inputs, outputs, initializers: stored(graph, dtype) };
  },
  /** Weights that a Cast makes float32. */
  'behind a Cast'(dtype) {
    const graph = plain();
    const names = ['first', 'second', 'head'];
    const casts = names.map((name) => cast(name, `${name}.wide`, 'float32'));
    const nodes = graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (names.includes(name) ? `${name}.wide` : name)),
    }));
    return { ...graph, nodes: [...casts, ...nodes], initializers: stored(graph, dtype, names) };
  },
  /** All layers but the last, between inputs and outputs of float32. */
  'in part'(dtype) {
    const graph = plain();
    const layers = graph.nodes.slice(0, -1).map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (name === 'x' ? 'x.other' : name)),
    }));
    const head = graph.nodes.at(-1)!;
    const [features, weight] = head.inputs;
    const nodes = [
      cast('x', 'x.other', dtype),
      ...layers,
      cast(features, 'features', 'float32'),
      { ...head, inputs: ['features', weight] },
    ];
    const others = [...graph.initializers.keys()].filter((name) => name !== weight);
    return { ...graph, nodes, initializers: stored(graph, dtype, others) };
  },
};

before(() => {
  const { values } = draws(SAMPLES, 108, (r, label, i) => Number(i % 3 === label) + uniform(r) - 0.5);
  writeFileSync(at('inputs.npz'), archive({ x: reals([SAMPLES, 3, 6, 6], values) }));
});

const data = { data: `npz:${at('inputs.npz')}`, normalize: '0/1' };
/** onnxruntime has no convolutions of these types on a CPU. */
const lacking: readonly Other[] = ['bfloat16', 'float64'];
const places: Record<Other, number> = { float16: 2 ** -7, bfloat16: 2 ** -4, float64: 1e-5 };

for (const dtype of ['float16', 'bfloat16', 'float64'] as const)
  for (const [form, make] of Object.entries(forms))
    test(`a model of ${dtype}, ${form}, loses channels and weights`, async () => {
      const name = `${dtype} ${form}`;
      const model = at(`${name}.onnx`);
      await writeModel(model, make(dtype));
      const given = await readModel(model);
      const usual = { ...data, model, batch: 16, threads: 1, epochs: 2, optimizer: 'adam', lr: 0.001 };
      for (const own of [
        { method: 'l1-filters', macs: 0.6, roundTo: 1 },
        { method: 'gmp', sparsity: 0.5 },
      ]) {
        const recipe = resolveRecipe('prune', { ...usual, ...own }, '0');
        const { summary, folder } = await startRun(recipe, at(`${name} ${own.method}`));
        const graph = await readModel(folder.model);
        const types = ({ inputs, outputs }: Graph) => [...inputs, ...outputs].map((value) => value.dtype);
        assert.deepEqual(types(graph), types(given));
        for (const [tensor, { dtype: is }] of graph.initializers)
          assert.equal(is, given.initializers.get(tensor)!.dtype);
        const { export: exported, channels, metrics, sparsity } = summary!;
        assert.ok(exported.check.by);
        const wide = lacking.includes(dtype) && form !== 'behind a Cast';
        const said = /Only its float32 form was checked: onnxruntime refuses .*Conv/;
        assert.equal(said.test(exported.check.note ?? ''), wide, exported.check.note);
        const measured = await evaluateModel({ ...data, model: folder.model, teacher: model });
        const [error, told] = [measured.metrics!.error, metrics!.error.after];
        assert.ok(Math.abs(error - told) <= places[dtype] * Math.max(1, told), `${error} ${told}`);
        if (own.method === 'gmp') assert.equal(sparsity.after, 0.5);
        const [cut, rebuilt] = channels?.stages ?? [];
        if (channels) assert.equal(rebuilt.what, 'reconstructed');
        if (channels) assert.ok(rebuilt.metrics!.error < 0.5 * cut.metrics!.error);
      }
    });
