import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildNetwork } from '../nn/index.js';
import { measure } from './measure.js';
import { attachmentOf, netronAttachment } from './netron.js';
import type { Summary } from './summary.js';

test('every figure of a tensor is an entry that Netron finds by its name', () => {
  const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 10, seed: 0 });
  const { layers } = measure(graph);
  const density = Object.fromEntries(layers.map(({ name, density }) => [name, density]));
  const { signature, metadata, metrics } = netronAttachment(graph, {
    density: { ...density, gone: 0.5 },
    importance: { 'conv1.weight': 2.5 },
    group: { 'conv1.weight': 'stem', 'bn1.weight': 'stem' },
  });
  assert.equal(signature, 'netron:attachment');
  assert.deepEqual(metadata, []);
  assert.deepEqual(
    metrics.filter(({ target }) => /^(conv|bn)1/.test(target)),
    [
      { kind: 'tensor', target: 'conv1.weight', name: 'density', value: 1, type: 'percentage' },
      { kind: 'tensor', target: 'conv1.weight', name: 'importance', value: 2.5, type: 'float32' },
      { kind: 'tensor', target: 'conv1.weight', name: 'group', value: 'stem', type: 'string' },
      { kind: 'tensor', target: 'bn1.weight', name: 'group', value: 'stem', type: 'string' },
    ],
  );
  assert.equal(metrics.length, layers.length + 3);
  assert.ok(metrics.every(({ target }) => graph.initializers.has(target)));
});

test('of removed channels it shows what is left of every tensor, its groups and their importance', () => {
  const [start, graph] = [1, 0.5].map((width) =>
    buildNetwork('resnet8', { shape: [3, 8, 8], classes: 10, seed: 0, width }),
  );
  const groups = [
    {
      name: 'stem',
      before: 16,
      after: 8,
      members: ['conv1.weight:0', 'layer1.0.conv1.weight:1'],
      importance: 3,
    },
    { name: 'inner', before: 16, after: 8, members: ['layer1.0.conv1.weight:0'] },
  ];
  const channels = { groups } as unknown as Summary['channels'];
  const { metrics } = attachmentOf(graph, start, { channels } as Summary);
  const of = (tensor: string) =>
    Object.fromEntries(
      metrics.flatMap(({ target, name, value }) => (target === tensor ? [[name, value]] : [])),
    );
  assert.deepEqual(of('conv1.weight'), { density: 0.5, importance: 3, group: 'stem' });
  assert.deepEqual(of('layer1.0.conv1.weight'), { density: 0.25, importance: 3, group: 'stem, inner' });
});
