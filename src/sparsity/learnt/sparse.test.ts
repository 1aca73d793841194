/** Steps over masked weights: gradients where the mask is 0 are left out, and nobody notices; and fewer passes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openMachine } from '../../engine/index.js';
import { maskedStep } from './masked-step.test.fixture.js';

/** A gradient of −0 times a mask of 0, or the sum of such, may be −0 or 0. */
const plain = ({ gradients }: Awaited<ReturnType<typeof maskedStep>>) =>
  gradients.map(([name, values]) => [name, values.map((g) => g + 0)]);

for (const op of ['ConcreteMask', 'ThresholdMask', 'ScoreMask'] as const)
  test(`${op}: the same gradients to the bit`, async () => {
    const [never, always] = [
      await openMachine({ threads: 1, sparse: 'never' }),
      await openMachine({ threads: 2, sparse: 'always' }),
    ];
    const every = await maskedStep(never, op, { dense: true });
    const wanted = await maskedStep(never, op, { dense: false });
    const sparse = await maskedStep(always, op, { dense: false });
    assert.ok(every.gradients.some(([, values]) => values.some((g) => g !== 0)));
    assert.deepEqual(plain(wanted), plain(every));
    assert.deepEqual(sparse.gradients, wanted.gradients);
    // Edge-popup's scores learn from the gradients of weights that are not kept.
    assert.equal(sparse.leftOut, op !== 'ScoreMask', 'sparse kernels');
    await never.close();
    await always.close();
  });

test('a step of fewer passes than the others', async () => {
  const machine = await openMachine({ threads: 1 });
  const [one, two, fewer] = [
    await maskedStep(machine, 'ConcreteMask'),
    await maskedStep(machine, 'ConcreteMask', { passes: 2 }),
    await maskedStep(machine, 'ConcreteMask', { passes: 2, samples: 1 }),
  ];
  assert.deepEqual(plain(fewer), plain(one));
  assert.notDeepEqual(plain(two), plain(one));
  await machine.close();
});
