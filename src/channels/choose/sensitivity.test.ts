import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { buildNetwork } from '../../nn/index.js';
import { floats } from '../../onnx/index.js';
import { findChannels } from '../find/groups.js';
import { importanceOf } from '../judge/importance.js';
import { sensitivityOrder } from './allocation.js';
import { countsAfter } from './order.js';
import { groupsOf, scoresOf } from './selection.test.fixture.js';
import { type Sensitivity, sensitivityOf } from './sensitivity.js';

test('every group is thinned out by itself, its coupled layers together', async () => {
  const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 10, seed: 1, width: 0.25 });
  const channels = findChannels(graph);
  const zeros = (name: string, masked = graph) =>
    floats(masked.initializers.get(name)!).reduce((n, x) => n + (x === 0 ? 1 : 0), 0);
  const seen: number[] = [];
  const { whole, rows } = await sensitivityOf(graph, channels, {
    importance: importanceOf(graph, channels),
    densities: [0.5, 0.5, 0.99, 1, 0.01],
    evaluate: (masked) => {
      seen.push(zeros('layer1.0.bn2.weight', masked), zeros('bn1.weight', masked));
      return 4 - zeros('bn1.weight', masked);
    },
  });
  assert.equal(whole, 4);
  const shared = rows.filter(({ group }) => group === 'conv1.weight');
  assert.deepEqual(shared, [
    { group: 'conv1.weight', units: 4, kept: 2, density: 0.5, value: 2 },
    { group: 'conv1.weight', units: 4, kept: 1, density: 0.25, value: 1 },
  ]);
  assert.ok(rows.every(({ group, value }) => group === 'conv1.weight' || value === 4));
  assert.deepEqual(new Set(rows.map(({ group }) => group)).size, channels.groups.length);
  for (let i = 0; i < seen.length; i += 2) assert.equal(seen[i], seen[i + 1]);
});

const rowsOf = (units: number, group: string, losses: number[]): Sensitivity['rows'] =>
  losses.map((loss, i) => {
    const kept = units - 1 - i;
    return { group, units, kept, density: kept / units, value: 1 - loss };
  });

test('the group that loses least by what it saves goes first', () => {
  const channels = groupsOf({ a: 4, b: 4, c: 4 });
  const importance = scoresOf({ a: [1, 2, 3, 4], b: [9, 9, 9, 9], c: [0, 0, 0, 0] });
  const rows = [...rowsOf(4, 'a', [0.2, 0.4, 0.6]), ...rowsOf(4, 'b', [0.01, 0.02, 0.5])];
  const groups = (prices?: ReadonlyMap<string, number>) =>
    sensitivityOrder(channels, importance, { whole: 1, rows }, { prices })
      .map(({ group }) => group)
      .join('');
  assert.equal(groups(), 'bbaaab');
  assert.equal(groups(new Map([['a', 100]])), 'aaabbb');
});

test('no other allocation of as many units is predicted to lose less', () => {
  const curve = fc
    .array(fc.integer({ min: 0, max: 20 }), { minLength: 3, maxLength: 3 })
    .map((slopes) =>
      slopes.sort((a, b) => a - b).map((_, i) => slopes.slice(0, i + 1).reduce((x, y) => x + y, 0)),
    );
  fc.assert(
    fc.property(curve, curve, curve, fc.integer({ min: 0, max: 9 }), (a, b, c, steps) => {
      const curves: Record<string, number[]> = { a, b, c };
      const channels = groupsOf({ a: 4, b: 4, c: 4 });
      const importance = scoresOf({ a: [1, 2, 3, 4], b: [1, 2, 3, 4], c: [1, 2, 3, 4] });
      const rows = Object.entries(curves).flatMap(([name, losses]) => rowsOf(4, name, losses));
      const order = sensitivityOrder(channels, importance, { whole: 1, rows });
      const lossOf = (gone: Record<string, number>) =>
        Object.entries(gone).reduce((sum, [name, n]) => sum + (n ? curves[name][n - 1] : 0), 0);
      const counts = countsAfter(channels, order, steps);
      const ours = lossOf(Object.fromEntries([...counts].map(([name, kept]) => [name, 4 - kept])));
      for (let x = 0; x <= 3; x++)
        for (let y = 0; y <= 3; y++) {
          const z = steps - x - y;
          if (z >= 0 && z <= 3) assert.ok(ours <= lossOf({ a: x, b: y, c: z }) + 1e-9);
        }
    }),
  );
});
