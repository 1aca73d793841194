import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Frozen } from '../channels/types.js';
import { summarize } from '../graph/facts/summary.js';
import { buildNetwork } from '../nn/index.js';
import { keptChart, networkChart, sensitivityChart, wholeTable } from './structured.js';

const resnet = (width: number) =>
  buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 0, width });
const [wide, narrow] = [resnet(1), resnet(0.5)];
const weights = [...wide.initializers].filter(([name]) => /conv\d\.weight$/.test(name));

test('groups and layers of ResNet-20 at half its width, a bar each', () => {
  const groups = weights.map(([name, { shape }]) => ({
    name,
    before: shape[0],
    after: narrow.initializers.get(name)!.shape[0],
  }));
  const kept = keptChart(groups);
  for (const text of ['conv1.weight', '>8 of 16<', '>32 of 64<', 'aria-label="Channels kept per group"'])
    assert.ok(kept.includes(text), text);
  assert.equal(kept.match(/<rect [^>]*x="/g)?.length, 2 * groups.length);

  const [before, after] = [wide, narrow].map((graph) =>
    summarize(graph).layers.filter(({ macs }) => macs > 0),
  );
  const costs = before.map(({ name, macs }, i) => ({ name, before: macs, after: after[i].macs }));
  const network = networkChart(costs);
  assert.equal(network.match(/ of \d/g)?.length, costs.length);
  assert.ok(network.includes('>589.8 k of 2.36 M<'));
});

test('sensitivity has a curve for each group', () => {
  const rows = weights.flatMap(([group], g) =>
    [1, 0.5, 0.25].map((density) => ({ group, density, accuracy: 0.9 * density ** (1 / (g + 1)) })),
  );
  const drawn = sensitivityChart(rows);
  assert.equal(drawn.match(/<path [^>]*stroke="hsl/g)?.length, weights.length);
  assert.equal(drawn.match(/<title>/g)?.length, rows.length);
});

test('what stays whole is told by its reason', () => {
  const reason = 'its positions are an output of the <model>';
  const frozen: Frozen[] = [
    { tensor: 'linear.weight', axis: 0, role: 'out', reason },
    { tensor: 'linear.bias', axis: 0, role: 'along', reason },
    { tensor: 'conv1.weight', axis: 1, role: 'in', reason: 'its positions are an input of the model' },
  ];
  const table = wholeTable(frozen);
  assert.equal(table.match(/<tr>/g)?.length, 3);
  for (const text of [
    'output of the &lt;model&gt;',
    '<summary>2</summary>linear.weight, what it produces (axis 0)',
  ])
    assert.ok(table.includes(text), text);
  assert.match(wholeTable([]), /Every channel may be removed/);
});
