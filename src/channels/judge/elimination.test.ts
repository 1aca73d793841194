import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cases, samplesIn, withValues } from '../../calibration/cases.test.fixture.js';
import { openMachine } from '../../engine/index.js';
import { floats } from '../../onnx/index.js';
import { findChannels } from '../find/groups.js';
import { chooseUnits, usual } from '../index.js';
import { measureElimination } from './elimination.js';
import { importanceOf, importances } from './importance.js';

test('a channel that another one repeats is worth the least, and goes first', async () => {
  const machine = await openMachine({ threads: 2 });
  try {
    for (const { graph: given } of [cases[0], cases[5]]) {
      const weight = floats(given.initializers.get('before.weight')!).slice();
      weight.copyWithin(27, 0, 27);
      const graph = withValues(given, 'before.weight', weight);
      const channels = findChannels(graph);
      const samples = samplesIn();
      const found = await measureElimination(graph, channels, { machine, samples });
      const worths = [...found.values()][0];
      const least = worths.reduce((best, x, unit) => (x < worths[best] ? unit : best), 0);
      if (given !== cases[0].graph) {
        assert.ok(worths.every((x) => x > 0));
        continue;
      }
      assert.ok(least <= 1, `${worths}`);
      const others = [...worths].filter((_, unit) => unit > 1);
      assert.ok(worths[least] < 0.02 * Math.min(...others), `${worths}`);
      const { selection } = await chooseUnits({
        ...{ graph, channels, limits: {}, goal: { of: 'channels', atMost: 3 } },
        settings: { ...usual, importance: 'reconstruction' },
        elimination: () => measureElimination(graph, channels, { machine, samples }),
        distance: () => assert.fail('nothing is compared'),
        evaluate: () => assert.fail('nothing is evaluated'),
      });
      assert.equal([...selection.values()][0][least], false);
    }
  } finally {
    await machine.close();
  }
});

test('without samples it is refused in a sentence', () => {
  const { graph } = cases[0];
  assert.throws(
    () => importanceOf(graph, findChannels(graph), importances.reconstruction),
    /importance by reconstruction is measured on samples/,
  );
});
