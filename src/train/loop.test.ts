import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { withImages } from '../data/index.js';
import type { Hook, MaskReport } from './hooks.js';
import { linearData, linearNetwork } from './linear.test.fixture.js';
import { trainNetwork } from './loop.js';
import type { TrainOptions, TrainProgress } from './options.js';
import { weightsOf } from './weights.js';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-train-'));
});
after(() => rm(folder, { recursive: true }));

const settings = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  network: linearNetwork(),
  data: linearData(),
  epochs: 4,
  batch: 8,
  seed: 1,
  optimizer: { kind: 'sgd' },
  schedule: { kind: 'cosine', learningRate: 0.5 },
  ...more,
});

const refused = (more: Partial<TrainOptions>, message: RegExp) =>
  assert.rejects(trainNetwork(settings(more)), { name: 'UserError', message });

test('it learns, measures every epoch, and frees what it compiled', async () => {
  const network = linearNetwork();
  const { finished, epochs, best, masks } = await trainNetwork(settings({ network }));
  assert.ok(finished);
  assert.deepEqual(
    epochs.map(({ epoch }) => epoch),
    [1, 2, 3, 4],
  );
  const last = epochs[3];
  assert.ok(last.loss < epochs[0].loss && last.accuracy! > 0.9, `${last.loss}, ${last.accuracy}`);
  assert.ok(last.test!.accuracy! > 0.8 && last.validation!.loss > 0);
  assert.ok(last.seconds > 0 && last.sparsity === undefined);
  assert.equal(last.learningRate, 0.25 * (1 + Math.cos((Math.PI * 27) / 28)));
  const accuracies = epochs.map(({ validation }) => validation!.accuracy!);
  assert.equal(best!.accuracy, Math.max(...accuracies));
  assert.deepEqual(masks, []);
  assert.equal(network.open(), 0);
});

test('the last batch of an epoch counts, unless it is dropped', async () => {
  const seen: TrainProgress[] = [];
  await trainNetwork(settings({ onStep: (progress) => seen.push(progress) }));
  assert.equal(seen.length, 4 * 7);
  assert.deepEqual(
    seen.slice(5, 8).map(({ epoch, step, steps }) => [epoch, step, steps]),
    [
      [1, 6, 7],
      [1, 7, 7],
      [2, 1, 7],
    ],
  );
  assert.equal(seen.at(-1)!.eta, 0);
  assert.ok(seen.every(({ accuracy }) => accuracy! >= 0 && accuracy! <= 1));
  assert.ok(Number.isInteger(Math.round(seen[6].accuracy! * 50 * 1e6) / 1e6));
  const dropped: TrainProgress[] = [];
  await trainNetwork(settings({ dropLast: true, onStep: (progress) => dropped.push(progress) }));
  assert.equal(dropped.length, 4 * 6);
});

/** Prunes the first weight at iteration 10 and the second at 20, which is the last. */
function pruning(iterations: number[] = []): Hook & { restored?: unknown } {
  const hook: Hook & { restored?: unknown } = {
    start: () => ({ iteration: 0, sparsity: 0, final: false }),
    afterGradients({ network, training }, iteration): MaskReport | undefined {
      iterations.push(iteration);
      if (iteration % 10 !== 0) return undefined;
      const pruned = iteration / 10;
      const slot = training.slots.get('w')!;
      for (const values of [slot.mask, network.parameters.get('w')!.weight, slot.state[0]])
        values.fill(0, 0, pruned);
      return { iteration, sparsity: pruned / 12, final: pruned === 2 };
    },
    save: () => ({ plan: [10, 20] }),
    restore(saved) {
      hook.restored = saved;
    },
  };
  return hook;
}

test('hooks see every iteration; the best epoch is one at the final sparsity', async () => {
  const iterations: number[] = [];
  const network = linearNetwork();
  const run = await trainNetwork(settings({ network, hooks: [pruning(iterations)], epochs: 3, batch: 5 }));
  assert.deepEqual(
    iterations,
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  assert.deepEqual(
    run.masks.map(({ sparsity, final }) => [sparsity, final]),
    [
      [0, false],
      [1 / 12, false],
      [2 / 12, true],
      [3 / 12, false],
    ],
  );
  assert.deepEqual(
    run.epochs.map(({ sparsity }) => sparsity),
    [1 / 12, 2 / 12, 3 / 12],
  );
  assert.equal(run.best!.epoch, 2);
  assert.ok(run.best!.weights.get('w')![2] !== 0);
  assert.deepEqual([...network.parameters.get('w')!.weight.subarray(0, 3)], [0, 0, 0]);
});

test('a hook may ask for fewer passes', async () => {
  const network = linearNetwork();
  const passes: (number | undefined)[] = [];
  const { training } = network;
  network.training = (options) => {
    const made = training(options);
    const begin: typeof made.begin = (x, labels, count, step, asked) => {
      passes.push(asked?.samples);
      return made.begin(x, labels, count, step, asked);
    };
    return { ...made, begin };
  };
  const hook: Hook = { samples: (iteration) => (iteration > 3 ? 1 : undefined) };
  await trainNetwork(settings({ network, samples: 2, hooks: [{}, hook], epochs: 1, batch: 10 }));
  assert.deepEqual(passes, [undefined, undefined, undefined, 1, 1]);
});

/** Runs in as many pieces as there are stops, each on a network of its own, and gives the last piece's result. */
async function inPieces(path: string, stops: number[], more: Partial<TrainOptions> = {}) {
  for (let piece = 0; ; piece++) {
    const network = linearNetwork();
    const stop = new AbortController();
    let done = 0;
    const hook = pruning();
    const result = await trainNetwork(
      settings({
        ...more,
        network,
        hooks: [hook],
        checkpoint: { path, resume: true },
        signal: stop.signal,
        onStart: (start) => {
          done = start.done;
        },
        onStep: () => {
          if (++done === stops[piece]) stop.abort();
        },
      }),
    );
    if (piece > 0) assert.deepEqual(hook.restored, { plan: [10, 20] });
    assert.equal(result.finished, piece === stops.length);
    if (result.finished) return { result, weights: weightsOf(network) };
  }
}

test('a run stopped anywhere and resumed ends as one that was not', async () => {
  const network = linearNetwork();
  const whole = await trainNetwork(settings({ network, hooks: [pruning()], epochs: 3 }));
  const pieces = await inPieces(join(folder, 'pieces'), [1, 6, 7, 8, 10, 20], { epochs: 3 });
  assert.deepEqual(pieces.weights, weightsOf(network));
  const timeless = (run: typeof whole) => ({
    ...run,
    epochs: run.epochs.map(({ seconds: _, ...rest }) => rest),
  });
  assert.deepEqual(timeless(pieces.result), timeless(whole));
});

test('a hook may leave a step out, see the first batch before it, and keep arrays', async () => {
  const network = linearNetwork();
  const path = join(folder, 'arrays');
  const start = weightsOf(network);
  let first: Int32Array | undefined;
  const keep: Hook = {
    async start(state) {
      first = (await state.firstBatch()).labels;
      return undefined;
    },
    afterGradients: (_, iteration) => ({ iteration, sparsity: 0, final: true, skip: true }),
    arrays: () => new Map([['a/b', Float32Array.of(1, 2)]]),
  };
  await trainNetwork(settings({ network, hooks: [{}, keep], checkpoint: { path }, epochs: 1 }));
  assert.deepEqual(weightsOf(network), start);
  assert.equal(first!.length, 8);
  let found: unknown;
  const again: Hook = {
    restore: (_saved, _state, arrays) => {
      found = arrays;
    },
  };
  await trainNetwork(
    settings({ network, hooks: [{}, again], checkpoint: { path, resume: true }, epochs: 1 }),
  );
  assert.deepEqual(found, new Map([['a/b', Float32Array.of(1, 2)]]));
});

test('a hook may set the clock of the learning rate', async () => {
  const rates: number[] = [];
  const hook: Hook = { clock: (iteration) => ({ iteration: iteration % 7, iterations: 7 }) };
  const onStep = ({ learningRate }: TrainProgress) => rates.push(learningRate);
  await trainNetwork(settings({ hooks: [hook], onStep, epochs: 2 }));
  assert.equal(rates[0], 0.5);
  assert.deepEqual(rates.slice(7), rates.slice(0, 7));
});

test('a signal that is raised before the first step stops there', async () => {
  let steps = 0;
  const run = await trainNetwork(settings({ signal: AbortSignal.abort(), onStep: () => steps++ }));
  assert.deepEqual([run.finished, run.epochs.length, steps], [false, 0, 0]);
});

test('a finished run is finished when it is resumed', async () => {
  const checkpoint = { path: join(folder, 'finished'), resume: true };
  const first = await trainNetwork(settings({ checkpoint }));
  const network = linearNetwork(2);
  const again = await trainNetwork(settings({ checkpoint, network, onStep: () => assert.fail() }));
  assert.deepEqual(again, first);
  assert.notDeepEqual(weightsOf(network), weightsOf(linearNetwork(2)));
});

test('checkpoints come as often as asked', async () => {
  const path = join(folder, 'often');
  let saved = 0;
  const hook: Hook = { save: () => saved++ };
  await trainNetwork(settings({ hooks: [hook], checkpoint: { path, seconds: 0 } }));
  assert.equal(saved, 4 * 7 + 4);
});

test('a run with other data does not go on', async () => {
  const path = join(folder, 'elsewhere');
  await trainNetwork(settings({ checkpoint: { path } }));
  await refused(
    { checkpoint: { path, resume: true }, data: linearData(2) },
    /is of a run on other data: the labels of the training samples differ; put back the data/,
  );
});

test('a run with other settings does not go on', async () => {
  const path = join(folder, 'other');
  await trainNetwork(settings({ checkpoint: { path } }));
  const checkpoint = { path, resume: true };
  await refused({ checkpoint, seed: 2 }, /seed 1, not 2/);
  await refused({ checkpoint, augment: { flip: true } }, /augment \{\}, not \{"flip":true\}/);
  await refused(
    { checkpoint, schedule: { kind: 'constant', learningRate: 0.5 } },
    /schedule .*cosine.*constant/,
  );
  await writeFile(path, 'nonsense');
  await refused({ checkpoint }, /not a checkpoint/);
});

test('a loss that explodes is a sentence, and the last checkpoint stays', async () => {
  const path = join(folder, 'exploded');
  const network = linearNetwork();
  const states: string[] = [];
  let saved = '';
  const hook: Hook = {
    save: () => network.parameters.get('w')!.weight.every(Number.isFinite),
    afterGradients: async ({ training }, iteration) => {
      saved = await readFile(path, 'base64').catch(() => '');
      states.push(saved);
      if (iteration === 9) training.slots.get('w')!.gradient.fill(Number.POSITIVE_INFINITY);
      return undefined;
    },
  };
  await assert.rejects(
    trainNetwork(settings({ network, hooks: [hook], checkpoint: { path, seconds: 0 } })),
    (error: Error) => {
      assert.equal(error.name, 'UserError');
      assert.match(error.message, /^Training diverged in epoch 2 at step 3: .*learning rate.*exploded holds/);
      return true;
    },
  );
  assert.equal(await readFile(path, 'base64'), saved);
  assert.equal(states.length, 9);
  assert.equal(network.open(), 0);
  await refused({ schedule: { kind: 'constant', learningRate: 1e38 } }, /^Training diverged/);
  const none = { path: `${path}-none`, seconds: 1e9 };
  await refused({ schedule: { kind: 'constant', learningRate: 1e38 }, checkpoint: none }, /a warm-up\.$/);
});

test('what cannot be done is said before it begins', async () => {
  await refused({ epochs: 0 }, /epochs .* at least 1, not 0/);
  await refused({ batch: 2.5 }, /batch .* whole number/);
  await refused({ batch: 64, dropLast: true }, /50 samples do not fill one batch of 64/);
  await refused({ labelSmoothing: 1 }, /labelSmoothing/);
  const { train, ...rest } = linearData();
  const wide = withImages(train, (images) => ({ ...images, shape: [1, 2, 3] }));
  await refused({ data: { ...rest, train: wide } }, /images of \[1, 2, 2\] but the data have \[1, 2, 3\]/);
  const more = { ...train, labels: train.labels.map((_, i) => i) };
  await refused({ data: { ...rest, train: more } }, /3 classes but the data have 50/);
});
