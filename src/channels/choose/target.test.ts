import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { summarize } from '../../graph/index.js';
import { buildNetwork } from '../../nn/index.js';
import { serializeModel } from '../../onnx/index.js';
import { shrink } from '../cut/shrink.js';
import { findChannels } from '../find/groups.js';
import { importanceOf, importances } from '../judge/importance.js';
import { estimateOf, pricesOf } from './estimate.js';
import { countsAfter, type OrderOptions, type RemovalStep, removalOrder, selectionAfter } from './order.js';
import { keptOf } from './selection.test.fixture.js';
import { type CostTarget, costs, firstThat, quantity, reachTarget } from './target.js';

const networks = ['lenet5', 'resnet8', 'mobilenetv2', 'vgg16'].map((name) => {
  const graph = buildNetwork(name, { shape: [3, 32, 32], classes: 10, seed: 1, width: 0.25 });
  return { name, graph, channels: findChannels(graph) };
});
const [lenet, resnet] = networks;

const orderOf = ({ graph, channels }: (typeof networks)[number], options: OrderOptions = {}) =>
  removalOrder(channels, importanceOf(graph, channels), options);

/** Of every group, its last step. */
const lastSteps = (steps: readonly RemovalStep[]) =>
  new Map(steps.map((step) => [step.group, step])).values();

test('targets are met within one step, on networks that are really smaller', async () => {
  const targets: CostTarget[] = [
    { of: 'macs', fraction: 0.5 },
    { of: 'params', fraction: 0.4 },
    { of: 'bytes', fraction: 0.6 },
  ];
  for (const network of networks.filter(({ name }) => name !== 'mobilenetv2')) {
    const { graph, channels, name } = network;
    for (const target of targets) {
      const options = {
        scope: name === 'resnet8' ? 'group' : 'global',
        roundTo: name === 'vgg16' ? 8 : 1,
      } as const;
      const order = orderOf(network, options);
      const reached = await reachTarget({ graph, channels, order, target });
      const cost = costs[target.of as 'macs'](channels.options ?? {});
      assert.equal(await cost(reached.graph), reached.after);
      assert.ok(reached.after <= reached.atMost, `${name}: ${reached.after} is above ${reached.atMost}`);
      for (const last of lastSteps(reached.steps)) {
        const less = reached.steps.filter((step) => step !== last);
        const more = await cost(shrink(graph, channels, selectionAfter(channels, less)));
        assert.ok(more > reached.atMost, `${name}: ${last.group} need not lose ${last.units}`);
      }
    }
  }
});

test('room that a large step leaves is filled', async () => {
  const { graph, channels } = resnet;
  const order = orderOf(resnet, { roundTo: 2 });
  const reach = (fill: boolean) =>
    reachTarget({ graph, channels, order, target: { of: 'macs', fraction: 0.7 }, fill });
  const [filled, first] = [await reach(true), await reach(false)];
  assert.deepEqual(first.steps, order.slice(0, first.steps.length));
  assert.ok(filled.steps.every((step) => first.steps.includes(step)));
  assert.ok(first.after < filled.after && filled.after <= filled.atMost);
});

test('an absolute target, counted by others', async () => {
  const { graph, channels } = resnet;
  const bytes = serializeModel(graph).length;
  const order = orderOf(resnet);
  const reached = await reachTarget({
    graph,
    channels,
    order,
    target: { of: 'bytes', atMost: bytes - 1000 },
  });
  assert.equal(serializeModel(reached.graph).length, reached.after);
  assert.ok(reached.after <= bytes - 1000);
});

test('what meets a target is left as it is', async () => {
  const { graph, channels } = lenet;
  const target: CostTarget = { of: 'params', atMost: summarize(graph).params };
  const reached = await reachTarget({ graph, channels, order: orderOf(lenet), target });
  assert.equal(reached.steps.length, 0);
  assert.equal(reached.graph, graph);
});

test('latency is measured by the caller', async () => {
  const { graph, channels } = resnet;
  const cost = async (smaller: typeof graph) => summarize(smaller).macs / 1e5;
  const order = orderOf(resnet);
  const target: CostTarget = { of: 'latency', atMost: (await cost(graph)) / 2 };
  const { steps } = await reachTarget({ graph, channels, order, target, cost, fill: true });
  const byMacs = await reachTarget({ graph, channels, order, target: { of: 'macs', fraction: 0.5 } });
  assert.deepEqual(steps, byMacs.steps);
  await assert.rejects(reachTarget({ graph, channels, order, target }), /needs a cost/);
});

test('a latency that was low by chance does not count', async () => {
  const { graph, channels } = resnet;
  const real = (smaller: typeof graph) => summarize(smaller).macs / 1e5;
  const seen = new Map<number, number>();
  const cost = async (smaller: typeof graph) => {
    const exact = real(smaller);
    const times = seen.get(exact) ?? 0;
    seen.set(exact, times + 1);
    return times % 2 === 0 ? exact * 0.8 : exact;
  };
  const atMost = real(graph) / 2;
  const reached = await reachTarget({
    graph,
    channels,
    order: orderOf(resnet),
    target: { of: 'latency', atMost },
    cost,
  });
  assert.ok(real(reached.graph) <= atMost);
});

test('a smaller target never keeps more units, but for those that are put back', async () => {
  const { graph, channels } = lenet;
  const order = orderOf(lenet);
  let before = Infinity;
  for (const fraction of [1, 0.9, 0.7, 0.69, 0.5]) {
    const { selection } = await reachTarget({
      graph,
      channels,
      order,
      target: { of: 'macs', fraction },
      fill: false,
    });
    const kept = keptOf(channels, selection);
    assert.ok(kept <= before);
    assert.ok(fraction < 1 || selection.size === 0);
    before = kept;
  }
});

test('a target out of reach is refused with what can be met, and that can be met', async () => {
  const { graph, channels } = resnet;
  const order = orderOf(resnet, { maxSparsity: 0.5 });
  const meet = (target: CostTarget) => reachTarget({ graph, channels, order, target });
  const refusal = await meet({ of: 'macs', fraction: 0.1 }).catch((error: Error) => error.message);
  const [, least] =
    /out of reach: of .* MACs, .* leaves .* MACs; ask for at least (0\.\d+),/.exec(String(refusal)) ?? [];
  assert.ok(least, String(refusal));
  assert.ok((await meet({ of: 'macs', fraction: Number(least) })).after > 0);
  await assert.rejects(
    meet({ of: 'bytes', atMost: 100 }),
    /A target of 100 B is out of reach: .*ask for at least [\d.]+ kB/,
  );
  await assert.rejects(meet({ of: 'macs', fraction: 1.5 }), /fraction above 0 and at most 1/);
  await assert.rejects(meet({ of: 'params', atMost: -1 }), /must be a number above 0, not -1/);
});

test('estimates are what the shrunk network has', () => {
  for (const { name, graph, channels } of networks) {
    const order = removalOrder(channels, importanceOf(graph, channels, importances.random));
    const estimate = estimateOf(graph, channels);
    const half = order.length >> 1;
    const counts = countsAfter(channels, order, half);
    const { macs, params } = summarize(shrink(graph, channels, selectionAfter(channels, order, half)));
    assert.ok(Math.abs(estimate.macs(counts) / macs - 1) < 1e-9, name);
    assert.ok(Math.abs(estimate.params(counts) / params - 1) < 1e-9, name);
  }
});

test('the price of a unit is what the network saves without it', () => {
  const { graph, channels } = resnet;
  const prices = pricesOf(graph, channels);
  const { macs } = summarize(graph);
  for (const { name, size } of channels.groups) {
    const without = new Map([[name, Array.from({ length: size }, (_, unit) => unit > 0)]]);
    const saved = macs - summarize(shrink(graph, channels, without)).macs;
    assert.ok(Math.abs(prices.get(name)! / saved - 1) < 1e-9, name);
  }
});

test('the first that meets a condition is found from any guess', async () => {
  const place = fc.integer({ min: 0, max: 40 });
  await fc.assert(
    fc.asyncProperty(place, place, place, async (a, b, c) => {
      const [first, last] = [Math.min(a, b), Math.max(a, b)];
      assert.equal(await firstThat(async (at) => at >= first, last, Math.min(c, last)), first);
    }),
  );
});

test('quantities are for people', () => {
  assert.equal(quantity('macs', 125_485_440), '125.5 M MACs');
  assert.equal(quantity('params', 812), '812 parameters');
  assert.equal(quantity('bytes', 45_600), '45.60 kB');
  assert.equal(quantity('latency', 1.2345), '1.23 ms');
});
