/** Every method that removes channels, on the digits: targets met, what is masked computes what is shrunk, models without BatchNorm. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  findChannels,
  maskChannels,
  pricesOf,
  readMasks,
  selectionFrom,
  structuredMethods,
} from '../../channels/index.js';
import { openDataset } from '../../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../../engine/index.js';
import { foldBatchNorm } from '../../graph/index.js';
import { readModel, writeModel } from '../../onnx/index.js';
import { resolveRecipe } from '../recipe.js';
import { resumeRun, startRun } from '../run.js';
import type { Summary } from '../summary.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-channels-'));
let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
  await run('dense', 'train', { model: 'resnet8', width: 0.5, epochs: 3, lr: 0.2 });
});
after(async () => {
  await machine.close();
  rmSync(root, { recursive: true, force: true, maxRetries: 5 });
});

const common = { data: 'digits', batch: 128, threads: 2, seed: 1 };
const at = (...names: string[]) => join(root, ...names);

async function run(
  name: string,
  command: 'train' | 'prune',
  given: object,
): Promise<Summary & { notes: string[] }> {
  const notes: string[] = [];
  const model = at('dense', 'model.onnx');
  const recipe = resolveRecipe(
    command,
    { ...common, ...(command === 'prune' ? { model } : {}), ...given },
    '',
  );
  const { summary } = await startRun(recipe, at(name), { onNote: (note) => notes.push(note) });
  return { ...summary!, notes };
}

const prune = (name: string, given: object) => run(name, 'prune', { roundTo: 1, ...given });

describe('every method', () => {
  for (const { name: method } of structuredMethods)
    test(method, async () => {
      const rounds = method.startsWith('taylor') ? { rounds: 3 } : {};
      const drawn = method === 'eagleeye' ? { candidates: 5 } : {};
      const {
        macs,
        params,
        bytes,
        accuracy,
        export: exported,
        channels,
      } = await prune(method, {
        ...{ method, macs: 0.5, epochs: 3, calibrate: 64, ...rounds, ...drawn },
      });
      const graph = await readModel(at('dense', 'model.onnx'));
      const step = Math.max(...pricesOf(graph, findChannels(graph)).values());
      assert.ok(macs.after <= macs.target! && macs.after > macs.target! - step, JSON.stringify(macs));
      assert.ok(params.after < params.before! && bytes.raw.after < bytes.raw.before!);
      assert.ok(exported.check.samples > 0 && exported.check.error! < 1e-4);
      assert.ok(accuracy!.after > 0.12, `${accuracy!.after}`);
      assert.ok(channels!.units.after < channels!.units.before! && channels!.error! < 1e-5);
    });
});

test('what is masked computes what was exported', async () => {
  await prune('plain', { method: 'lamp', params: 0.4, epochs: 0, recalibrate: false, reconstruct: false });
  const graph = await readModel(at('plain', 'checkpoint', 'start.onnx'));
  const channels = findChannels(graph);
  const selection = selectionFrom(graph, channels, await readMasks(at('plain', 'mask.json')));
  const { test: images, ...normalize } = await openDataset('digits');
  const answers = [maskChannels(graph, channels, selection), await readModel(at('plain', 'model.onnx'))].map(
    async (model) => {
      const network = loadNetwork(model, { machine });
      const { evaluate } = await import('../../train/index.js');
      const inference = network.inference({ batch: 16 });
      const input = Float32Array.from({ length: 16 * 64 }, (_, i) => Math.sin(i));
      const [values] = Object.values(await inference.run({ [model.inputs[0].name]: input }, 16));
      const { accuracy } = await evaluate(network, images!, { normalize });
      network.close();
      return { values, accuracy };
    },
  );
  const [masked, shrunk] = await Promise.all(answers);
  const scale = Math.max(...shrunk.values.map(Math.abs));
  shrunk.values.forEach((x, i) => {
    assert.ok(Math.abs(x - masked.values[i]) <= 1e-5 * scale, `${x} and ${masked.values[i]}`);
  });
  assert.equal(masked.accuracy, shrunk.accuracy);
});

test('whoever removes channels of a sparse model is told that its zeros will not stay', async () => {
  const graph = await readModel(at('dense', 'model.onnx'));
  const initializers = [...graph.initializers].map(([name, tensor]) => {
    const data = (tensor.data as Float32Array).map((x, i) => (tensor.shape.length > 1 && i % 2 ? 0 : x));
    return [name, { ...tensor, data }] as const;
  });
  await writeModel(at('half.onnx'), { ...graph, initializers: new Map(initializers) });
  const given = { model: at('half.onnx'), method: 'l1-filters', params: 0.5, epochs: 1, reconstruct: false };
  const { notes } = await prune('of-half', given);
  assert.ok(
    notes.some((note) => /^50 % of the model's prunable weights are zero\. They will not stay/.test(note)),
    notes.join('\n'),
  );
});

test('a model whose BatchNorm was folded away is pruned by its scales, and folded again', async () => {
  const folded = foldBatchNorm(await readModel(at('dense', 'model.onnx')));
  await writeModel(at('folded.onnx'), folded);
  const norms = ({ nodes }: typeof folded) => nodes.filter(({ op }) => op === 'BatchNormalization').length;
  assert.equal(norms(folded), 0);
  const given = {
    ...{ model: at('folded.onnx'), method: 'masksparsity', params: 0.5, epochs: 6 },
    markedStrength: 1e-6,
  };
  const { params, channels, notes, accuracy } = await prune('unfolded', given);
  for (const said of [
    /does not have: BatchNorm is restored/,
    /^The training is short, so the penalty on all scales is 0\.\d+; --sparse-strength/,
    /^Of (\d+) scales whose channels will be removed, \1 are still above 0\.01, the largest [\d.]+, so .* above 0\.000001\.$/,
  ])
    assert.ok(
      notes.some((note) => said.test(note)),
      `${said} in ${notes.join('\n')}`,
    );
  assert.equal(norms(await readModel(at('unfolded', 'model.onnx'))), 0);
  assert.ok(norms(await readModel(at('unfolded', 'checkpoint', '1-unfold', 'model.onnx'))) > 5);
  assert.equal(params.target, params.before! / 2);
  assert.ok(params.after <= params.target! && params.after > 0.45 * params.before!, JSON.stringify(params));
  assert.ok(channels!.unfolded && accuracy!.after > 0.5, `${accuracy!.after}`);
  await assert.rejects(prune('kept', { ...given, unfold: false }), /No group of channels has scales/);
});

test('a threshold takes what came below it, and a vote follows it', async () => {
  const { notes, channels } = await prune('threshold', {
    ...{ method: 'masksparsity', threshold: 0.9, epochs: 6, sparseStrength: 0.05, markedStrength: 1e-6 },
  });
  assert.ok(
    notes.some((note) =>
      /^Of \d+ channels that were to be removed, \d+ fell below 0\.9; the others are kept/.test(note),
    ),
  );
  assert.ok(channels!.units.after < channels!.units.before!);
  const vote = await prune('vote', { method: 'order', threshold: 1, vote: true, epochs: 0 });
  assert.ok(vote.channels!.units.after < vote.channels!.units.before!);
  const energy = await prune('energy', { method: 'ot', epochs: 0 });
  assert.equal(energy.channels!.units.after, energy.channels!.units.before);
});

test('floors, rounding, what is ignored, and sensitivity', async () => {
  const given = { method: 'depgraph', macs: 0.8, epochs: 0 };
  const { channels } = await prune('floors', {
    ...{ ...given, roundTo: 4, keepAtLeast: 6, maxSparsity: 0.5, ignore: ['layer3.0.conv1.weight'] },
  });
  for (const { name, before, after } of channels!.groups) {
    assert.ok(after % 4 === 0 && after >= before / 2, name);
    assert.notEqual(name, 'layer3.0.conv1.weight');
  }
  assert.ok(channels!.frozen.some(({ tensor }) => tensor === 'layer3.0.conv1.weight'));
  const scanned = await prune('scanned', { ...given, allocate: 'sensitivity' });
  assert.ok(scanned.channels!.sensitivity!.length > 10);
  assert.ok(scanned.macs.after <= scanned.macs.target!);
});

test('a stopped run goes on, and a run that never began leaves nothing', async () => {
  const stop = new AbortController();
  const recipe = resolveRecipe(
    'prune',
    { ...common, model: at('dense', 'model.onnx'), method: 'network-slimming', macs: 0.7, epochs: 4 },
    '',
  );
  const { summary } = await startRun(recipe, at('stopped'), {
    signal: stop.signal,
    onEpoch: () => stop.abort(),
  });
  assert.equal(summary, undefined);
  assert.ok(!existsSync(at('stopped', 'summary.json')));
  const resumed = await resumeRun(at('stopped'));
  assert.equal(resumed.summary!.epochs, 4);
  const lines = readFileSync(at('stopped', 'metrics.jsonl'), 'utf8').trim().split('\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)).map(({ stage, epoch }) => `${stage} ${epoch}`),
    ['1-sparse 1', '1-sparse 2', '4-fine-tune 1', '4-fine-tune 2'],
  );
  await assert.rejects(
    prune('never', { method: 'lamp', macs: 1e-5, epochs: 2 }),
    /out of reach.* ask for at least 0\./,
  );
  assert.ok(!existsSync(at('never', 'recipe.json')));
});

test('stages share the epochs, and a resolved recipe resolves to itself', () => {
  const given = { ...common, model: 'resnet8', method: 'masksparsity', macs: 0.5 };
  const epochs = (more: object) => {
    const recipe = resolveRecipe('prune', { ...given, ...more }, '1') as ReturnType<typeof resolveRecipe> & {
      sparseEpochs: number;
      markedEpochs: number;
      fineTune: number;
    };
    assert.deepEqual(resolveRecipe('prune', recipe, '1'), recipe);
    return [recipe.epochs, recipe.sparseEpochs, recipe.markedEpochs, recipe.fineTune];
  };
  assert.deepEqual(epochs({ epochs: 10 }), [10, 4, 3, 3]);
  assert.deepEqual(epochs({ epochs: 10, fineTune: 0 }), [10, 5, 5, 0]);
  assert.deepEqual(epochs({ sparseEpochs: 2, markedEpochs: 3, fineTune: 4 }), [9, 2, 3, 4]);
  assert.deepEqual(epochs({ epochs: 6, macs: undefined, mask: 'mask.json' }), [6, 0, 3, 3]);
  assert.deepEqual(epochs({ epochs: 0 }), [0, 0, 0, 0]);
  assert.throws(
    () => epochs({ epochs: 3, sparseEpochs: 4 }),
    /stages of masksparsity have 4 epochs, but the run has 3/,
  );
});
