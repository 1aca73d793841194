import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Frozen } from '../channels/index.js';
import { summarize } from '../graph/index.js';
import { buildNetwork } from '../nn/index.js';
import { ACCURACY } from '../objectives/index.js';
import { renderSensitivity } from './sensitivity.js';
import {
  groupTable,
  keptChart,
  networkChart,
  sensitivityChart,
  stageTable,
  wholeTable,
} from './structured.js';

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

test('stages and groups are told in tables', () => {
  const stages = stageTable([
    { stage: '1-mask', what: 'pruned', accuracy: 0.5, loss: 1.25 },
    { stage: '<2>', what: 'recalibrated', accuracy: 0.75, loss: 0.5 },
  ]);
  for (const text of ['<td class="words">pruned</td><td>50.00 %</td><td>1.2500</td>', '&lt;2&gt;', '75.00 %'])
    assert.ok(stages.includes(text), text);
  const groups = groupTable([
    { name: 'a<b', before: 1000, after: 10, members: ['a<b:0', 'c:1'] },
    { name: 'd', before: 4, after: 4, members: ['d:0'], spared: 'nothing to be judged by' },
  ]);
  for (const text of [
    'a&lt;b',
    '<td>1,000</td><td>10</td>',
    '<summary>2</summary>',
    'nothing to be judged by',
  ])
    assert.ok(groups.includes(text), text);
});

test('a sensitivity has a page', () => {
  const page = renderSensitivity({
    ...{
      model: '/a/b/<c>.onnx',
      data: 'digits',
      importance: 'group-norm',
      metric: ACCURACY,
      densities: [0.5],
    },
    ...{ images: 256, test: false, whole: 0.9 },
    rows: [{ group: 'conv1.weight', units: 8, kept: 4, density: 0.5, value: 0.7 }],
  });
  for (const text of [
    'b/&lt;c&gt;.onnx on digits',
    '256 training samples',
    'With nothing removed it is 90.00 %',
  ])
    assert.ok(page.includes(text), text);
  assert.match(page, /aria-label="Sensitivity"/);
});
