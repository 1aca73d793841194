/** Steps over masked weights: gradients where the mask is 0 are left out, and nobody notices; and fewer passes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random, uniform } from '../../base/index.js';
import { loadNetwork, type Machine, openMachine, type Training } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { insertMasks, type MaskOperator, maskable, TEMPERATURE } from './rewrite.js';

const COUNT = 20;
const draw = random(3, 'images');
const images = Float32Array.from({ length: COUNT * 64 }, () => uniform(draw));
const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 10);

/** Probabilities of which most are 0, thresholds that most weights are below, scores. */
const scores: Record<MaskOperator, (size: number) => Float32Array> = {
  ConcreteMask: (size) => Float32Array.from({ length: size }, (_, i) => (i % 7 ? 0 : (i % 5) / 4)),
  ThresholdMask: () => Float32Array.of(-1),
  ScoreMask: (size) => new Float32Array(size).fill(0.5),
};

async function train(
  machine: Machine,
  op: MaskOperator,
  ask: (training: Training) => Promise<unknown>,
  samples = 1,
) {
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
  const masked = insertMasks(graph, maskable(graph), op, (_, { shape }) =>
    scores[op](shape.reduce((size, d) => size * d, 1)),
  );
  const network = loadNetwork(masked, { machine });
  network.state.get(TEMPERATURE)?.fill(30);
  const training = network.training({ batch: COUNT, optimizer: 'sgd', seed: 1, samples });
  await ask(training);
  const gradients = [...training.slots].map(([name, { gradient }]) => [name, gradient.slice()]);
  const leftOut = (training.profile().get('conv_weight_sparse') ?? 0) > 0;
  network.close();
  return { gradients, leftOut };
}

/** A gradient of −0 times a mask of 0, or the sum of such, may be −0 or 0. */
const plain = ({ gradients }: Awaited<ReturnType<typeof train>>) =>
  gradients.map(([name, values]) => [name, (values as Float32Array).map((g) => g + 0)]);

for (const op of ['ConcreteMask', 'ThresholdMask', 'ScoreMask'] as const)
  test(`${op}: the same gradients to the bit`, async () => {
    const [never, always] = [
      await openMachine({ threads: 1, sparse: 'never' }),
      await openMachine({ threads: 2, sparse: 'always' }),
    ];
    const step = (dense: boolean) => (training: Training) =>
      training.gradients(images, labels, COUNT, 1, { dense });
    const every = await train(never, op, step(true));
    const wanted = await train(never, op, step(false));
    const sparse = await train(always, op, step(false));
    assert.ok(every.gradients.some(([, values]) => (values as Float32Array).some((g) => g !== 0)));
    assert.deepEqual(plain(wanted), plain(every));
    assert.deepEqual(sparse.gradients, wanted.gradients);
    // Edge-popup's scores learn from the gradients of weights that are not kept.
    assert.equal(sparse.leftOut, op !== 'ScoreMask', 'sparse kernels');
    await never.close();
    await always.close();
  });

test('a step of fewer passes than the others', async () => {
  const machine = await openMachine({ threads: 1 });
  const step = (samples?: number) => (training: Training) =>
    training.gradients(images, labels, COUNT, 1, { samples });
  const [one, two, fewer] = [
    await train(machine, 'ConcreteMask', step()),
    await train(machine, 'ConcreteMask', step(), 2),
    await train(machine, 'ConcreteMask', step(1), 2),
  ];
  assert.deepEqual(plain(fewer), plain(one));
  assert.notDeepEqual(plain(two), plain(one));
  await machine.close();
});
