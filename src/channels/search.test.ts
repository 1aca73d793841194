import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize } from '../graph/facts/summary.js';
import { buildNetwork } from '../nn/index.js';
import { findChannels } from './groups.js';
import { importanceOf } from './importance.js';
import { searchDensities } from './search.js';

const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 10, seed: 1 });
const channels = findChannels(graph);
const importance = importanceOf(graph, channels, { criterion: 'l1', parts: ['producers'] });
const whole = summarize(graph).macs;

test('networks near the target are measured and the best is kept', async () => {
  const measured: number[] = [];
  const evaluate = (smaller: typeof graph) => {
    const { macs, params } = summarize(smaller);
    assert.ok(Math.abs(macs / whole - 0.5) <= 0.01);
    measured.push(params);
    return params;
  };
  const find = (seed: number) =>
    searchDensities(graph, channels, { importance, macs: 0.5, candidates: 4, evaluate, seed });
  const { best, candidates } = await find(1);
  assert.equal(candidates.length, 4);
  assert.equal(best.value, Math.max(...measured));
  assert.ok(new Set(measured).size > 1, 'they differ');
  for (const { densities } of candidates)
    for (const density of densities.values()) assert.ok(density >= 0.3 - 1e-9 && density <= 1);
  assert.deepEqual((await find(1)).best, best);
  assert.notDeepEqual((await find(2)).candidates, candidates);
});

test('a target that no draw can meet is refused', async () => {
  const evaluate = () => assert.fail('nothing is to be measured');
  const find = (macs: number, more = {}) =>
    searchDensities(graph, channels, { importance, macs, evaluate, candidates: 1, ...more });
  await assert.rejects(
    find(0.05),
    /0.05 of the MACs are out of reach: with 0.7 of every group removed 0\.\d+ are left/,
  );
  await assert.rejects(find(1.5), /must be a fraction between 0 and 1, not 1.5/);
  await assert.rejects(find(0.5, { tolerance: 1e-12 }), /None of 10 networks drawn came within/);
});
