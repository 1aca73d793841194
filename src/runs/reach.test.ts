/** Models are trained and pruned of which only a part can be computed; the rest is carried along. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { uniform } from '../base/index.js';
import { type Sketch, sketch } from '../channels/sketch.test.fixture.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { bodyOf, withBranches } from '../graph/branch.test.fixture.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';
import { draws } from './arrays.test.fixture.js';
import { evaluateModel } from './evaluate.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';
import { suitRecipe } from './suit/suit.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-reach-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const [SAMPLES, SIZE] = [64, 3 * 8 * 8];

const { values, labels } = draws(
  SAMPLES,
  SIZE,
  (r, label, i) => Number(Math.floor(i / 64) === label) + 0.3 * uniform(r),
);

/** Where boxes and their scores come out of, and the labels of classes where the model has some. */
function heads(s: Sketch): { boxes: string; scores: string; trunk: string } {
  const h = s.relu(s.conv(s.relu(s.conv(s.input('x', [3, 8, 8]), 'first', 16, 3)), 'second', 16, 16));
  const boxes = s.op('Transpose', [s.op('Reshape', [s.conv(h, 'boxes', 4, 16), s.ints(0, 4, 64)])], {
    perm: [0, 2, 1],
  });
  return { boxes, scores: s.op('Reshape', [s.conv(h, 'scores', 2, 16), s.ints(0, 2, 64)]), trunk: h };
}

/** A detector as it is deployed: what comes out is what NonMaxSuppression picks, times a weight. */
function detector(): Graph {
  const s = sketch();
  const { boxes, scores } = heads(s);
  const picked = s.op('NonMaxSuppression', [boxes, scores, s.ints(5), s.scalar(0.5)]);
  const real = s.op('Cast', [picked], { to: 1 });
  const graph = s.finish(s.op('MatMul', [real, s.weight('behind', 3, 5)], {}, 'found'));
  return { ...graph, outputs: [...graph.outputs, { name: picked, dtype: 'int64' }] };
}

/** Classes come out beside what NonMaxSuppression picks. */
function classifier(): Graph {
  const s = sketch();
  const { boxes, scores, trunk } = heads(s);
  const logits = s.head(trunk, 16);
  const picked = s.op('NonMaxSuppression', [boxes, scores, s.ints(5), s.scalar(0.5)]);
  const graph = s.finish(logits);
  return { ...graph, outputs: [...graph.outputs, { name: picked, dtype: 'int64' }] };
}

/** An If in the middle, which the data decide, and a layer behind it. */
function branching(): Promise<Graph> {
  const s = sketch();
  const h = s.relu(s.conv(s.input('x', [3, 8, 8]), 'first', 16, 3));
  const second = s.conv(h, 'second', 16, 16);
  const large = s.op('Greater', [s.op('ReduceSum', [second], { keepdims: 0 }), s.scalar(0)]);
  const chosen = s.op('If', [large], {}, 'chosen');
  const y = s.conv(chosen, 'behind', 4, 16);
  return withBranches(s.finish(y), { chosen: { yes: ['Relu', second], no: ['Neg', second] } });
}

/** A Loop, whose rounds are a matter of the data, or a Scan over the rows, which go on from what a layer makes. */
function looping(op: 'Loop' | 'Scan'): Graph {
  const s = sketch();
  const h = s.relu(s.conv(s.input('x', [3, 8, 8]), 'first', 16, 3));
  const second = s.conv(h, 'second', 16, 16);
  const rows = () => s.op('Transpose', [second], { perm: [2, 0, 1, 3] });
  const start = () => s.op('ReduceMean', [second], { axes: [2], keepdims: 0 });
  const times = () => s.op('Cast', [s.op('ReduceMax', [second], { keepdims: 0 })], { to: 7 });
  const given = op === 'Loop' ? [times(), '', second] : [start(), rows()];
  const [state] = s.ops(op, given, op === 'Scan' ? { num_scan_inputs: 1 } : {}, op === 'Loop' ? 1 : 2);
  const node = s.finish(state).nodes.at(-1)!;
  node.attributes.body = bodyOf(op, op === 'Loop' ? 'Tanh' : 'Add');
  return s.finish();
}

/** An operator that espalier does not know, and onnxruntime only where it is ONNX's, before all weights; one of them it reads itself. */
function prepared(op: string, shape?: (string | number)[]): Graph {
  const s = sketch();
  const p = s.op(op, [s.input('x', [3, 8, 8])], {}, 'prepared');
  const h = s.relu(s.conv(s.relu(s.conv(p, 'first', 16, 3)), 'second', 16, 16));
  const graph = s.finish(s.head(h, 16));
  if (shape) graph.declared.set('prepared', { name: 'prepared', dtype: 'float32', shape });
  const { source } = graph;
  return { ...graph, source: { ...source, opsets: { ...source.opsets, vendor: 1 } } };
}

before(async () => {
  await writeModel(at('vendor.onnx'), prepared('vendor.Prepare', ['N', 3, 8, 8]));
  await writeModel(at('drawn.onnx'), prepared('Bernoulli', ['N', 3, 8, 8]));
  await writeModel(at('undeclared.onnx'), prepared('vendor.Prepare'));
  writeFileSync(at('prepared.npz'), archive({ prepared: reals([SAMPLES, 3, 8, 8], values) }));
  await writeModel(at('detector.onnx'), detector());
  await writeModel(at('classifier.onnx'), classifier());
  await writeModel(at('branching.onnx'), await branching());
  for (const op of ['Loop', 'Scan'] as const) await writeModel(at(`${op}.onnx`), looping(op));
  const x = reals([SAMPLES, 3, 8, 8], values);
  writeFileSync(at('inputs.npz'), archive({ x }));
  writeFileSync(at('labelled.npz'), archive({ x, y: wholes([SAMPLES], labels) }));
});

const normalize = '0/1';
const settings = {
  ...{ data: `npz:${at('inputs.npz')}`, normalize, epochs: 3, batch: 16, threads: 1, optimizer: 'adam' },
  ...{ lr: 0.005, augment: false },
};

async function run(command: 'train' | 'prune', name: string, own: object) {
  const notes: string[] = [];
  const recipe = resolveRecipe(command, { ...settings, model: at(`${name}.onnx`), ...own }, '0');
  const { summary, folder } = await startRun(recipe, at(`${name}-${Object.values(own).join('-')}`), {
    onNote: (note) => notes.push(note),
  });
  return { summary: summary!, graph: await readModel(folder.model), notes, path: folder.model };
}

test('a detector loses channels and learns what goes into its NonMaxSuppression, which is exported as it was', async () => {
  const own = { method: 'l1-filters', macs: 0.6, roundTo: 1 };
  const { summary, graph, notes, path } = await run('prune', 'detector', own);
  assert.ok(
    notes.some((note) =>
      /^espalier does not know the operator of NonMaxSuppression '.*': it and 2 other nodes stay as they are, and what goes in counts as an output: Transpose\d+, Reshape\d+\.$/.test(
        note,
      ),
    ),
    notes.join('\n'),
  );
  const given = await readModel(at('detector.onnx'));
  const tail = ({ nodes }: Graph) =>
    nodes.slice(-3).map(({ op, inputs, outputs }) => ({ op, inputs, outputs }));
  assert.deepEqual(tail(graph), tail(given));
  assert.deepEqual(graph.initializers.get('behind'), given.initializers.get('behind'));
  const [cut, end] = [summary.channels!.stages[0], summary.channels!.stages.at(-1)!];
  assert.ok(end.metrics!.error < 0.9 * cut.metrics!.error, JSON.stringify(summary.channels!.stages));
  assert.ok(summary.macs.after <= 0.6 * summary.macs.before!);
  assert.match(summary.export.check.by!, /^onnxruntime/);
  assert.ok(summary.export.check.error! < 1e-4);
  const { data } = settings;
  const measured = await evaluateModel({ model: path, data, normalize, teacher: at('detector.onnx') });
  assert.ok(Math.abs(measured.metrics!.error - summary.metrics!.error.after) < 1e-6);
});

for (const own of [
  { method: 'gmp', sparsity: 0.5 },
  { method: 'l1-filters', macs: 0.6, roundTo: 1 },
])
  test(`${own.method}: what is in front of an If that data decide learns, and what is behind it stays`, async () => {
    const { summary, graph } = await run('prune', 'branching', own);
    const given = await readModel(at('branching.onnx'));
    for (const name of ['behind', 'behind.b'])
      assert.deepEqual(graph.initializers.get(name), given.initializers.get(name));
    assert.notDeepEqual(graph.initializers.get('first'), given.initializers.get('first'));
    const { error } = summary.metrics!;
    assert.ok(error.after > 0 && error.after < 0.8, `${error.after}`);
    assert.match(summary.export.check.by!, /^onnxruntime/);
  });

test('what goes into a Loop that data decide learns, and the Loop is exported as it was', async () => {
  const { summary, graph, notes } = await run('prune', 'Loop', {
    method: 'l1-filters',
    macs: 0.7,
    roundTo: 1,
  });
  const [is, was] = [graph, await readModel(at('Loop.onnx'))].map((one) => one.nodes.at(-1)!);
  assert.deepEqual(is, was);
  assert.ok(
    notes.some((note) => /^Loop '.*' goes for a number of rounds that is computed from data/.test(note)),
    notes.join('\n'),
  );
  const { stages } = summary.channels!;
  assert.ok(stages.at(-1)!.metrics!.error < stages[0].metrics!.error, JSON.stringify(stages));
  assert.ok(summary.export.check.error! < 1e-4, JSON.stringify(summary.export.check));
});

test('what goes through a Scan is learnt behind it', async () => {
  const { summary, notes } = await run('prune', 'Scan', { method: 'gmp', sparsity: 0.5 });
  assert.deepEqual(
    notes.filter((note) => note.includes('stay as they are')),
    [],
  );
  const { error } = summary.metrics!;
  assert.ok(error.after > 0 && error.after < 0.8, `${error.after}`);
  assert.match(summary.export.check.by!, /^onnxruntime/);
});

test('an output that can be computed is trained by labels beside one that cannot', async () => {
  const own = { data: `npz:${at('labelled.npz')}`, epochs: 4 };
  const { summary } = await run('train', 'classifier', own);
  assert.ok(summary.accuracy!.after > 0.9, JSON.stringify(summary.accuracy));
  assert.match(summary.export.check.by!, /^onnxruntime/);
});

test('a target says which of the values that go into what cannot be computed it is for', async () => {
  const name = (await readModel(at('detector.onnx'))).nodes.find(({ op }) => op === 'NonMaxSuppression')!
    .inputs[1];
  const targets = reals([SAMPLES, 2, 64], Array(SAMPLES * 128).fill(0.25));
  writeFileSync(at('targets.npz'), archive({ x: reals([SAMPLES, 3, 8, 8], values), [name]: targets }));
  const own = { data: `npz:${at('targets.npz')}`, learn: `${name}=regression`, epochs: 3 };
  const { summary } = await run('train', 'detector', own);
  const { before: was, after: is } = summary.metrics!['weighted loss'];
  assert.ok(is < 0.8 * was!, `${was} ${is}`);
});

const behind = { data: `npz:${at('prepared.npz')}`, normalize: undefined };

for (const [name, said] of [
  ['vendor', /and neither can onnxruntime; from prepared on, onnxruntime gives what the engine gives/],
  ['drawn', /but onnxruntime runs it; from prepared on, onnxruntime gives what the engine gives/],
] as const)
  test(`${name}: a model that begins with an unknown operator is cut and taught behind it, and exported with it`, async () => {
    const own = { ...behind, method: 'l1-filters', macs: 0.6, roundTo: 1 };
    const { summary, graph, notes } = await run('prune', name, own);
    const given = await readModel(at(`${name}.onnx`));
    assert.deepEqual([graph.inputs, graph.nodes[0]], [given.inputs, given.nodes[0]]);
    assert.ok(graph.initializers.get('first')!.shape[0] < 16);
    assert.ok(
      notes.some((note) => note.includes('is the model behind it, from prepared on.')),
      notes.join('\n'),
    );
    assert.match(summary.export.check.note!, said);
    assert.ok(summary.export.check.error! < 1e-4);
    assert.ok(summary.metrics!.error.after < 0.9, JSON.stringify(summary.metrics));
  });

test('a model that begins with an unknown operator is pruned without data, its channels where their shape is known', async () => {
  const none = {
    data: 'none',
    normalize: undefined,
    epochs: undefined,
    batch: undefined,
    optimizer: undefined,
  };
  const alone = { ...none, lr: undefined, augment: undefined };
  const single = await run('prune', 'undeclared', { ...alone, method: 'magnitude', sparsity: 0.5 });
  assert.ok(single.notes.some((note) => note.includes('--input-shape prepared=1,3,224,224')));
  assert.match(single.summary.export.check.unchecked!, /neither can onnxruntime/);
  const own = { ...alone, method: 'l1-filters', macs: 0.6, roundTo: 1 };
  await assert.rejects(run('prune', 'undeclared', own), /No channels of this model can be removed/);
  const { summary, graph } = await run('prune', 'undeclared', { ...own, inputShape: 'prepared=1,3,8,8' });
  assert.ok(summary.macs.after <= 0.6 * summary.macs.before!);
  assert.match(summary.export.check.by!, /^onnxruntime/);
  assert.deepEqual(
    graph.inputs.map(({ name }) => name),
    ['x'],
  );
});

test('data for what stands before the unknown operator are refused with what to give', async () => {
  const own = { ...behind, data: `npz:${at('inputs.npz')}`, method: 'gmp', sparsity: 0.5 };
  await assert.rejects(run('prune', 'vendor', own), {
    message:
      /does not know the operator of vendor\.Prepare 'prepared', with which the model begins.* lacks prepared; it holds x/,
  });
  const pictures = { ...own, data: 'images:photos' };
  await assert.rejects(run('prune', 'vendor', pictures), {
    message: /Record prepared in a runtime that has the operator, and give that as npz:FILE/,
  });
});

test('classes may come out behind what cannot be computed, as of scikit-learn: chosen settings and a teacher go by them', async () => {
  const whole = classifier();
  await writeModel(at('label-first.onnx'), { ...whole, outputs: whole.outputs.toReversed() });
  const data = `npz:${at('labelled.npz')}`;
  const given = {
    model: at('label-first.onnx'),
    data,
    normalize,
    epochs: 12,
    threads: 1,
    optimizer: 'adam',
    lr: 0.005,
  };
  const trained = await startRun(await suitRecipe('train', given, '1'), at('label-first'));
  const { accuracy } = trained.summary!;
  assert.ok(accuracy!.after > 0.6, JSON.stringify(accuracy));
  const { lr: _, ...rest } = given;
  const pruned = { ...rest, model: at('label-first/model.onnx'), macs: 0.7, teacher: 'self', roundTo: 1 };
  const recipe = await suitRecipe('prune', pruned, '1');
  const { summary } = await startRun(recipe, at('label-first-pruned'));
  assert.ok(summary!.macs.after <= 0.7 * summary!.macs.before!);
  assert.ok(summary!.accuracy!.after > 0.5, JSON.stringify(summary!.accuracy));
});
