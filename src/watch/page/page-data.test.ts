/** What the page computes by itself: means over seeds, and blocks folded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DrawnNetwork } from '../types.js';
import { fold } from './fold.js';
import { arrange } from './layout.js';
import { meanOf } from './seeds.js';
import { byLayer } from './times-table.js';

test('seeds of one setting become one curve, with the deviation of a sample', () => {
  const [both, alone] = meanOf([
    { id: 'a/seed-1', setting: 'a', values: [1, 2] },
    { id: 'b/seed-1', setting: 'b', values: [5] },
    { id: 'a/seed-2', setting: 'a', values: [3, null, 7] },
  ]);
  assert.deepEqual(both, { name: 'a (2 seeds)', values: [2, 2, 7], deviation: [Math.SQRT2, null, null] });
  assert.deepEqual(alone, { name: 'b', values: [5], deviation: [null] });
});

test('times of layers stand beside each other, the slowest first', () => {
  const machine = 'native';
  const rows = byLayer([
    {
      ms: 6,
      machine,
      layers: [
        { name: 'a', ms: 3 },
        { name: 'b', ms: 1 },
      ],
    },
    { ms: 5, machine, layers: [{ name: 'b', ms: 4 }] },
  ]);
  assert.deepEqual(rows, [
    { name: 'b', ms: [1, 4] },
    { name: 'a', ms: [3, undefined] },
    { name: 'between layers', ms: [2, 1] },
    { name: 'whole', ms: [6, 5] },
  ]);
});

/** Nodes in blocks of up to two levels, with edges that lead on. */
const networks: fc.Arbitrary<DrawnNetwork> = fc
  .array(fc.tuple(fc.constantFrom([], ['a'], ['a', 'a.0'], ['a', 'a.1'], ['b']), fc.nat(50), fc.nat()), {
    minLength: 1,
    maxLength: 30,
  })
  .map((parts) => ({
    nodes: parts.map(([path, params], i) => ({
      id: String(i),
      op: 'Conv',
      name: `n${i}`,
      path: [...path],
      params,
      macs: 2 * params,
      density: 0.5,
    })),
    edges: parts.slice(1).map(([, , from], i): [string, string] => [String(from % (i + 1)), String(i + 1)]),
  }));

test('folding keeps sums, joins edges between what is shown, and opens block by block', () => {
  fc.assert(
    fc.property(networks, fc.subarray(['a', 'a.0', 'a.1', 'b']), (network, open) => {
      const folded = fold(network, new Set(open));
      const total = (nodes: readonly { params: number }[]) =>
        nodes.reduce((sum, { params }) => sum + params, 0);
      assert.equal(total(folded.nodes), total(network.nodes));
      assert.equal(
        folded.nodes.reduce((sum, { size }) => sum + size, 0),
        network.nodes.length,
      );
      const ids = new Set(folded.nodes.map(({ id }) => id));
      assert.equal(ids.size, folded.nodes.length);
      for (const [from, to] of folded.edges) assert.ok(ids.has(from) && ids.has(to) && from !== to);
      if (!open.includes('a')) assert.ok(!(ids.has('a.0') && ids.has('a.1')));
      for (const { name, size } of folded.nodes.filter((node) => node.size > 1))
        assert.ok(
          fold(network, new Set([...open, name])).nodes.length > folded.nodes.length,
          `${name} of ${size}`,
        );
      const { boxes } = arrange({ ids: [...ids], edges: folded.edges });
      assert.ok(boxes.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
    }),
    { numRuns: 50 },
  );
});
