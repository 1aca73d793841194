/** Vectors that files store once for several layers, and weights that layers share on purpose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { halved, sameComputed } from '../equivalence.test.fixture.js';
import { findChannels, type Selection, shrink, unitsOf } from '../index.js';
import { groupsInWords, type Sketch, sketch } from '../sketch.test.fixture.js';

/** Two hidden layers in a row, each with a residual sum; all biases of 12 are one vector, read directly and through an Identity. */
function mlp(s: Sketch) {
  let x = s.input('x', [6]);
  const one = s.weight('one', 12);
  for (const [i, bias] of [one, s.op('Identity', [one]), s.op('Identity', [one])].entries()) {
    const up = s.relu(s.op('Add', [s.op('MatMul', [x, s.weight(`up${i}`, 6, 12)]), bias]));
    x = s.op('Add', [x, s.linear(up, `down${i}`, 12, 6)]);
  }
  return s.finish(x);
}

const identities = ({ nodes }: ReturnType<typeof mlp>) => nodes.filter(({ op }) => op === 'Identity').length;

test('a bias that the file stores once for several layers does not tie them', async () => {
  const graph = mlp(sketch());
  const channels = findChannels(graph);
  assert.deepEqual(groupsInWords(channels), [
    '12: up0.1 out, one.0 along, down0.0 in',
    '12: up1.1 out, Identity0.0 along, down1.0 in',
    '12: up2.1 out, Identity1.0 along, down2.0 in',
  ]);
  const smaller = await sameComputed(graph, channels, halved(channels, 1));
  assert.equal(identities(smaller), 0);
});

test('copies that are still equal are stored once', async () => {
  const graph = mlp(sketch());
  const channels = findChannels(graph);
  const half = Array.from({ length: 12 }, (_, i) => i % 2 === 0);
  const alike: Selection = new Map(channels.groups.map(({ name }) => [name, half]));
  const all = await sameComputed(graph, channels, alike);
  assert.equal(identities(all), 2);
  assert.equal(all.initializers.size, graph.initializers.size);
  const first: Selection = new Map([[channels.groups[0].name, half]]);
  const some = await sameComputed(graph, channels, first);
  assert.equal(identities(some), 1);
  assert.equal(some.initializers.size, graph.initializers.size + 1);
  assert.deepEqual(groupsInWords(findChannels(some)).slice(1), groupsInWords(channels).slice(1));
});

test('a model of which nothing is removed is the one that was given', () => {
  const graph = mlp(sketch());
  assert.equal(shrink(graph, findChannels(graph), new Map()), graph);
});

test('layers that share their weights stay tied, and share their bias after surgery', async () => {
  const s = sketch();
  let x = s.input('x', [6]);
  const names = ['up', 'down'].map((name, i) => [
    s.weight(name, 6 + 6 * i, 12 - 6 * i),
    s.weight(`${name}.b`, 12 - 6 * i),
  ]);
  for (let i = 0; i < 3; i++) {
    const layer = (y: string, [w, b]: string[]) => s.op('Add', [s.op('MatMul', [y, w]), b]);
    x = s.op('Add', [x, layer(s.relu(layer(x, names[0])), names[1])]);
  }
  const graph = s.finish(x);
  const channels = findChannels(graph);
  assert.equal(unitsOf(channels), 12);
  const smaller = await sameComputed(graph, channels, halved(channels, 1));
  assert.deepEqual([...smaller.initializers.keys()].sort(), [...graph.initializers.keys()].sort());
});

test('scales and statistics that are stored once, as in a network that was not trained, tie nothing', async () => {
  const s = sketch();
  const [ones, zeros] = [s.weight('ones.var', 8), s.weight('zeros', 8)];
  const norm = (x: string, hand: boolean) =>
    s.op('BatchNormalization', [
      x,
      ...[ones, zeros, zeros, ones].map((name) => (hand ? s.op('Identity', [name]) : name)),
    ]);
  const a = s.relu(norm(s.conv(s.input('x', [3, 4, 4]), 'a', 8, 3), false));
  const b = s.relu(norm(s.conv(a, 'b', 8, 8), true));
  const graph = s.finish(s.head(b, 8));
  const channels = findChannels(graph);
  assert.equal(channels.groups.length, 2);
  await sameComputed(graph, channels, halved(channels, 1));
});

test('a vector that is taken apart is one', () => {
  const s = sketch();
  const gates = s.weight('gates', 12);
  const parts = [4, 0, 8].map((from) => s.op('Slice', [gates, s.ints(from), s.ints(from + 4)]));
  const x = s.linear(s.input('x', [6]), 'a', 6, 12);
  const y = s.op('Add', [x, s.op('Concat', parts, { axis: 0 })]);
  const channels = findChannels(s.finish(s.linear(s.relu(y), 'b', 12, 3)));
  assert.deepEqual(groupsInWords(channels), ['12: gates.0 along, a.1 out, a.b.0 along, b.0 in']);
});
