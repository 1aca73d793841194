/** The knapsack over group × density: against all choices, and along a network. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, uniform } from '../../base/index.js';
import { buildNetwork } from '../../nn/index.js';
import { findChannels } from '../find/groups.js';
import { importanceOf } from '../judge/importance.js';
import { sensitivityOrder } from './allocation.js';
import { estimateOf, pricesOf } from './estimate.js';
import { reachGoal } from './goal.js';
import { knapsackOrder, type Option, solver } from './knapsack.js';
import type { SensitivityRow } from './sensitivity.js';

test('the least loss of all choices that save so much, for every saving', () => {
  const stream = random(3, 'knapsack');
  for (let trial = 0; trial < 30; trial++) {
    const groups = Array.from({ length: 4 }, () => [
      { kept: 8, loss: 0, saving: 0 },
      ...Array.from({ length: 3 }, (_, i) => ({
        kept: 6 - 2 * i,
        loss: uniform(stream),
        saving: Math.floor(uniform(stream) * 12),
      })),
    ]);
    const solve = solver(groups, 1);
    const all = groups.reduce((sum, options) => sum + Math.max(...options.map(({ saving }) => saving)), 0);
    for (let wanted = 0; wanted <= all; wanted++) {
      const sums = sumsOf(groups, solve(wanted));
      assert.ok(sums.saving >= wanted);
      assert.ok(Math.abs(sums.loss - leastLoss(groups, wanted)) < 1e-12);
    }
  }
});

function sumsOf(groups: readonly (readonly Option[])[], chosen: readonly number[]) {
  const picked = groups.map((options, g) => options[chosen[g]]);
  return {
    loss: picked.reduce((sum, { loss }) => sum + loss, 0),
    saving: picked.reduce((sum, { saving }) => sum + saving, 0),
  };
}

/** By trying all. */
function leastLoss([first, ...rest]: readonly (readonly Option[])[], wanted: number): number {
  if (first === undefined) return wanted > 0 ? Infinity : 0;
  return Math.min(...first.map(({ loss, saving }) => loss + leastLoss(rest, wanted - saving)));
}

test('a group whose loss jumps is left whole where the hull of its curve would thin it', async () => {
  const graph = buildNetwork('resnet8', { shape: [3, 16, 16], classes: 10, seed: 0, width: 0.5 });
  const channels = findChannels(graph, {});
  const importance = importanceOf(graph, channels, { criterion: 'l1' });
  const estimate = estimateOf(graph, channels).macs;
  const prices = pricesOf(graph, channels);
  const densities = [0.75, 0.5, 0.25];
  const rows: SensitivityRow[] = channels.groups.flatMap(({ name: group, size: units }, g) =>
    densities.map((density) => {
      const kept = Math.round(units * density);
      const loss = g === 0 ? 1 : (1 - density) * (0.5 + 0.1 * g);
      return { group, units, kept, density: kept / units, value: 1 - loss };
    }),
  );
  const sensitivity = { whole: 1, rows };
  const hull = sensitivityOrder(channels, importance, sensitivity, { prices });
  const atMost = 0.6 * estimate(new Map());
  const order = knapsackOrder(channels, hull, sensitivity, { prices, cost: estimate, atMost });
  assert.deepEqual(new Set(order), new Set(hull));
  const goal = { of: 'macs', atMost } as const;
  const [greedy, exact] = await Promise.all(
    [hull, order].map((steps) => reachGoal(steps, { graph, channels, goal })),
  );
  const lossOf = (selection: typeof greedy) =>
    [...selection].reduce((sum, [group, kept]) => {
      const left = kept.filter((is) => is).length;
      const measured = rows.filter((row) => row.group === group && row.kept <= left);
      return left === kept.length ? sum : sum + 1 - (measured[0]?.value ?? 0);
    }, 0);
  assert.ok(lossOf(exact) <= lossOf(greedy) + 1e-9);
  const counts = new Map([...exact].map(([name, kept]) => [name, kept.filter((is) => is).length]));
  assert.ok(estimate(counts) <= atMost);
});
