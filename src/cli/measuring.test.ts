/** Packing, timing and profiling as a person does them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { sketch } from '../channels/sketch.test.fixture.js';
import { expandModel } from '../graph/index.js';
import { buildNetwork } from '../nn/index.js';
import { floats, readModel, writeModel } from '../onnx/index.js';
import { measure } from '../runs/index.js';
import { unpack } from '../runtime/index.js';
import { shell } from './shell.test.fixture.js';

const { at, espalier } = shell('measuring');

/** A small residual network for the digits, of whose weights nineteen in twenty are zero. */
before(async () => {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1 });
  await writeModel(at('dense.onnx'), graph);
  const initializers = new Map(graph.initializers);
  for (const name of expandModel(graph).prunable.keys()) {
    const tensor = initializers.get(name)!;
    const data = floats(tensor).map((x, i) => (i % 20 ? x * 0 : x));
    initializers.set(name, { ...tensor, data });
  }
  await writeModel(at('pruned.onnx'), { ...graph, initializers });
});

test('pack: a smaller file of the same weights, which other commands read', async () => {
  const packed = await espalier('pack pruned.onnx --json');
  assert.equal(packed.status, 0, packed.err);
  const { file, bytes, sparsity } = JSON.parse(packed.out);
  assert.equal(file, 'pruned.espk');
  assert.equal(bytes.raw, readFileSync(at('pruned.onnx')).length);
  assert.equal(bytes.packed, readFileSync(at('pruned.espk')).length);
  assert.ok(bytes.packed < bytes.gzip && bytes.gzip < bytes.raw);
  const { initializers } = await readModel(at('pruned.onnx'));
  const back = await unpack(readFileSync(at('pruned.espk')));
  for (const [name, { data }] of initializers)
    assert.ok(
      data.every((x, i) => x === back.initializers.get(name)!.data[i]),
      name,
    );

  const inspected = JSON.parse((await espalier('inspect pruned.espk --json')).out);
  assert.equal(inspected.sparsity, sparsity);
  const [one, other] = await Promise.all(
    ['onnx', 'espk'].map((ending) => espalier(`eval pruned.${ending} --data digits --json`)),
  );
  assert.equal(other.status, 0, other.err);
  assert.equal(JSON.parse(one.out).loss, JSON.parse(other.out).loss);
});

test('pack: needs no sizes and no operators, for nothing is run', async () => {
  const s = sketch();
  const table = s.weight('table', 8, 4);
  s.op('vendor.Mystery', [s.op('Gather', [table, s.input('ids', [5], 'int64')])], {});
  const graph = s.finish(s.op('MatMul', [s.op('Gather', [table, 'ids']), s.weight('up', 4, 6)]));
  for (const batch of ['N', 4]) {
    const inputs = graph.inputs.map((input) => ({ ...input, shape: [batch, 'length'] }));
    await writeModel(at('open.onnx'), { ...graph, inputs });
    const { status, out, err } = await espalier('pack open.onnx --json');
    assert.equal(status, 0, err);
    assert.equal(JSON.parse(out).sparsity, 0);
  }
});

test('pack: says where it gains nothing, and never takes the place of its model', async () => {
  const dense = await espalier('pack dense.onnx --out nothing-gained.espk');
  assert.equal(dense.status, 0, dense.err);
  assert.match(dense.out, /gzip makes the \.onnx as small\.$/m);

  const before = readFileSync(at('pruned.onnx'));
  const onto = await espalier('pack pruned.onnx --out ./pruned.onnx');
  assert.equal(onto.status, 1);
  assert.match(onto.err, /^espalier: The packed file would overwrite its own model [^\n]+\.\n$/);
  assert.ok(before.equals(readFileSync(at('pruned.onnx'))));

  const nowhere = await espalier('pack pruned.onnx --out no/folder/model.espk');
  assert.equal(nowhere.status, 1);
  assert.match(nowhere.err, /^espalier: Cannot write no\/folder\/model\.espk: [^\n]+\.\n$/);

  const whole = await espalier('pack pruned.onnx --out whole.espk');
  assert.equal(whole.status, 0, whole.err);
  writeFileSync(at('half.espk'), readFileSync(at('whole.espk')).subarray(0, 500));
  const half = await espalier('pack half.espk --out again.espk');
  assert.equal(half.status, 1);
  assert.match(half.err, /^espalier: half\.espk is damaged or cut short; download or pack it again\.\n$/);
  assert.ok(!existsSync(at('again.espk')));
});

test('bench: models on all runtimes that are there, in turns', async () => {
  const { status, out, err } = await espalier('bench dense.onnx pruned.onnx --runs 6 --threads 1 --json');
  assert.equal(status, 0, err);
  const { results, notes, threads, runs } = JSON.parse(out);
  assert.deepEqual([threads, runs], [1, 6]);
  const peers = ['onnxruntime-node', 'onnxruntime-web', 'espalier/runtime', 'espalier'];
  const there = peers.filter(
    (name) => !notes.some((note: string) => note.startsWith(`${name} is not installed`)),
  );
  assert.deepEqual(
    results.map(({ model, runtime }: Record<string, string>) => [model, runtime]),
    ['dense.onnx', 'pruned.onnx'].flatMap((model) => there.map((runtime) => [model, runtime])),
  );
  assert.equal(results[0].speed, 1);
  for (const { median, interval, speed, macs, effectiveMacs, sparsity } of results) {
    assert.ok(0 < interval[0] && interval[0] <= median && median <= interval[1]);
    assert.equal(speed, results[0].median / median);
    assert.ok(sparsity > 0.9 ? effectiveMacs < macs / 5 : effectiveMacs === macs);
  }
});

test('bench: chosen runtimes, and what they cannot do', async () => {
  const chosen = await espalier('bench pruned.onnx --runs 5 --runtimes espalier,espalier/runtime');
  assert.equal(chosen.status, 0, chosen.err);
  assert.match(chosen.out, /^pruned\.onnx +espalier +1 .* 1\.00 × +9\d\.\d\d % /m);
  assert.match(chosen.out, /^\d+ threads? each, 5 runs in turns: espalier \(.+\), espalier\/runtime \(/m);
  assert.doesNotMatch(chosen.out, /onnxruntime/);

  const many = await espalier('bench pruned.onnx --runs 5 --batch 3 --threads 1 --json');
  assert.equal(many.status, 0, many.err);
  const { results, notes } = JSON.parse(many.out);
  assert.ok(
    results.every(
      ({ batch, runtime }: Record<string, unknown>) => batch === 3 && runtime !== 'espalier/runtime',
    ),
  );
  assert.ok(notes.includes('espalier/runtime computes one sample at a time, so it takes no part at 3.'));

  const asked = await espalier('bench pruned.onnx --batch 3 --runtimes espalier/runtime');
  assert.equal(asked.status, 1);
  assert.match(asked.err, /^espalier: espalier\/runtime computes one sample at a time[^\n]+\n$/);
  const unknown = await espalier('bench pruned.onnx --runtimes tensorflow');
  assert.equal(unknown.status, 1);
  assert.match(unknown.err, /^espalier: There is no runtime "tensorflow"; choose some of [^\n]+\n$/);
});

interface Row {
  name: string;
  ms: number;
  backward: number;
  share: number;
  macs: number;
  gigamacs?: number;
  best?: number;
}

const sum = (rows: readonly Row[], what: 'ms' | 'share' | 'macs') =>
  rows.reduce((total, row) => total + row[what], 0);

test('profile: a single sample on espalier/runtime', async () => {
  const { status, out, err } = await espalier('profile pruned.onnx --runs 5 --json');
  assert.equal(status, 0, err);
  const { runtime, batch, ms, kernels, layers, limits, sparsity } = JSON.parse(out);
  assert.deepEqual([runtime, batch], ['espalier/runtime', 1]);
  assert.ok(sparsity > 0.9 && limits.gigamacs > 0 && limits.gigabytes > 0);
  assert.ok(Math.abs(sum(kernels, 'ms') - ms) < 0.01 * ms);
  assert.ok(Math.abs(sum(kernels, 'share') - 1) < 0.01);
  const multiplying = layers.filter(({ macs }: Row) => macs > 0);
  assert.equal(multiplying.length, 8, 'seven convolutions and a linear layer');
  assert.deepEqual(
    layers.filter(({ macs }: Row) => !macs).map(({ op }: { op: string }) => op),
    ['GlobalAveragePool'],
  );
  for (const { best, share } of multiplying) assert.ok(best > 0 && best <= 1 && share > 0 && share < 1);
  const { effectiveMacs } = measure(await readModel(at('pruned.onnx')));
  const done = sum(layers, 'macs');
  assert.ok(done >= 0.99 * effectiveMacs && done === sum(kernels, 'macs'));
});

test('profile: the train step, by kernel and layer', async () => {
  const { status, out, err } = await espalier(
    'profile dense.onnx --train --batch 32 --runs 3 --threads 2 --json',
  );
  assert.equal(status, 0, err);
  const { what, runtime, kernels, layers } = JSON.parse(out);
  assert.deepEqual([what, runtime], ['train step', 'espalier']);
  const { macs } = measure(await readModel(at('dense.onnx')));
  const first = 16 * 9 * 64;
  assert.equal(sum(layers, 'macs'), 32 * (3 * macs - first), 'the image needs no gradient');
  for (const name of ['waiting', 'update', 'between programs'])
    assert.ok(
      kernels.some((row: Row) => row.name === name),
      name,
    );
  const conv = layers.find(({ name }: Row) => name === 'layer1.0.conv2');
  assert.ok(conv.backward > 0 && conv.backward < conv.ms && conv.gigamacs > 0);

  const sparse = await espalier('profile dense.onnx --train --batch 32 --runs 3 --sparsity 0.9');
  assert.equal(sparse.status, 0, sparse.err);
  assert.match(sparse.out, /^Train step of 32 samples on espalier \(.+\): .* 89\.99 % of the prunable/);
  assert.match(sparse.out, /^layer3\.0\.conv2 +Conv +[\d.]+ ms +[\d.]+ ms +[\d.]+ %/m);
});
