import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildNetwork } from '../nn/index.js';
import { floats, floatTensor } from '../onnx/index.js';
import { spread } from './bench.js';
import { histograms } from './histogram.js';
import { byReason, measure } from './measure.js';

test('zeros of a prunable weight count, and take their MACs with them', () => {
  const graph = buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 0 });
  const dense = measure(graph);
  assert.equal(dense.macs, 40551040, 'convolutions and the linear layer of ResNet-20');
  assert.equal(dense.sparsity, 0);
  assert.equal(dense.effectiveMacs, dense.macs);

  const name = 'layer1.0.conv1.weight';
  const tensor = graph.initializers.get(name)!;
  const half = floats(tensor).map((x, i) => (i % 2 ? x : 0));
  const pruned = measure({
    ...graph,
    initializers: new Map(graph.initializers).set(name, { ...tensor, data: half }),
  });
  assert.equal(pruned.sparsity, 1152 / dense.prunable);
  assert.equal(pruned.sparsityWithBiases, 1152 / (dense.prunable + 10));
  assert.equal(pruned.effectiveSparsity, pruned.sparsity, 'every second weight leaves no unit dead');
  assert.equal(dense.effectiveMacs - pruned.effectiveMacs, 1152 * 32 * 32);
  assert.equal(dense.nonzero - pruned.nonzero, 1152);
});

test('dead units take the weights that they tie with them', () => {
  const graph = buildNetwork('resnet8', { shape: [3, 32, 32], classes: 10, seed: 0 });
  const dense = measure(graph);
  assert.deepEqual([dense.units, dense.deadUnits], [16 * 3 + 32 * 2 + 64 * 2 + 10, 0]);
  const name = 'layer1.0.conv2.weight';
  const tensor = graph.initializers.get(name)!;
  const unread = floats(tensor).map((x, i) => (Math.floor(i / 9) % 16 < 5 ? 0 : x));
  const initializers = new Map(graph.initializers).set(name, { ...tensor, data: unread });
  const { effectiveMacs, liveMacs, effectiveSparsity, sparsity, deadUnits, ...rest } = measure({
    ...graph,
    initializers,
  });
  assert.equal(deadUnits, 5);
  assert.equal(rest.layers.find((layer) => layer.name === 'layer1.0.conv1.weight')?.dead, 5);
  assert.equal(effectiveMacs - liveMacs, 5 * 16 * 9 * 32 * 32);
  assert.equal(Math.round((effectiveSparsity - sparsity) * rest.prunable), 5 * 16 * 9);
});

test('every number of a model is prunable or has a reason not to be', () => {
  const graph = buildNetwork('mobilenetv2', { shape: [3, 32, 32], classes: 10, seed: 0, width: 0.25 });
  const { layers, unpruned } = measure(graph);
  const named = [...layers, ...unpruned].map(({ name }) => name);
  const floating = [...graph.initializers]
    .filter(([, { dtype }]) => dtype === 'float32')
    .map(([name]) => name);
  assert.deepEqual(named.sort(), floating.sort());
  const gathered = byReason(unpruned);
  assert.equal(gathered.flatMap(({ names }) => names).length, unpruned.length);
  assert.ok(gathered.length <= 4);
});

test('histograms share their bins and leave out zeros', () => {
  const state = (...values: number[]) => ({
    ...buildNetwork('resnet8', { shape: [3, 8, 8], classes: 2, seed: 0 }),
    initializers: new Map([['w', floatTensor([values.length], values)]]),
  });
  const [before, after] = histograms([state(1, -1, 1, -1), state(0, 0, 99, -1e-3)], ['w']);
  assert.equal(before.limit, after.limit);
  const filled = ({ counts }: typeof before) => counts.flatMap((n, bin) => (n ? [[bin, n]] : []));
  assert.deepEqual(filled(after), [
    [29, 1],
    [40, 1],
  ]);
  assert.equal(before.counts.length, 60);
  assert.deepEqual(histograms([state(0)], ['w'])[0].counts, new Array(60).fill(0));
});

test('median and interval of times', () => {
  const times = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) + 1);
  assert.deepEqual(spread(times), { median: 50.5, interval: [41, 60] });
  assert.deepEqual(spread([3]), { median: 3, interval: [3, 3] });
});

test('a bias that an Identity hands on is one all the same', () => {
  const graph = buildNetwork('resnet8', { shape: [3, 32, 32], classes: 10, seed: 0 });
  const reasonOf = (model: typeof graph) =>
    measure(model).unpruned.find(({ name }) => name === 'linear.bias')?.reason;
  const handed = graph.nodes.flatMap((node) => {
    if (!node.inputs.includes('linear.bias')) return [node];
    const inputs = node.inputs.map((name) => (name === 'linear.bias' ? 'handed' : name));
    const identity = { name: 'hand', op: 'Identity', domain: '', outputs: ['handed'], attributes: {} };
    return [
      { ...identity, inputs: ['linear.bias'] },
      { ...node, inputs },
    ];
  });
  assert.equal(handed.length, graph.nodes.length + 1);
  assert.match(reasonOf(graph)!, /^bias: /);
  assert.equal(reasonOf({ ...graph, nodes: handed }), reasonOf(graph));
});
