/** What holds of every method that works by masks, over random networks, options and gradients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../base/errors.js';
import { alone, layer, train } from './fixture.js';
import { findMethod } from './index.js';
import { countNonZero } from './masks.js';

const networks = fc.array(fc.tuple(fc.integer({ min: 2, max: 12 }), fc.integer({ min: 2, max: 12 })), {
  minLength: 2,
  maxLength: 4,
});
const names = ['fggp', 'gmp', 'granet', 'rigl', 'set', 'random', 'magnitude', 'iterative-magnitude'];

test('counts are on schedule, spared layers untouched, pruned weights and momenta 0', async () => {
  let carriedOut = 0;
  await fc.assert(
    fc.asyncProperty(
      networks,
      fc.constantFrom(...names),
      fc.double({ min: 0.2, max: 0.9, noNaN: true }),
      fc.constantFrom('global', 'layer'),
      fc.boolean(),
      async (shapes, name, sparsity, scope, sparing) => {
        const method = findMethod(name);
        const layers = shapes.map((shape, l) => layer(`w${l}`, shape));
        const spare = sparing ? ['w1'] : [];
        const interval = method.defaults.rounds ? 0 : 7;
        const around = alone();
        try {
          const options = { sparsity, scope, spare, interval };
          const plan = method.plan({ layers, iterations: 40, seed: 1 }, options);
          const start = await method.start(plan, layers, around);
          const check = (kept: number, scheduled: number) =>
            assert.ok(
              Math.abs(kept - plan.counted * scheduled) <= 1,
              `${kept} of ${plan.counted * scheduled}`,
            );
          check(start.kept, start.scheduled);
          const reports = train(method, plan, layers, {
            to: 40,
            around,
            each() {
              if (sparing) assert.equal(countNonZero(layers[1].mask), layers[1].mask.length);
              for (const { mask, weight, momentum } of layers)
                for (const [i, kept] of mask.entries())
                  if (kept === 0) assert.ok(weight[i] === 0 && momentum[0][i] === 0);
            },
          });
          for (const { kept, scheduled } of reports) check(kept, scheduled);
          assert.equal((reports.at(-1) ?? start).kept, plan.counted - plan.pruned);
          carriedOut++;
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
        }
      },
    ),
    { numRuns: 150 },
  );
  assert.ok(carriedOut > 50, `${carriedOut} carried out`);
});
