/** Models of odd names: of what every object of JavaScript inherits, of what terminals obey, and very long ones. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { visible, visibleLines } from '../base/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { type Graph, readModel, writeModel } from '../onnx/index.js';
import { draws, perceptron } from '../runs/arrays.test.fixture.js';
import { load } from '../runtime/index.js';
import { shell } from './shell.test.fixture.js';

const { at, espalier } = shell('names');

const INHERITED = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];

/** The graph with its input, two layers' weights and its output under those names, beginning with the k-th. */
function renamed(graph: Graph, k: number): Graph {
  const old = [graph.inputs[0].name, 'first', 'second', graph.outputs[0].name];
  const names = new Map(old.map((name, i) => [name, INHERITED[(i + k) % INHERITED.length]]));
  const now = (name: string) => names.get(name) ?? name;
  const renamedValue = <V extends { name: string }>(value: V): V => ({ ...value, name: now(value.name) });
  return {
    ...graph,
    inputs: graph.inputs.map(renamedValue),
    outputs: graph.outputs.map(renamedValue),
    nodes: graph.nodes.map((node, i) => ({
      ...node,
      name: INHERITED[i] ?? node.name,
      inputs: node.inputs.map(now),
      outputs: node.outputs.map(now),
    })),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [now(name), tensor])),
    source: {
      ...graph.source,
      opsets: { ...graph.source.opsets, [INHERITED[k]]: 1 },
      metadata: Object.fromEntries(INHERITED.map((name) => [name, `${name}!`])),
    },
  };
}

const data = (input: string): Uint8Array => {
  const { labels, values } = draws(40, 8, (_, label, i) => (label === i % 3 ? 1 : 0));
  return archive({ [input]: reals([40, 8], values), y: wholes([40], labels) });
};

const done = async (line: string): Promise<string> => {
  const { status, out, err } = await espalier(line);
  assert.equal(status, 0, `${line}: ${err}`);
  return out;
};

test('every role under every name: read, written, run', async () => {
  const plain = perceptron();
  const x = Float32Array.from({ length: 8 }, (_, i) => Math.sin(i));
  const answer = async (graph: Graph) => {
    await writeModel(at('model.onnx'), graph);
    const model = await load(at('model.onnx'), { threads: 1 });
    const outputs = await model.run({ [graph.inputs[0].name]: x });
    await assert.rejects(model.run({}), /is missing; give its values/);
    await model.close();
    assert.deepEqual(Object.keys(outputs), [graph.outputs[0].name]);
    return Object.values(outputs)[0];
  };
  const expected = await answer(plain);
  for (const k of INHERITED.keys()) {
    const graph = renamed(plain, k);
    assert.deepEqual(await answer(graph), expected);
    const { source, initializers, inputs } = await readModel(at('model.onnx'));
    assert.deepEqual(source.metadata, graph.source.metadata);
    assert.deepEqual(source.opsets, graph.source.opsets);
    assert.deepEqual([...initializers.keys()], [...graph.initializers.keys()]);
    const shapes = Object.fromEntries([[inputs[0].name, [1, 8]]]);
    const given = await load(at('model.onnx'), { threads: 1, inputShapes: shapes });
    await given.close();
  }
});

test('commands take them, with data and without', async () => {
  for (const k of [0, 1]) {
    const graph = renamed(perceptron(), k);
    const input = graph.inputs[0].name;
    await writeModel(at(`${k}.onnx`), graph);
    writeFileSync(at(`${k}.npz`), data(input));
    const inspected = JSON.parse(await done(`inspect ${k}.onnx --json`));
    assert.deepEqual(Object.keys(inspected.inputs), [input]);
    await done(`inspect ${k}.onnx --input-shape ${input}=1,8 --json`);
    await done(`bench ${k}.onnx --runtimes espalier/runtime --runs 1 --json`);
    await done(`eval ${k}.onnx --data npz:${k}.npz --json`);
    await done(
      `prune ${k}.onnx --method l1-filters --macs 0.5 --round-to 1 --data none --out none${k} --json`,
    );
    await done(`pack ${k}.onnx --json`);
    const run = `prune ${k}.onnx --method l1-filters --data npz:${k}.npz --epochs 1 --json`;
    await done(`${run} --macs 0.5 --round-to 1 --out run${k}`);
    const mask = JSON.parse(readFileSync(at(`run${k}`, 'mask.json'), 'utf8'));
    assert.ok(
      Object.keys(mask).some((name) => INHERITED.includes(name)),
      Object.keys(mask).join(),
    );
    await done(`${run} --mask run${k}/mask.json --out masked${k}`);
    const { metrics } = JSON.parse(readFileSync(at(`run${k}`, 'model.netron.json'), 'utf8'));
    const told = new Set(metrics.map(({ target }: { target: string }) => target));
    for (const name of INHERITED.filter((own) => graph.initializers.has(own)))
      assert.ok(told.has(name), name);
  }
});

test('settings of such names are no settings', async () => {
  for (const name of INHERITED) {
    writeFileSync(at('recipe.yaml'), `model: resnet8\ndata: digits\n${name}: 1\n`);
    const { status, err } = await espalier('train --recipe recipe.yaml --out never');
    assert.equal(status, 1);
    assert.match(err, new RegExp(`train has no setting "${name}"`), name);
  }
  for (const line of [
    'train constructor --data digits --out never',
    'train resnet8 --data constructor --out never',
    'prune resnet8 --method constructor --sparsity 0.9 --data digits --out never',
    'prune resnet8 --method gmp --score constructor --sparsity 0.9 --data digits --out never',
    'data constructor',
  ]) {
    const { status, err } = await espalier(line);
    assert.equal(status, 1, line);
    assert.doesNotMatch(err, /defect/, line);
  }
});

test('names that a terminal would obey, and long ones, are shown and not obeyed', async () => {
  const evil = '\u001b[31mRED\u001b[0m\u0007\u202egnp.\nsecond line\u009b2J';
  const graph = perceptron();
  const names = new Map([
    ['first', `${evil}1`],
    ['second', `${'long'.repeat(1600)}2`],
    [graph.inputs[0].name, `${evil}x`],
  ]);
  const now = (name: string) => names.get(name) ?? name;
  await writeModel(at('evil.onnx'), {
    ...graph,
    inputs: graph.inputs.map((value) => ({ ...value, name: now(value.name) })),
    nodes: graph.nodes.map((node, i) => ({
      ...node,
      name: `${evil}${'node'.repeat(i * 400)}${i}`,
      inputs: node.inputs.map(now),
    })),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [now(name), tensor])),
  });
  writeFileSync(at('evil.npz'), data('x'));
  for (const line of [
    'inspect evil.onnx',
    'profile evil.onnx --runs 1',
    'bench evil.onnx --runtimes espalier/runtime --runs 1',
    'prune evil.onnx --method l1-filters --macs 0.5 --round-to 1 --data none --out evil',
    'prune evil.onnx --method random-channels --macs 0.5 --round-to 1 --data none --out evil2',
    'masks evil evil2',
    'sensitivity evil.onnx --data npz:evil.npz --densities 0.5',
    'pack evil.onnx',
  ]) {
    const { status, out, err } = await espalier(line);
    assert.equal(status, 0, `${line}: ${err}`);
    for (const text of [...out.split('\n'), ...err.split('\n')]) {
      assert.equal(text, visible(text), line);
      assert.ok(text.length < 1000, `${line}: a line of ${text.length} characters`);
    }
    assert.doesNotMatch(out, /^second line/m, line);
  }
  const json = await done('inspect evil.onnx --json');
  assert.equal(json, visibleLines(json));
  assert.deepEqual(Object.keys(JSON.parse(json).inputs), [`${evil}x`]);
  const report = readFileSync(at('evil', 'report.html'), 'utf8');
  assert.equal(report, visibleLines(report));
  assert.ok(!report.includes('long'.repeat(60)), 'a name of 6,400 characters');
  const { status, err } = await espalier('eval evil.onnx --data digits');
  assert.equal(status, 1);
  assert.ok(err.length < 600, err);
});
