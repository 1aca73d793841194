/** What holds of every method, over random networks, options and gradients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random, UserError, uniform } from '../base/index.js';
import { openDataset, subset } from '../data/index.js';
import { loadNetwork, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { floats, type Graph } from '../onnx/index.js';
import { type Hook, trainNetwork, weightsOf, withWeights } from '../train/index.js';
import { findMethod, methods, pruningHook } from './index.js';
import { alone, layer, train } from './layer.test.fixture.js';
import { bakeMasks, learntMethods, maskable } from './learnt/index.js';
import { countNonZero } from './masks.js';
import type { UpdateReport } from './types.js';

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

/** Asserts that pruned weights and their momenta are 0, and that masks shrink where they must. */
function watch(monotone: boolean): Hook {
  const before = new Map<string, Float32Array>();
  return {
    afterUpdate({ network, training }) {
      for (const [name, { mask, state }] of training.slots) {
        const { weight } = network.parameters.get(name)!;
        const last = before.get(name);
        for (let i = 0; i < mask.length; i++) {
          if (mask[i] === 0)
            for (const values of [weight, ...state]) assert.equal(Math.abs(values[i]), 0, name);
          if (monotone && last) assert.ok(mask[i] <= last[i], `${name} grows`);
        }
        before.set(name, mask.slice());
      }
    },
  };
}

const zerosIn = (graph: Graph, names: readonly string[]) =>
  names.map((name) => floats(graph.initializers.get(name)!).filter((x) => x === 0).length);

test('every method on networks of the zoo by chance: exact in the export, what is spared untouched', async () => {
  const machine = await openMachine({ threads: 1 });
  const digits = await openDataset('digits');
  const few = subset(
    digits.train,
    Uint32Array.from({ length: 96 }, (_, i) => i),
  );
  const data = { ...digits, train: few, test: undefined };
  for (const method of [...methods, ...learntMethods])
    for (const round of [1, 2]) {
      const chance = random(round, method.name);
      const pick = <T>(...of: T[]) => of[Math.floor(uniform(chance) * of.length)];
      const sparsity = 0.3 + 0.6 * uniform(chance);
      const [name, width] = [pick('resnet8', 'conv2', 'conv4'), pick(0.25, 0.375, 0.5)];
      const model = buildNetwork(name, { shape: [1, 8, 8], classes: 10, seed: round, width });
      const counted = maskable(model);
      const [optimizer, schedule] = [{ kind: 'sgd' }, { kind: 'constant', learningRate: 0.01 }] as const;
      const common = { data, epochs: 4, batch: 32, seed: round, optimizer, schedule };
      let [graph, spare] = [model, [] as string[]];
      let [more, finish, hook]: [object, (trained: Graph) => Graph, Hook] = [{}, (trained) => trained, {}];
      if ('prepare' in method) {
        ({
          graph,
          training: more,
          hook,
        } = method.prepare(
          model,
          { sparsity },
          { ...common, steps: Math.ceil(few.length / 32), inputShapes: {} },
        ));
        finish = bakeMasks;
      } else {
        spare = [
          pick(...counted.filter((candidate) => floats(model.initializers.get(candidate)!).length < 500)),
        ];
        const rounds = method.defaults.rounds === 100 ? 10 : undefined;
        hook = pruningHook(method, { sparsity: sparsity / 2, allowEmpty: true, rounds, spare });
      }
      const network = loadNetwork(graph, { machine });
      const monotone = !('growth' in method.defaults);
      const { masks } = await trainNetwork({ ...common, network, ...more, hooks: [hook, watch(monotone)] });
      const trained = finish(withWeights(graph, weightsOf(network)));
      const last = masks.at(-1) as UpdateReport;
      const zeros = zerosIn(trained, counted);
      const what = `${method.name}, ${name} × ${width}, ${sparsity}`;
      assert.ok(last.final, what);
      for (const [l, { size, kept }] of last.layers.entries()) {
        if (spare.includes(last.layers[l].name)) assert.deepEqual([kept, zeros[l]], [size, 0], what);
        // A weight that comes back and that no gradient reaches stays 0.
        assert.ok(monotone ? zeros[l] === size - kept : zeros[l] >= size - kept, what);
      }
      const asked = 'prepare' in method ? sparsity : sparsity / 2;
      assert.equal(last.size - last.kept, Math.floor(asked * last.size + 1e-6), what);
      network.close();
    }
  await machine.close();
});
