/** Recurrent networks that are written as a Loop: cut, taught, pruned, packed and resumed like any other. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { uniform } from '../base/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { loopCases, readFrom } from '../graph/bodies/loops.test.fixture.js';
import { readModel, writeModel } from '../onnx/index.js';
import { draws } from './arrays.test.fixture.js';
import { packModel } from './pack.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-loops-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const [SAMPLES, SIZE] = [96, 5 * 4];

before(async () => {
  const { sketch } = loopCases[0];
  const graph = await readFrom({
    ...sketch,
    nodes: [...sketch.nodes, ['MatMul', ['last', 'answer'], 'y']],
    weights: { ...sketch.weights, answer: [6, 2] },
    outputs: { y: ['N', 2] },
  });
  await writeModel(at('cell.onnx'), graph);
  const { values, labels } = draws(
    SAMPLES,
    SIZE,
    (r, label, i) => Number(i % 2 === label) + 0.5 * uniform(r),
  );
  const x = reals([SAMPLES, 5, 4], values);
  writeFileSync(at('x.npz'), archive({ x }));
  const pair = wholes(
    [SAMPLES],
    labels.map((label) => label % 2),
  );
  writeFileSync(at('xy.npz'), archive({ x, y: pair }));
});

async function run(own: object, data = 'x.npz') {
  const settings = { model: at('cell.onnx'), data: `npz:${at(data)}`, batch: 16, threads: 1, augment: false };
  const recipe = resolveRecipe('prune', { ...settings, ...own }, '0');
  const { summary, folder } = await startRun(recipe, at(Object.values(own).join('-')), {});
  return { summary: summary!, folder, graph: await readModel(folder.model) };
}

test('hidden units of a Loop are cut, and what is left learns the answers that were there', async () => {
  const { summary, graph } = await run({ method: 'l1-filters', macs: 0.7, roundTo: 1, epochs: 4, lr: 0.01 });
  const hidden = graph.initializers.get('r')!.shape[0];
  assert.ok(hidden < 6);
  assert.deepEqual(graph.initializers.get('w')!.shape, [4, hidden]);
  const { stages } = summary.channels!;
  const [cut, end] = [stages[0], stages.at(-1)!].map((stage) => stage.metrics!.error);
  assert.ok(end < cut && end < 1, `${cut} ${end}`);
  assert.match(summary.export.check.by!, /^onnxruntime/);
  assert.ok(summary.export.check.error! < 1e-4);
});

test('weights inside a Loop are pruned while it trains, and packed without their zeros', async () => {
  const { summary, folder, graph } = await run(
    { method: 'gmp', sparsity: 0.75, epochs: 3, lr: 0.01 },
    'xy.npz',
  );
  const zeros = ['begin', 'w', 'r', 'answer'].map((name) => {
    const { data } = graph.initializers.get(name)!;
    return (data as Float32Array).filter((value) => value === 0).length;
  });
  assert.equal(
    zeros.reduce((sum, count) => sum + count, 0),
    Math.round(0.75 * (24 + 24 + 36 + 12)),
  );
  assert.ok(zeros[1] + zeros[2] > 20, `${zeros}`);
  assert.match(summary.export.check.by!, /^onnxruntime/);
  const packed = await packModel({ model: folder.model, out: at('cell.espk') });
  assert.ok(packed.bytes.packed < packed.bytes.raw, JSON.stringify(packed));
});
