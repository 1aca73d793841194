/** Units that nothing reaches, or that reach nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, uniform } from '../../base/index.js';
import { buildNetwork, type NetworkOptions } from '../../nn/index.js';
import { floats, floatTensor, type Graph, sizeOf } from '../../onnx/index.js';
import { maskChannels } from '../cut/mask.js';
import { findChannels } from '../find/groups.js';
import { deadUnits } from './dead.js';

const zoo = (name: string, options: Partial<NetworkOptions> = {}): Graph =>
  buildNetwork(name, { shape: [3, 32, 32], classes: 10, seed: 0, ...options });

/** The graph with the weights of `name` made 0 where `gone(out, in)` says so. */
function cut(graph: Graph, name: string, gone: (out: number, from: number) => boolean): Graph {
  const { shape } = graph.initializers.get(name)!;
  const inner = sizeOf(shape.slice(2));
  const values = floats(graph.initializers.get(name)!).map((x, e) =>
    gone(Math.floor(e / (inner * shape[1])), Math.floor(e / inner) % shape[1]) ? 0 : x,
  );
  return { ...graph, initializers: new Map(graph.initializers).set(name, floatTensor(shape, values)) };
}

/** How many units of each group are dead. */
const deadOf = (graph: Graph): Record<string, number> =>
  Object.fromEntries(
    [...deadUnits(graph, findChannels(graph))].map(([name, kept]) => [
      name,
      kept.filter((alive) => !alive).length,
    ]),
  );

test('networks as they are built have no dead units', () => {
  for (const name of ['resnet8', 'vgg16', 'mobilenetv2', 'lenet5', 'resnet18'])
    assert.deepEqual(deadOf(zoo(name, name === 'lenet5' ? {} : { width: 0.25 })), {}, name);
});

test('a unit that nothing makes, or nothing reads, is dead', () => {
  const inside = 'layer1.0.conv1.weight';
  const noInput = cut(zoo('resnet8'), inside, (out) => out < 3);
  assert.deepEqual(deadOf(noInput), { [inside]: 3 });
  const noOutput = cut(zoo('resnet8'), 'layer1.0.conv2.weight', (_, from) => from < 5);
  assert.deepEqual(deadOf(noOutput), { [inside]: 5 });
});

test('where a sum is fed from elsewhere, only what hangs on the empty branch dies', () => {
  const emptied = cut(zoo('resnet8'), 'layer1.0.conv2.weight', () => true);
  assert.deepEqual(deadOf(emptied), { 'layer1.0.conv1.weight': 16 });
});

test('death spreads up and down a chain', () => {
  const graph = zoo('lenet5');
  const [first, second] = findChannels(graph).groups;
  const blind = cut(graph, second.name, () => true);
  assert.deepEqual(
    [deadOf(blind)[first.name], deadOf(blind)[second.name]],
    [first.size, second.size],
    'what the empty layer reads is read by nothing, and what it makes is nothing',
  );
});

test('exactly the units that were masked are dead', () => {
  for (const name of ['resnet20', 'vgg16', 'mobilenetv2', 'resnet50']) {
    const graph = zoo(name, { width: 0.25 });
    const channels = findChannels(graph);
    const draw = random(1, name);
    const selection = new Map(
      channels.groups.map((group) => [
        group.name,
        Array.from({ length: group.size }, (_, unit) => unit === 0 || uniform(draw) < 0.6),
      ]),
    );
    const expected = [...selection].filter(([, kept]) => kept.includes(false));
    assert.deepEqual([...deadUnits(maskChannels(graph, channels, selection), channels)], expected, name);
  }
});
