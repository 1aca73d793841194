/** --drop-arms, from the command line, on the digits: residual arms go whole, with and without channels after them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { stagedShell } from './structured.test.fixture.js';

const { at, espalier, prune } = stagedShell('depth');

const fine = ({ status, err }: { status: number | null; err: string }) => assert.equal(status, 0, err);
const summaryOf = (run: string) => JSON.parse(readFileSync(at(run, 'summary.json'), 'utf8'));

test('an arm goes without any channels, and the layers behind it make up for it', async () => {
  const { status, err } = await espalier(`${prune('--drop-arms 1 --epochs 0 --calibrate 64')} --out alone`);
  assert.equal(status, 0, err);
  const { channels, macs, params, accuracy } = summaryOf('alone');
  assert.deepEqual(
    channels.stages.map(({ stage, what }: { stage: string; what: string }) => `${stage} ${what}`),
    ['1-depth pruned', '1-depth recalibrated', '1-depth reconstructed'],
  );
  const [{ arm, macs: gone, distance }] = channels.arms;
  assert.ok(err.includes(`Without the residual branch of ${arm} the outputs differ by`));
  assert.equal(macs.after, macs.before - gone);
  assert.ok(params.after < params.before && distance > 0);
  const [{ accuracy: cut }] = channels.stages;
  assert.ok(accuracy.after >= cut, `${accuracy.after} after ${cut}`);
});

test('channels go as far as the target of the whole model says', async () => {
  const line = prune('--method l1-filters --drop-arms 2 --macs 0.3 --epochs 1 --calibrate 64');
  const { status, err } = await espalier(`${line} --out both`);
  assert.equal(status, 0, err);
  const { channels, macs } = summaryOf('both');
  assert.equal(channels.arms.length, 2);
  assert.ok(macs.after <= 0.3 * macs.before && macs.target === 0.3 * macs.before);
  assert.ok(channels.units.after < channels.units.before);
});

test('weights go one-shot, and are measured on the data, where nothing is trained', async () => {
  const line = 'prune dense/model.onnx --data digits --epochs 0 --sparsity 0.3 --threads 1 --method';
  const { status, err } = await espalier(`${line} magnitude --out at-once`);
  assert.equal(status, 0, err);
  const { sparsity, accuracy } = summaryOf('at-once');
  assert.ok(Math.abs(sparsity.after - 0.3) < 1e-3 && accuracy.before > 0.3 && accuracy.after > 0);
  fine(await espalier(`${line} gmp --rounds 1 --out rounds`));
  assert.ok(Math.abs(summaryOf('rounds').sparsity.after - 0.3) < 1e-3, 'gmp in a round before training');
  const refused = await espalier(`${line} snip --out refused`);
  assert.match(
    refused.err,
    /snip goes by gradients, and these need a training: give --data and --epochs 1 or more/,
  );
  assert.ok(!existsSync(at('refused', 'model.onnx')));
});

test('more arms than there are: all of them go, and that is said', async () => {
  const line = prune('--drop-arms 9 --epochs 0 --calibrate 64 --no-reconstruct');
  const { status, err } = await espalier(`${line} --out all`);
  assert.equal(status, 0, err);
  assert.match(err, /The model has 3 residual branches, so no more than that can be removed/);
});

test('an arm with weights that are to stay stays', async () => {
  const line = prune('--drop-arms 9 --ignore layer1.* --epochs 0 --calibrate 64 --no-reconstruct');
  const { status, err } = await espalier(`${line} --out kept`);
  assert.equal(status, 0, err);
  assert.match(err, /has 2 residual branches without weights that are to stay, so no more than that/);
  const { channels } = summaryOf('kept');
  assert.ok(channels.arms.every(({ arm }: { arm: string }) => !arm.includes('layer1')));
  const whole = channels.groups.filter(({ members }: { members: string[] }) =>
    members.some((m) => m.startsWith('layer1.0.conv1.weight:0')),
  );
  assert.deepEqual(whole, [], 'nor is a channel of theirs a unit that could go');
});

test('without data there is nothing to choose by', async () => {
  const { status, err } = await espalier(
    'prune dense/model.onnx --data none --method l1-filters --drop-arms 1 --out none',
  );
  assert.equal(status, 1);
  assert.match(err, /--drop-arms needs data/);
  assert.ok(!existsSync(at('none')));
});
