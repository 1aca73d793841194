/**
 * espalier's train step, dense or with masks, timed on demand: the same conversation as peers/step.py has.
 *
 *     node bench/step.mjs --net resnet20 [--batch 128] [--engine native|wasm] [--threads 2]
 *                         [--sparsity 0.9] [--masks uniform|global] [--width 1]
 *
 * Masks are random and prune the same share of every weight tensor that can be pruned, the first and the last too; or
 * they keep the largest weights of the whole network, as initialised. Gradients of pruned weights are not asked for.
 *
 * Answers on standard output, a JSON line each: {"ready": …} once the network stands, then for every line "step" on
 * standard input one whole train step (inputs written, forward, loss, backward, SGD update) on synthetic CIFAR-shaped
 * data: {"ms": …, "loss": …}; for a line "profile" the nanoseconds spent so far by kernel, summed over threads:
 * {"profile": {…}}. Between steps its threads sleep; it ends with its input.
 */
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { UserError } from '../dist/base/errors.js';
import { integer, normal, random, uniform } from '../dist/base/random.js';
import { loadNetwork, openMachine } from '../dist/engine/index.js';
import { buildNetwork } from '../dist/nn/index.js';

const IMAGE = [3, 32, 32];
const CLASSES = 10;
/** What peers/step.py trains with. */
const UPDATE = { learningRate: 0.01, momentum: 0.9, weightDecay: 5e-4 };

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);

/** Sets masks, and to 0 what they prune. */
function prune({ parameters }, { slots }, sparsity, masks) {
  const layers = [...slots].map(([name, { mask }]) => ({ ...parameters.get(name), mask }));
  const prunable = layers.filter((layer) => layer.prunable);
  const draws = random(2, 'masks');
  const scores = prunable.map(({ weight }) =>
    weight.map((w) => (masks === 'global' ? Math.abs(w) : 1 + uniform(draws))),
  );
  const all = masks === 'global' && new Float32Array(scores.reduce((sum, own) => sum + own.length, 0));
  let next = 0;
  for (const own of all ? scores : []) {
    all.set(own, next);
    next += own.length;
  }
  if (all) all.sort();
  for (const [l, { weight, mask }] of prunable.entries()) {
    const sorted = all || scores[l].slice().sort();
    const threshold = sorted[Math.floor(sparsity * sorted.length)];
    for (let i = 0; i < mask.length; i++) {
      mask[i] = scores[l][i] < threshold ? 0 : 1;
      weight[i] *= mask[i];
    }
  }
}

async function serve({ net, batch, engine, threads, sparsity, masks, width }) {
  const machine = await openMachine({ engine, threads });
  const graph = buildNetwork(net, { shape: IMAGE, classes: CLASSES, seed: 1, width });
  const network = loadNetwork(graph, { machine });
  const training = network.training({ batch, optimizer: 'sgd' });
  if (sparsity > 0) prune(network, training, sparsity, masks);
  const draws = random(1, 'bench');
  const images = Float32Array.from({ length: batch * IMAGE.reduce((a, b) => a * b) }, () => normal(draws));
  const labels = Int32Array.from({ length: batch }, () => integer(draws, CLASSES));
  const { microBatch, peakBytes } = training;
  say({ ready: net, engine: machine.description, threads: machine.threads, batch, microBatch, peakBytes });

  let steps = 0;
  for await (const request of createInterface({ input: process.stdin })) {
    if (request === 'profile') {
      say({ profile: Object.fromEntries(training.profile()) });
      continue;
    }
    if (request !== 'step') throw new UserError(`step.mjs: expected "step" or "profile", got "${request}"`);
    const start = performance.now();
    const { loss } = await training.gradients(images, labels, batch, steps++, { dense: false });
    await training.update(UPDATE);
    say({ ms: performance.now() - start, loss });
  }
  await machine.close();
}

const { values } = parseArgs({
  options: {
    net: { type: 'string' },
    batch: { type: 'string', default: '128' },
    engine: { type: 'string' },
    threads: { type: 'string', default: '2' },
    sparsity: { type: 'string', default: '0' },
    masks: { type: 'string', default: 'uniform' },
    width: { type: 'string', default: '1' },
  },
});
try {
  await serve({
    ...values,
    batch: Number(values.batch),
    threads: Number(values.threads),
    sparsity: Number(values.sparsity),
    width: Number(values.width),
  });
} catch (error) {
  process.stderr.write(`${error instanceof UserError ? error.message : error.stack}\n`);
  process.exit(1);
}
