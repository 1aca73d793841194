import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bestOf, rowsBy, withMacs } from './profile-rows.js';

const costs = [
  { name: 'a', op: 'Conv', macs: 1000, effectiveMacs: 100 },
  { name: 'a/relu', op: 'Relu', macs: 0, effectiveMacs: 0 },
  { name: 'b', op: 'Gemm', macs: 500, effectiveMacs: 500 },
];
const byName = new Map(costs.map((cost) => [cost.name, cost]));
const step = (kernel: string, ms: number, more: object = {}) => ({
  ...{ kernel, ms, gradient: false, bytes: 10, taken: true },
  ...more,
});
const limits = { gigamacs: 1, gigabytes: 1 };

test('each value that is multiplied counts once, in the kernel that took longest', () => {
  const conv = { makes: 'y', op: 'conv', layer: 'a' };
  const steps = withMacs(
    [
      step('conv_pack', 1, conv),
      step('conv', 5, conv),
      step('conv_sparse', 0, { ...conv, taken: false }),
      step('map', 9, { makes: 'z', op: 'elementwise', layer: 'a/relu' }),
      step('conv_sparse', 4, { makes: 'dx', op: 'convInput', layer: 'a', gradient: true }),
    ],
    byName,
    2,
  );
  assert.deepEqual(
    steps.map(({ macs }) => macs),
    [0, 2000, 0, 0, 200],
  );
  assert.deepEqual(
    steps.map(({ bytes }) => bytes),
    [10, 10, 0, 10, 10],
  );
});

test('a node that became several multiplications shares its MACs out among them', () => {
  const part = (makes: string, gradient = false) =>
    step('matmul', 1, { makes, op: 'matmul', layer: 'b', gradient });
  const macs = withMacs([part('x'), part('y'), part('dx', true)], byName, 1).map((own) => own.macs);
  assert.deepEqual(macs, [250, 250, 250]);
});

test('rows: rates, shares and the fraction of the best', () => {
  const steps = [
    { kernel: 'conv', layer: 'a', gradient: false, ms: 2, bytes: 1e6, macs: 4e6 },
    { kernel: 'conv', layer: 'a', gradient: true, ms: 2, bytes: 1e6, macs: 4e6 },
    { kernel: 'map', layer: 'a/relu', gradient: false, ms: 1, bytes: 2e6, macs: 0 },
    { kernel: 'idle', gradient: false, ms: 0, bytes: 0, macs: 0 },
  ];
  const best = bestOf({ gigamacs: 4, gigabytes: 1 }, steps);
  assert.deepEqual(best, { gigamacs: 4, gigabytes: 2 });
  const [conv, map, ...more] = rowsBy('kernel', steps, 10, best);
  assert.equal(more.length, 0, 'what took no time is no row');
  assert.deepEqual([conv.name, conv.ms, conv.backward, conv.share, conv.macs], ['conv', 4, 2, 0.4, 8e6]);
  assert.deepEqual([conv.gigamacs, conv.gigabytes, conv.best], [2, 0.5, 0.5]);
  assert.deepEqual([map.gigamacs, map.gigabytes, map.best], [undefined, 2, 1]);
  assert.deepEqual(
    rowsBy('layer', steps, 10, limits, new Map([['a', 'Conv']])).map(({ name, op }) => [name, op]),
    [
      ['a', 'Conv'],
      ['a/relu', undefined],
    ],
  );
});
