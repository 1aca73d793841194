/**
 * Models of other things than images, from the command line: vectors, sequences, and tokens with a mask and types. Each is
 * trained, pruned and measured; the transformer's run is killed and resumed.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { normal } from '../base/index.js';
import { archive, reals, wholes } from '../data/npz.test.fixture.js';
import { readModel, writeModel } from '../onnx/index.js';
import { convolution, draws, perceptron, sentences, transformer } from '../runs/arrays.test.fixture.js';
import { killedAt, shell } from './shell.test.fixture.js';

const { at, espalier } = shell('arrays');

/** Runs it to its end. @returns what it says as JSON. */
async function done(line: string) {
  const { status, out, err } = await espalier(`${line} --json --quiet`);
  assert.equal(status, 0, `${line}: ${err}`);
  return JSON.parse(out);
}

const bytes = (run: string) => readFileSync(at(run, 'model.onnx'));

before(async () => {
  await writeModel(at('vectors.onnx'), perceptron());
  await writeModel(at('signals.onnx'), convolution());
  await writeModel(at('tokens.onnx'), transformer());
  const vectors = draws(330, 8, (r, label, i) => 0.6 * normal(r) + Number(i % 3 === label));
  writeFileSync(
    at('vectors.npz'),
    archive({ x: reals([330, 8], vectors.values), y: wholes([330], vectors.labels) }),
  );
  const wave = (label: number, i: number) => Math.sin((1 + label) * 0.7 * (i % 20) + i);
  const signals = draws(250, 40, (r, label, i) => 0.3 * normal(r) + wave(label, i));
  writeFileSync(
    at('signals.npz'),
    archive({
      x_train: reals([200, 2, 20], signals.values.slice(0, 8000)),
      y_train: wholes([200], signals.labels.slice(0, 200)),
      x_test: reals([50, 2, 20], signals.values.slice(8000)),
      y_test: wholes([50], signals.labels.slice(200)),
    }),
  );
  writeFileSync(at('tokens.npz'), archive(sentences(700)));
});

const exact = async (run: string, error = 1e-4) => {
  const { check } = JSON.parse(readFileSync(at(run, 'summary.json'), 'utf8')).export;
  assert.ok(check.samples > 0 && check.error < error, JSON.stringify(check));
  assert.doesNotMatch(readFileSync(at(run, 'report.html'), 'utf8'), /undefined|NaN/);
};

describe('each kind, trained and pruned', { concurrency: 2 }, () => {
  test('vectors: an MLP, its weights and its neurons', async () => {
    const task = '--data npz:vectors.npz --batch 50 --threads 1';
    const dense = await done(
      `train vectors.onnx ${task} --epochs 10 --lr 0.1 --validation 0.1 --out v/dense`,
    );
    assert.ok(dense.accuracy.after > 0.8, `${dense.accuracy.after}`);
    await exact('v/dense');
    const measured = await done('eval v/dense/model.onnx --data npz:vectors.npz');
    assert.equal(measured.accuracy, dense.accuracy.after);
    assert.equal(measured.count, 33);
    for (const flags of ['grasp', 'probmask']) {
      const pruned = await done(
        `prune v/dense/model.onnx ${task} --method ${flags} --sparsity 0.5 --epochs 4 --lr 0.05 --out v/${flags}`,
      );
      assert.ok(pruned.sparsity.after >= 0.5 && pruned.accuracy.after > 0.6, JSON.stringify(pruned.accuracy));
    }
    const slim = await done(
      `prune v/dense/model.onnx ${task} --method l1-filters --macs 0.5 --round-to 1 --epochs 4 --teacher self --out v/slim`,
    );
    assert.ok(slim.macs.after <= slim.macs.before / 2 && slim.accuracy.after > 0.7);
    await exact('v/slim');
  });

  test('sequences: a convolution along the length, its BatchNormalization measured anew', async () => {
    const task = '--data npz:signals.npz --batch 30 --threads 1';
    const dense = await done(`train signals.onnx ${task} --epochs 8 --lr 0.1 --out s/dense`);
    assert.ok(dense.accuracy.after > 0.9, `${dense.accuracy.after}`);
    const measured = await done('eval s/dense/model.onnx --data npz:signals.npz');
    assert.deepEqual([measured.accuracy, measured.count], [dense.accuracy.after, 50]);
    const slim = await done(
      `prune s/dense/model.onnx ${task} --method masksparsity --macs 0.5 --round-to 1 --epochs 6 --out s/slim`,
    );
    assert.ok(slim.macs.after <= slim.macs.before / 2 && slim.accuracy.after > 0.8);
    assert.ok(slim.channels.stages.some(({ what }: { what: string }) => what === 'recalibrated'));
    await exact('s/slim');
    const { rows } = await done('sensitivity s/dense/model.onnx --data npz:signals.npz --densities 0.5');
    assert.equal(rows.length, 2);
  });

  test('tokens: a transformer of three inputs, killed and resumed', async () => {
    const task = '--data npz:tokens.npz --batch 50 --threads 1 --optimizer adam';
    const dense = await done(`train tokens.onnx ${task} --epochs 12 --lr 0.005 --out t/dense`);
    assert.ok(dense.accuracy.after > 0.85, `${dense.accuracy.after}`);
    await exact('t/dense');
    const line = `prune t/dense/model.onnx ${task} --method taylor-weights --macs 0.7 --round-to 1 --epochs 4 --rounds 2 --lr 0.002 --teacher self`;
    const whole = await done(`${line} --out t/whole`);
    assert.ok(whole.macs.after <= 0.7 * whole.macs.before && whole.accuracy.after > 0.8);
    await exact('t/whole');
    const { inputs } = await readModel(at('t/whole/model.onnx'));
    assert.deepEqual(
      inputs.map(({ name, dtype }) => `${name} ${dtype}`),
      ['input_ids int64', 'attention_mask int64', 'token_type_ids int64'],
    );
    const killed = await espalier(`${line} --out t/pieces`, killedAt(/^epoch 1 /m));
    assert.equal(killed.status, null, killed.err);
    await done('resume t/pieces');
    assert.ok(bytes('t/pieces').equals(bytes('t/whole')));
  });
});

test('labels of a part of the classes: trained and measured, and said in notes, summary and report', async () => {
  const { labels, values } = draws(60, 8, (_, label, i) => Number(i % 3 === label));
  const two = labels.map((label) => label % 2);
  writeFileSync(at('part.npz'), archive({ x: reals([60, 8], values), y: wholes([60], two) }));
  const sentence = 'Class 2 has no training sample.';
  const { status, err } = await espalier('train vectors.onnx --data npz:part.npz --epochs 1 --out part');
  assert.equal(status, 0, err);
  assert.match(err, new RegExp(`^${sentence}$`, 'm'));
  assert.deepEqual(JSON.parse(readFileSync(at('part', 'summary.json'), 'utf8')).notes, [sentence]);
  assert.ok(readFileSync(at('part', 'report.html'), 'utf8').includes(sentence));
  const { notes, accuracy } = await done('eval vectors.onnx --data npz:part.npz');
  assert.deepEqual(notes, ['Class 2 has no test sample.']);
  assert.ok(accuracy >= 0);
});
