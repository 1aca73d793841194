/** The methods on the engine: a few epochs of the digits each. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Network } from '../../engine/index.js';
import { floats, type Graph } from '../../onnx/index.js';
import type { Hook } from '../../train/index.js';
import { edgePopup } from '../methods/edge-popup.js';
import { probmask } from '../methods/probmask.js';
import { firstThreshold, str } from '../methods/str.js';
import { learnDigits } from './digits.test.fixture.js';
import { learntMethods } from './index.js';
import type { LearntReport } from './layers.js';
import { maskable, scoresOf } from './rewrite.js';
import { keepRate, placeOf } from './schedules.js';

const values = (graph: Graph, name: string) => floats(graph.initializers.get(name)!);
const weights = (graph: Graph) => maskable(graph).map((name) => values(graph, name));
const zeros = (graph: Graph) =>
  weights(graph).reduce((sum, w) => sum + w.reduce((n, x) => n + (x === 0 ? 1 : 0), 0), 0);
const size = (graph: Graph) => weights(graph).reduce((sum, { length }) => sum + length, 0);
const sumOfScores = ({ parameters }: Network) =>
  [...parameters.values()]
    .filter(({ name }) => name.startsWith(scoresOf('')))
    .reduce((sum, { weight }) => sum + weight.reduce((a, b) => a + b, 0), 0);

/** What the authors of ProbMask set for a run of 320 epochs, scaled to sixteen. */
const authors = { scoreRate: 0.006, fineTune: 1, fineTuneRate: 0.001, fineTuneSchedule: 'constant' };

test('every method, one epoch', async () => {
  for (const method of learntMethods) {
    const { finished, masks, baked, model } = await learnDigits(method, { sparsity: 0.9 });
    assert.ok(finished && masks.at(-1)!.final, method.name);
    assert.equal(zeros(baked), size(model) - (masks.at(-1) as LearntReport).kept);
    assert.equal(zeros(baked), Math.floor(0.9 * size(model) + 1e-6));
  }
});

for (const perEpoch of [true, false])
  test(`ProbMask, ${perEpoch ? 'by the epoch' : 'by the step'}: dense at first, within the budget after every step, exact in the end and through fine-tuning`, async () => {
    const epochs = 16;
    let dense = 0;
    const watch = (network: Network): Hook => ({
      afterGradients({ training, steps }: Parameters<NonNullable<Hook['endEpoch']>>[0], iteration) {
        for (const [name, { gradient }] of training.slots) {
          const sum = gradient.reduce((a, b) => a + b * 0, 0);
          assert.equal(sum, 0, `the gradient of ${name} is not finite at ${iteration}`);
          if (iteration <= 2 * steps && name.startsWith(scoresOf('')))
            dense += gradient.reduce((n, x) => n + (x === 0 ? 0 : 1), 0);
        }
        return undefined;
      },
      afterUpdate({ steps, training }, iteration) {
        const n = [...network.state].reduce((sum, [name, m]) => sum + (/mask/.test(name) ? m.length : 0), 0);
        if (iteration <= (epochs - 1) * steps) {
          const place = placeOf(iteration - 1, { steps, perEpoch });
          const rate = keepRate(place, { epochs: epochs - 1, density: 1 - 0.95, perEpoch });
          return assert.ok(sumOfScores(network) <= rate * n);
        }
        for (const name of maskable(network.graph)) {
          const { mask, state } = training.slots.get(name)!;
          const { weight } = network.parameters.get(name)!;
          for (let i = 0; i < mask.length; i++)
            if (mask[i] === 0) assert.ok(weight[i] === 0 && state[0][i] === 0);
        }
      },
    });
    const {
      masks,
      baked,
      model,
      epochs: metrics,
    } = await learnDigits(probmask, { ...authors, sparsity: 0.95, perEpoch }, { epochs, watch });
    assert.equal(dense, 0, 'probabilities of 1 have no gradient');
    assert.equal(zeros(baked), Math.floor(0.95 * size(model) + 1e-6));
    const last = masks.at(-1) as LearntReport;
    assert.deepEqual([last.iteration, last.final, last.kept], [15 * 11, true, size(model) - zeros(baked)]);
    assert.ok(last.expected! <= 0.05 * size(model) + 1e-3);
    const densities = last.layers.map(({ density }) => density);
    assert.ok(Math.max(...densities) > 1.5 * Math.min(...densities), 'densities are learnt');
    assert.ok(metrics[epochs - 1].loss < metrics[epochs - 2].loss, 'fine-tuning helps');
  });

test('ProbMask goes on bit-identical after a stop', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const path = join(folder, 'state.bin');
  for (const own of [{ perEpoch: true }, {}]) {
    const options = { sparsity: 0.9, fineTune: 1, ...own };
    const whole = await learnDigits(probmask, options, { epochs: 5 });
    let resume = false;
    for (const stop of [14, 31, 49]) {
      const controller = new AbortController();
      const onStep = ({ epoch, step }: { epoch: number; step: number }) => {
        if ((epoch - 1) * 11 + step === stop) controller.abort();
      };
      const { signal } = controller;
      const part = await learnDigits(probmask, options, {
        epochs: 5,
        checkpoint: { path, resume },
        signal,
        onStep,
      });
      assert.equal(part.finished, false);
      resume = true;
    }
    const resumed = await learnDigits(probmask, options, { epochs: 5, checkpoint: { path, resume } });
    assert.deepEqual(resumed.trained.initializers, whole.trained.initializers);
    assert.deepEqual(resumed.masks, whole.masks);
  }
  await rm(folder, { recursive: true });
});

test('ProbMask draws its mask and chooses on the validation split', async () => {
  const options = { sparsity: 0.8, finalMask: 'draw', draws: 3, fineTune: 0 };
  const { baked, model, masks } = await learnDigits(probmask, options, { epochs: 2 });
  const { expected, kept } = masks.at(-1) as LearntReport;
  assert.equal(kept, size(model) - zeros(baked));
  assert.ok(Math.abs(kept - expected!) < 4 * Math.sqrt(0.2 * 0.8 * size(model)));
});

test('supermasks: weights are bit-identical before and after, and the masks learn', async () => {
  for (const [method, options] of [
    [probmask, { sparsity: 0.5, start: 'frozen', scoreRate: 0.03 }],
    [edgePopup, { sparsity: 0.5 }],
  ] as const) {
    const { start, trained, baked, epochs } = await learnDigits(method, options, { epochs: 8 });
    for (const name of maskable(start)) {
      assert.deepEqual(values(trained, name), values(start, name));
      const [frozen, kept] = [values(start, name), values(baked, name)];
      kept.forEach((x, i) => {
        assert.ok(x === 0 || x === frozen[i]);
      });
    }
    assert.deepEqual(values(trained, 'bn1.weight'), values(start, 'bn1.weight'));
    assert.ok(epochs[7].loss < epochs[0].loss - 0.3, `${method.name}: ${epochs[7].loss}`);
  }
});

test('edge-popup: a layer loses all its weights only when asked for', async () => {
  const last = ({ masks }: { masks: readonly unknown[] }) => masks.at(-1) as LearntReport;
  const floored = last(await learnDigits(edgePopup, { sparsity: 0.999 }));
  assert.ok(floored.held!.length > 0);
  for (const { name, kept } of floored.layers)
    assert.ok(kept >= 1 && (kept === 1 || !floored.held!.includes(name)));
  const { masks } = await learnDigits(edgePopup, { sparsity: 0.999, allowEmpty: true });
  assert.ok((masks.at(-1) as LearntReport).layers.some(({ kept }) => kept === 0));
});

test('STR: more removed with a higher threshold, and what remains is shrunk', async () => {
  const [low, high] = await Promise.all(
    [-8, -3].map((threshold) => learnDigits(str, { threshold }, { epochs: 2 })),
  );
  assert.ok(zeros(high.baked) > 2 * zeros(low.baked) + 100);
});

test('STR with a target: on schedule at every update, thresholds of the layers apart, exact from the last on', async () => {
  const target = 0.97;
  let last: Float32Array[] | undefined;
  const watch = (network: Network): Hook => ({
    afterUpdate({ iterations, training }, iteration) {
      if (iteration < Math.floor(0.8 * iterations)) return;
      const names = maskable(network.graph);
      const masks = names.map((name) => training.slots.get(name)!.mask.slice());
      if (last) assert.deepEqual(masks, last);
      last = masks;
      names.forEach((name, l) => {
        const { weight } = network.parameters.get(name)!;
        const [momentum] = training.slots.get(name)!.state;
        masks[l].forEach((m, i) => {
          assert.ok(m === 1 ? weight[i] !== 0 : weight[i] === 0 && momentum[i] === 0);
        });
      });
    },
  });
  const { masks, baked, model, trained, epochs } = await learnDigits(
    str,
    { sparsity: target },
    { epochs: 12, watch },
  );
  const n = size(model);
  for (const { kept, scheduled } of masks as LearntReport[])
    assert.ok(Math.abs(kept - scheduled! * n) <= 1, `${kept} of ${scheduled! * n}`);
  assert.equal(zeros(baked), Math.floor(target * n + 1e-6));
  assert.ok(masks.at(-1)!.final && masks.filter(({ final }) => final).length === 1);
  const { thresholds, layers } = masks.at(-1) as LearntReport;
  assert.ok(new Set(thresholds).size === layers.length);
  assert.ok(layers.every(({ kept }) => kept > 0));
  for (const name of maskable(model)) assert.deepEqual(values(trained, name), values(baked, name));
  assert.ok(epochs[11].test!.accuracy! > 0.8, `${epochs[11].test!.accuracy}`);
});

test('STR with a target goes on bit-identical after a stop', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-'));
  const whole = await learnDigits(str, { sparsity: 0.9 }, { epochs: 2 });
  for (const stopAfter of [7, 17, undefined]) {
    const stop = new AbortController();
    const resumed = await learnDigits(
      str,
      { sparsity: 0.9 },
      {
        epochs: 2,
        checkpoint: { path: join(folder, 'run'), resume: true },
        signal: stop.signal,
        onStep: ({ epoch, step, steps }) => {
          if ((epoch - 1) * steps + step === stopAfter) stop.abort();
        },
      },
    );
    if (stopAfter !== undefined) continue;
    assert.deepEqual(resumed.trained.initializers, whole.trained.initializers);
    assert.deepEqual(resumed.masks, whole.masks);
  }
  await rm(folder, { recursive: true });
});

test('STR begins where decay alone takes the paper’s −3200 to −5', () => {
  const given = {
    optimizer: { kind: 'sgd', momentum: 0.875, weightDecay: 2.2517e-5 },
    schedule: { kind: 'cosine', learningRate: 0.256, warmup: 5 },
    epochs: 100,
  } as const;
  const first = firstThreshold(given, 100 * 500 * 10);
  assert.ok(first < -2000 && first > -5000, `${first}`);
});

test('options that make no sense get a sentence', async () => {
  for (const [options, sentence] of [
    [{}, /needs sparsity/],
    [{ sparsity: 1 }, /above 0 and below 1/],
    [{ sparsity: 0.9, fineTune: 1 }, /none left before a fine-tuning/],
    [{ sparsity: 0.9, score: 'magnitude' }, /no setting score/],
    [{ sparsity: 0.9999 }, /for 8 layers: ask for at most 0\.9/],
    [{ sparsity: 0.9, finalMask: 'best' }, /one of top, draw/],
  ] as const)
    await assert.rejects(learnDigits(probmask, options), sentence);
});
