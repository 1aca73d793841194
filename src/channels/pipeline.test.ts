import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openDataset } from '../data/index.js';
import { openMachine } from '../engine/index.js';
import { summarize } from '../graph/facts/summary.js';
import { buildNetwork } from '../nn/index.js';
import { floats } from '../onnx/tensor.js';
import { halved, tossed } from './equivalence.test.fixture.js';
import {
  chooseUnits,
  composed,
  countsOf,
  findChannels,
  followed,
  type MethodSettings,
  maskChannels,
  measureSaliency,
  needsScales,
  type Selection,
  shrink,
  strengthFor,
  structuredMethods,
  usual,
} from './index.js';
import { built, troubles } from './shapes.test.fixture.js';

const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
const channels = findChannels(graph);
const never = async () => assert.fail('nothing is to be measured');
const choose = (settings: Partial<MethodSettings>, more: object = {}) =>
  chooseUnits({
    ...{ graph, channels, limits: {}, evaluate: never, ...more },
    settings: { ...usual, ...settings },
  });
const left = (selection: Selection) => [...countsOf(channels, selection).values()].reduce((a, b) => a + b, 0);
const units = left(new Map());

test('methods differ in name and settings, and all of these are axes', () => {
  assert.equal(new Set(structuredMethods.map(({ name }) => name)).size, structuredMethods.length);
  const settings = structuredMethods.map(({ defaults, shares }) => JSON.stringify({ defaults, shares }));
  assert.ok(new Set(settings).size > structuredMethods.length - 2, 'but uniform, which is L1 filters');
  const axes = new Set([...Object.keys(usual), 'threshold', 'markedStrength']);
  for (const { name, defaults } of structuredMethods)
    for (const axis of Object.keys(defaults)) assert.ok(axes.has(axis), `${name}: ${axis}`);
});

test('pruning in rounds is pruning at once: the same units, the same network', () =>
  fc.assert(
    fc.property(fc.nat(), fc.nat(), (a, b) => {
      const first = tossed(channels, a);
      const once = shrink(graph, channels, first);
      const smaller = followed(channels, first, findChannels(once));
      const second = tossed(smaller, b);
      const both = composed(channels, first, smaller, second);
      const twice = shrink(once, smaller, second);
      const atOnce = shrink(graph, channels, both);
      for (const [name, tensor] of atOnce.initializers)
        assert.deepEqual(floats(tensor), floats(twice.initializers.get(name)!), name);
      assert.equal(atOnce.initializers.size, twice.initializers.size);
    }),
    { numRuns: 25 },
  ));

test('heads that have shrunk to one dimension each do not go in units of the first network', () => {
  const [separate] = troubles.filter(({ name }) => name === 'attention: dimensions of all heads');
  const given = built(separate);
  const first = findChannels(given);
  const thin = new Map(
    first.groups.map(({ name, size }) => [name, Array.from({ length: size }, (_, i) => i === 1)]),
  );
  const once = shrink(given, first, thin);
  const found = findChannels(once);
  const followable = followed(first, thin, found);
  const apart = found.groups.filter(({ name }) => !followable.groups.some((group) => group.name === name));
  assert.ok(apart.length > 0 && apart.every(({ size }) => size === 3), 'the heads');
  assert.ok(followable.frozen.some(({ reason }) => /went together with others/.test(reason)));
  const whole = new Map(apart.map(({ name }) => [name, [true, false, true]]));
  assert.throws(() => composed(first, thin, found, whole), /not in the larger network/);
  const half = halved(channels, 1);
  const less = findChannels(shrink(graph, channels, half));
  assert.equal(followed(channels, half, less), less, 'all else can be followed');
});

test('a goal of channels is met within one unit, or refused', async () => {
  for (const allocate of ['uniform', 'global'] as const)
    for (const atMost of [units, 0.5 * units, 20])
      assert.equal(
        left((await choose({ allocate }, { goal: { of: 'channels', atMost } })).selection),
        Math.floor(atMost),
      );
  const coarse = await choose({}, { goal: { of: 'channels', atMost: 61 }, limits: { roundTo: 8 } });
  assert.ok(left(coarse.selection) <= 61 && left(coarse.selection) > 61 - 8);
  await assert.rejects(
    choose({}, { goal: { of: 'channels', atMost: 1 } }),
    /1 of \d+ channels are out of reach/,
  );
});

test('filters that are 0 already go first where they were set to 0 softly', async () => {
  const [{ name, size }] = channels.groups;
  const kept = Array.from({ length: size }, (_, unit) => unit % 2 === 1);
  const zeroed = maskChannels(graph, channels, new Map([[name, kept]]));
  const goal = { of: 'channels' as const, atMost: units / 2 };
  const { selection } = await choose(
    { importance: 'fpgm', allocate: 'uniform', sparse: 'soft' },
    { graph: zeroed, goal },
  );
  assert.deepEqual(selection.get(name), kept);
});

test('a search adapts BatchNorm and keeps the best, a sensitivity scan does not adapt', async () => {
  const seen: boolean[] = [];
  const evaluate = async (network: typeof graph, adapt: boolean) => {
    seen.push(adapt);
    return summarize(network).params / 1e6;
  };
  const goal = { of: 'macs' as const, fraction: 0.6 };
  const { selection } = await choose({ allocate: 'search' }, { goal, evaluate, candidates: 4 });
  const best = summarize(shrink(graph, channels, selection));
  const share = best.macs / summarize(graph).macs;
  assert.ok(share <= 0.6 && share > 0.59, String(share));
  assert.ok(seen.length > 1 && seen.every((adapt) => adapt));
  seen.length = 0;
  const scanned = await choose({ allocate: 'sensitivity' }, { goal, evaluate });
  assert.ok(scanned.sensitivity!.rows.length > 10 && seen.every((adapt) => !adapt));
});

test('what needs scales, and how strong a penalty takes one to 0 in a short training', () => {
  const needing = structuredMethods.filter(({ defaults }) => needsScales({ ...usual, ...defaults }));
  assert.deepEqual(
    needing.map(({ name }) => name),
    ['masksparsity', 'network-slimming', 'taylor', 'ratio', 'order', 'ot', 'mask-l1', 'grad-decay'],
  );
  assert.equal(strengthFor(100 * 5005, 0.1), 5e-4);
  const steps = 200;
  const s = strengthFor(steps, 0.05);
  const moved = Array.from({ length: steps / 2 }, (_, t) => 0.025 * (1 + Math.cos((Math.PI * t) / steps)));
  assert.ok((s / (1 - 0.9)) * moved.reduce((a, b) => a + b) > 1);
});

test('saliency is summed over mini-batches of the training images, and the graph stays as it is', async () => {
  const machine = await openMachine({ threads: 1 });
  try {
    const data = await openDataset('digits');
    const before = floats(graph.initializers.get('bn1.running_mean')!).slice();
    const measured = await measureSaliency(graph, { machine, data, batch: 64, count: 2, seed: 1 });
    assert.deepEqual(floats(graph.initializers.get('bn1.running_mean')!), before);
    const gates = measured.get('bn1.weight')!;
    assert.equal(gates.length, 8);
    assert.ok(gates.every((x) => x >= 0) && gates.some((x) => x > 0));
    const saliency = async () => measured;
    const goal = { of: 'channels' as const, atMost: units / 2 };
    const { importance } = await choose({ importance: 'taylor-gates' }, { goal, saliency });
    assert.ok(importance.size > 0);
  } finally {
    await machine.close();
  }
});
