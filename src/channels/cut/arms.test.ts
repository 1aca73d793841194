/** Residual arms: which there are, what a network is without one, and the order in which they go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNetwork, openMachine } from '../../engine/index.js';
import { summarize } from '../../graph/index.js';
import { builder, buildNetwork } from '../../nn/index.js';
import type { Graph } from '../../onnx/index.js';
import { dropArms, findArms, withoutArm } from './arms.js';

const shape = [3, 16, 16];

test('every block of a residual network has one, with either kind of shortcut', () => {
  for (const shortcut of ['A', 'B'] as const) {
    const graph = buildNetwork('resnet20', { shape, classes: 10, seed: 1, width: 0.25, shortcut });
    const arms = findArms(graph);
    assert.equal(arms.length, 9, shortcut);
    for (const arm of arms) {
      assert.equal(arm.nodes.size, 5, `${arm.name}: two convolutions with BatchNorm and an activation`);
      const smaller = withoutArm(graph, arm);
      assert.equal(summarize(smaller).macs, summarize(graph).macs - arm.macs);
      assert.ok(smaller.initializers.size < graph.initializers.size);
    }
  }
});

test('a sum is one by either operator', () => {
  const graph = buildNetwork('resnet8', { shape, classes: 10, seed: 1, width: 0.25 });
  const nodes = graph.nodes.map((node) => (node.op === 'Add' ? { ...node, op: 'Sum' } : node));
  assert.deepEqual(
    findArms({ ...graph, nodes }).map(({ name, macs }) => [name, macs]),
    findArms(graph).map(({ name, macs }) => [name, macs]),
  );
});

test('there are none where nothing passes by, and of two equal sides one goes on', () => {
  assert.deepEqual(findArms(buildNetwork('lenet5', { shape: [1, 32, 32], classes: 10, seed: 1 })), []);
  const b = builder({ name: 'two', seed: 1 });
  const x = b.input('x', [8]);
  const [first, second] = ['first', 'second'].map((name) => b.linear(x, { out: 8, name }));
  assert.deepEqual(
    findArms(b.finish({ y: b.add(first, second) })).map(({ macs }) => macs),
    [64],
  );
});

test('without an arm the sum gives what the stream holds', async () => {
  const b = builder({ name: 'one', seed: 3 });
  const x = b.relu(b.linear(b.input('x', [6]), { out: 8, name: 'first' }));
  const arm = b.linear(b.relu(b.linear(x, { out: 4, name: 'down' })), { out: 8, name: 'up' });
  const graph = b.finish({ y: b.linear(b.add(x, arm), { out: 2, name: 'last' }) });
  const smaller = withoutArm(graph, findArms(graph)[0]);
  const zero = new Map(graph.initializers);
  for (const name of ['up.weight', 'up.bias']) {
    const tensor = zero.get(name)!;
    zero.set(name, { ...tensor, data: new Float32Array(tensor.data.length) });
  }
  const input = { x: Float32Array.from({ length: 12 }, (_, i) => Math.sin(i)) };
  const machine = await openMachine({ threads: 1 });
  const answers = async (model: Graph) => {
    const inference = loadNetwork(model, { machine }).inference({ batch: 2 });
    return [...(await inference.run(input, 2)).y];
  };
  try {
    assert.deepEqual(await answers(smaller), await answers({ ...graph, initializers: zero }));
  } finally {
    await machine.close();
  }
});

test('arms go in the order of what they cost, and what cannot be next is not measured again', async () => {
  const graph = buildNetwork('resnet20', { shape, classes: 10, seed: 1, width: 0.25 });
  const names = findArms(graph).map(({ name }) => name);
  const worth = new Map(names.map((name, i) => [name, (i * 5) % 9]));
  let measured = 0;
  const distance = async (network: Graph) => {
    measured++;
    const left = new Set(findArms(network).map(({ name }) => name));
    return [...worth].reduce((sum, [name, value]) => (left.has(name) ? sum : sum + value), 0);
  };
  const { dropped, graph: smaller } = await dropArms(graph, { count: 3, distance });
  const wanted = names.toSorted((a, b) => worth.get(a)! - worth.get(b)!).slice(0, 3);
  assert.deepEqual(
    dropped.map(({ arm }) => arm),
    wanted,
  );
  assert.equal(findArms(smaller).length, 6);
  assert.ok(measured < 9 + 8 + 7, `${measured}`);
  assert.equal((await dropArms(graph, { count: 99, distance })).dropped.length, 9);
});
