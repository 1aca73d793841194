import assert from 'node:assert/strict';
import { test } from 'node:test';
import { summarize } from '../../graph/index.js';
import { buildNetwork } from '../../nn/index.js';
import { serializeModel } from '../../onnx/index.js';
import { shrink } from '../cut/shrink.js';
import { findChannels } from '../find/groups.js';
import { importanceOf } from '../judge/importance.js';
import { unitsOf } from '../types.js';
import type { Goal } from './goal.js';
import { searchNetworks } from './search.js';

const graph = buildNetwork('resnet8', { shape: [3, 8, 8], classes: 10, seed: 1 });
const channels = findChannels(graph);
const importance = importanceOf(graph, channels, { criterion: 'l1', parts: ['producers'] });
const whole = summarize(graph);

const find = (goal: Goal, evaluate: (smaller: typeof graph) => number, more = {}) =>
  searchNetworks(graph, channels, { importance, goal, evaluate, candidates: 6, ...more });

test('networks that meet the target are measured and the best is kept', async () => {
  const measured: number[] = [];
  const evaluate = (smaller: typeof graph) => {
    const { macs, params } = summarize(smaller);
    assert.ok(macs <= whole.macs / 2, 'at most');
    assert.ok(macs / whole.macs > 0.5 - 0.01, 'but not much less');
    measured.push(params);
    return params;
  };
  const half = { of: 'macs', fraction: 0.5 } as const;
  const { best, candidates } = await find(half, evaluate, { seed: 1 });
  assert.equal(candidates.length, measured.length);
  assert.equal(best.value, Math.max(...measured));
  assert.ok(new Set(measured).size > 2, 'they differ');
  assert.deepEqual((await find(half, evaluate, { seed: 1 })).best, best);
  assert.notDeepEqual((await find(half, evaluate, { seed: 2 })).candidates, candidates);
});

test('rates stay below the largest where the target allows it, and go beyond together where it does not', async () => {
  const goneOf = async (fraction: number) => {
    const { candidates } = await find({ of: 'macs', fraction }, () => 0, { largest: 0.5 });
    return candidates.map(({ selection }) =>
      channels.groups.map(
        ({ name, size }) => (selection.get(name)?.filter((kept) => !kept).length ?? 0) / size,
      ),
    );
  };
  for (const gone of await goneOf(0.7)) {
    assert.ok(Math.max(...gone) <= 0.5);
    assert.ok(Math.max(...gone) - Math.min(...gone) > 0.1, 'groups differ');
  }
  for (const gone of await goneOf(0.05)) assert.ok(Math.max(...gone) > 0.5 && Math.min(...gone) > 0.4);
});

test('any target that can be counted is met', async () => {
  const goals: Goal[] = [
    { of: 'params', fraction: 0.4 },
    { of: 'bytes', atMost: serializeModel(graph).length / 2 },
    { of: 'channels', atMost: 100 },
  ];
  const met = [
    (smaller: typeof graph) => summarize(smaller).params <= 0.4 * whole.params,
    (smaller: typeof graph) => serializeModel(smaller).length <= serializeModel(graph).length / 2,
    (smaller: typeof graph) => unitsOf(findChannels(smaller)) <= 100,
  ];
  for (const [i, goal] of goals.entries()) {
    const { best } = await find(goal, (smaller) => summarize(smaller).macs);
    assert.ok(met[i](shrink(graph, channels, best.selection)), goal.of);
  }
});

test('networks that come out alike are measured once, and what is out of reach is refused', async () => {
  let measured = 0;
  const { candidates } = await find({ of: 'macs', fraction: 0.9 }, () => ++measured, {
    candidates: 30,
    limits: { roundTo: 16 },
  });
  assert.ok(measured < 30 && candidates.length === measured);
  const never = () => assert.fail('nothing is to be measured');
  await assert.rejects(
    find({ of: 'macs', fraction: 1e-4 }, never),
    /out of reach: of .* leaves .*ask for at least/,
  );
  await assert.rejects(find({ of: 'macs', fraction: 1.5 }, never), /not 1.5/);
});
