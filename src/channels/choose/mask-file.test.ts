import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { buildNetwork } from '../../nn/index.js';
import { findChannels } from '../find/groups.js';
import { importanceOf, importances } from '../judge/importance.js';
import { compareSelections, readMasks, selectionFrom, writeMasks } from './mask-file.js';
import { selectDensity } from './select.js';
import { digits, groupsOf } from './selection.test.fixture.js';

const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 10, seed: 1, width: 0.25 });
const channels = findChannels(graph);
const mask = (bits: string) => [...bits].map((bit) => bit === '1');

test('a selection is saved, loaded and applied again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'mask.json');
  const selection = selectDensity(channels, importanceOf(graph, channels, importances.random), 0.5);
  await writeMasks(path, selection);
  assert.deepEqual(selectionFrom(graph, channels, await readMasks(path)), selection);

  await writeFile(path, '{"a": [1, 0]}');
  await assert.rejects(readMasks(path), /is not a mask file: it must be a JSON object/);
  await writeFile(path, '{"a": [tr');
  await assert.rejects(readMasks(path), /is not a mask file/);
  await assert.rejects(readMasks(join(folder, 'none.json')), /no such file or folder/);
});

test('a parameter names the group that it is in', () => {
  const of = (name: string) => digits(selectionFrom(graph, channels, { [name]: mask('1010') }));
  assert.deepEqual(of('layer1.0.bn1.weight'), { 'layer1.0.conv1.weight': '1010' });
  assert.deepEqual(of('layer1.0.conv1.weight'), { 'layer1.0.conv1.weight': '1010' });
  assert.deepEqual(of('layer1.0.bn2.weight'), { 'conv1.weight': '1010' });
});

test('a parameter with channels in several groups masks each', () => {
  // stage 2 has eight channels: two that are its own, four that come from stage 1, and again two
  const selection = selectionFrom(graph, channels, { 'layer2.0.bn2.weight': mask('10110110') });
  assert.deepEqual(digits(selection), { 'conv1.weight': '1101', 'layer2.0.conv2.weight': '1010' });
});

test('several masks in a residual group vote', () => {
  const masks = { 'bn1.weight': mask('0011'), 'layer1.0.bn2.weight': mask('0101') };
  assert.deepEqual(digits(selectionFrom(graph, channels, masks)), { 'conv1.weight': '0001' });
  const alike = { 'bn1.weight': mask('0101'), 'layer1.0.bn2.weight': mask('0101') };
  assert.deepEqual(digits(selectionFrom(graph, channels, alike)), { 'conv1.weight': '0101' });
});

test('masks that do not fit are refused', () => {
  const refuses = (masks: Record<string, boolean[]>, sentence: RegExp) =>
    assert.throws(() => selectionFrom(graph, channels, masks), sentence);
  refuses(
    { 'layer1.0.bn1.wieght': mask('1010') },
    /no such group or parameter .*did you mean 'layer1.0.bn1.weight'/,
  );
  refuses({ 'bn1.weight': mask('101') }, /'bn1.weight' has 3 entries, but it has 4 channels/);
  refuses({ 'linear.weight': mask('1111111110') }, /removes channel 9 of 'linear.weight', which must stay: /);
  refuses({ 'layer1.0.bn1.weight': mask('0000') }, /remove all units of 'layer1.0.conv1.weight'/);
});

test('selections are compared group by group', () => {
  const two = groupsOf({ a: 4, b: 2 });
  const rows = compareSelections(two, new Map([['a', mask('1100')]]), new Map([['a', mask('1010')]]));
  assert.deepEqual(rows, [
    { group: 'a', units: 4, kept: [2, 2], both: 1, byChance: 1, agreement: 0.5 },
    { group: 'b', units: 2, kept: [2, 2], both: 2, byChance: 2, agreement: 1 },
  ]);
});
