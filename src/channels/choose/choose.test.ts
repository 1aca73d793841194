import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { openDataset } from '../../data/index.js';
import { openMachine } from '../../engine/index.js';
import { summarize } from '../../graph/index.js';
import { buildNetwork } from '../../nn/index.js';
import { floats, floatTensor } from '../../onnx/index.js';
import { halved, tossed } from '../equivalence.test.fixture.js';
import {
  chooseUnits,
  composed,
  countsOf,
  findChannels,
  followed,
  isShort,
  type MethodSettings,
  markedStrengthFor,
  maskChannels,
  measureSaliency,
  needsScales,
  reachOf,
  type Selection,
  scalesAbove,
  settledFor,
  shrink,
  sparseStrengthFor,
  structuredMethods,
  usual,
} from '../index.js';
import { built, troubles } from '../shapes.test.fixture.js';

const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
const channels = findChannels(graph);
const never = async () => assert.fail('nothing is to be measured');
const choose = (settings: Partial<MethodSettings>, more: object = {}) =>
  chooseUnits({
    ...{ graph, channels, limits: {}, evaluate: never, distance: never, ...more },
    settings: { ...usual, ...settings },
  });
const left = (selection: Selection) => [...countsOf(channels, selection).values()].reduce((a, b) => a + b, 0);
const units = left(new Map());

test('methods differ in name and settings, and all of these are axes', () => {
  assert.equal(new Set(structuredMethods.map(({ name }) => name)).size, structuredMethods.length);
  const settings = structuredMethods.map(({ defaults, shares }) => JSON.stringify({ defaults, shares }));
  assert.ok(new Set(settings).size > structuredMethods.length - 2, 'but uniform, which is L1 filters');
  const axes = new Set([...Object.keys(usual), 'threshold', 'markedStrength', 'markedShifts']);
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

test('what needs scales', () => {
  const needing = structuredMethods.filter(({ defaults }) => needsScales({ ...usual, ...defaults }));
  assert.deepEqual(
    needing.map(({ name }) => name),
    ['masksparsity', 'network-slimming', 'taylor', 'ratio', 'order', 'ot', 'mask-l1', 'grad-decay'],
  );
});

test('penalties: the published strengths in long trainings, and in short ones what brings scales to 0', () => {
  const imagenet = { steps: 100 * 5005, learningRate: 0.1 };
  const short = { steps: 3 * 391, learningRate: 0.05 };
  const near = (actual: number, expected: number) =>
    assert.ok(Math.abs(actual / expected - 1) < 1e-3, `${actual}, not ${expected}`);
  assert.deepEqual([markedStrengthFor(imagenet), sparseStrengthFor(imagenet, 1e-4)], [5e-4, 1e-4]);
  assert.deepEqual([isShort(imagenet), isShort(short)], [false, true]);
  near(reachOf(short), 293.25);
  near(markedStrengthFor(short), 0.02728);
  near(sparseStrengthFor(short, 5e-4), 0.00682);
  near(markedStrengthFor({ ...short, momentum: 0 }), 0.2728);
  const shortest = { steps: 22, learningRate: 0.05 };
  assert.deepEqual([sparseStrengthFor(shortest, 5e-4), sparseStrengthFor(shortest, 0.02)], [0.01, 0.02]);
  // SGD with momentum along a cosine, nothing but the penalty: the distance is the reach.
  let [velocity, moved] = [0, 0];
  for (let t = 0; t < short.steps; t++) {
    velocity = 0.9 * velocity + markedStrengthFor(short);
    moved += 0.025 * (1 + Math.cos((Math.PI * t) / short.steps)) * velocity;
  }
  assert.ok(Math.abs(moved - 8) < 0.2, String(moved));
});

test('what is given stays, what is not depends on the training, and only on scales', () => {
  const short = { steps: 1173, learningRate: 0.05 };
  const settled = (settings: Partial<MethodSettings>, training = short) => {
    const { sparseStrength: _, ...open } = usual;
    const { sparseStrength, markedStrength, markedShifts } = settledFor(
      { ...open, marked: 'l1', ...settings },
      training,
      5e-4,
    );
    return [sparseStrength, markedStrength, markedShifts];
  };
  assert.deepEqual(settled({ sparse: 'depgraph', markedShifts: false, markedStrength: 1 }), [5e-4, 1, false]);
  assert.deepEqual(settled({ sparse: 'l1', sparseStrength: 2 }), [2, markedStrengthFor(short), true]);
  assert.deepEqual(settled({ sparse: 'l1' }), [
    sparseStrengthFor(short, 5e-4),
    markedStrengthFor(short),
    true,
  ]);
  const long = { steps: 500_500, learningRate: 0.1 };
  assert.deepEqual(settled({ sparse: 'l1' }, long), [5e-4, 5e-4, false]);
});

test('marked scales that have not come down are counted', () => {
  const gone = halved(channels, 1);
  const { marked, above, largest } = scalesAbove({ graph, channels }, gone, 0.5);
  assert.ok(marked > 0);
  assert.deepEqual([above, largest], [marked, 1], 'scales begin at 1');
  assert.equal(scalesAbove({ graph, channels }, gone, 1).above, 0);
});

test('a vote meets a target, and chooses otherwise than the mean of what layers share', async () => {
  const goal = { of: 'channels' as const, atMost: 0.6 * units };
  const scattered = { ...graph, initializers: new Map(graph.initializers) };
  for (const [name, tensor] of graph.initializers)
    if (/bn\d?\.weight$|1\.weight$/.test(name) && tensor.shape.length === 1) {
      const values = floats(tensor).map((_, i) => ((i * 7919 + name.length * 104729) % 1000) / 1000);
      scattered.initializers.set(name, floatTensor(tensor.shape, values));
    }
  const [stream] = [...channels.groups].sort((a, b) => b.members.length - a.members.length);
  const kept = async (vote: boolean) => {
    const settings = { importance: 'slimming' as const, vote };
    const { selection } = await choose(settings, { graph: scattered, goal });
    assert.equal(left(selection), Math.floor(0.6 * units));
    return selection.get(stream.name)?.filter((is) => is).length ?? stream.size;
  };
  assert.notEqual(await kept(true), await kept(false));
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

test('a knapsack measures the distance of every group at six densities, and takes what costs least', async () => {
  const [first] = channels.groups;
  const weights = (network: typeof graph) =>
    [...network.initializers.values()].reduce((sum, { data }) => sum + Number(data[0] === 0), 0);
  const whole = weights(graph);
  let measured = 0;
  const thinned = ({ initializers }: typeof graph) => {
    const { tensor } = first.members.find(({ role }) => role === 'out')!;
    const { data } = initializers.get(tensor)!;
    return Array.from(data as Float32Array).filter((x) => x === 0).length / data.length;
  };
  const { selection } = await choose(
    { allocate: 'knapsack', importance: 'l1-norm' },
    {
      goal: { of: 'macs', fraction: 0.7 },
      distance: async (network: typeof graph) => {
        measured++;
        return 100 * thinned(network) + (weights(network) - whole) * 1e-3;
      },
    },
  );
  assert.ok(measured > 1 && measured <= 1 + 6 * channels.groups.length, `${measured}`);
  assert.ok(!selection.get(first.name)?.includes(false), 'the dear group stays whole');
  assert.ok(summarize(shrink(graph, channels, selection)).macs <= 0.7 * summarize(graph).macs);
});
