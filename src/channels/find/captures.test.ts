/** What the branches of an If take from around them is used there: its channels stay, and others go. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withBranches } from '../../graph/branch.test.fixture.js';
import { difference, halved, inputsOf, ran } from '../equivalence.test.fixture.js';
import { findChannels, maskChannels, shrink } from '../index.js';
import { frozenInWords, groupsInWords, sketch } from '../sketch.test.fixture.js';

test('channels that a branch of an If reads stay, others are removed', async () => {
  const s = sketch();
  const x = s.input('x', [3, 8, 8]);
  const h = s.relu(s.conv(x, 'a', 8, 3));
  const y = s.head(s.relu(s.conv(s.relu(s.conv(h, 'b', 6, 8)), 'c', 4, 6)), 4);
  const asked = s.op('Cast', [s.op('ReduceMax', [x], { keepdims: 0 })], { to: 9 });
  const chosen = s.op('If', [asked]);
  const graph = await withBranches(s.finish(y, chosen), { [chosen]: { yes: ['Neg', h], no: ['Abs', h] } });
  const channels = findChannels(graph);
  assert.deepEqual(groupsInWords(channels), [
    '6: b.0 out, b.b.0 along, c.1 in',
    '4: c.0 out, c.b.0 along, head.1 in',
  ]);
  const reason = /^(a\.0 out|b\.1 in): it is used by If '.*', an operator that espalier does not know$/;
  assert.equal(frozenInWords(channels).filter((words) => reason.test(words)).length, 2);
  const selection = halved(channels, 1);
  const pair = [maskChannels, shrink].map((f) => f(graph, channels, selection));
  const [masked, smaller] = await Promise.all(pair.map((g) => ran(g, inputsOf(graph, {}))));
  assert.ok(difference(masked, smaller) < 1e-5);
});
