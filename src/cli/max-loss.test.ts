/** --max-loss, from the command line, on the digits: the farthest target that loses no more, for both kinds of pruning. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { LossSearch } from '../runs/index.js';
import { stagedShell } from './structured.test.fixture.js';

const { at, espalier, stopped, prune } = stagedShell('max-loss');

const searchOf = (run: string): LossSearch =>
  JSON.parse(readFileSync(at(run, 'summary.json'), 'utf8')).search;

/** The trial that was taken loses no more than it may, and those beyond it lose more. */
function assertFarthest({ trials, found, allowed, of }: LossSearch): void {
  const stays = (target: number) => (of === 'sparsity' ? 1 - target : target);
  const taken = trials.find(({ target }) => target === found)!;
  assert.ok(taken.loss! <= allowed);
  for (const { target, loss } of trials)
    if (stays(target) < stays(found!)) assert.ok(loss! > allowed, `${target}`);
}

test('channels: bisected, said, kept in the summary, and found again by a run that was stopped in between', async () => {
  const line = prune('--max-loss 5% --epochs 0 --calibrate 64');
  const { status, err, out } = await espalier(`${line} --out whole`);
  assert.equal(status, 0, err);
  const search = searchOf('whole');
  assert.deepEqual([search.of, search.allowed, search.trials[0].target], ['macs', 0.05, 0.1]);
  assertFarthest(search);
  assert.ok(err.includes(`--macs ${search.found}: accuracy `));
  assert.match(
    out,
    new RegExp(`${search.trials.length} targets tried, --macs ${search.found} is the farthest`),
  );
  const { macs } = JSON.parse(readFileSync(at('whole', 'summary.json'), 'utf8'));
  assert.ok(macs.after <= search.found! * macs.before);

  const cut = await stopped(`${line} --out pieces`, /^--macs 0.55: /m);
  assert.equal(cut.status, 130, cut.err);
  const resumed = await espalier('resume pieces');
  assert.equal(resumed.status, 0, resumed.err);
  assert.doesNotMatch(resumed.err, /^--macs 0.1: /m);
  assert.deepEqual(searchOf('pieces'), search);
  assert.ok(readFileSync(at('pieces', 'model.onnx')).equals(readFileSync(at('whole', 'model.onnx'))));
});

test('single weights: with training in each trial, no farther than the target that is given', async () => {
  const line =
    'prune dense/model.onnx --data digits --threads 1 --method magnitude --sparsity 0.5 --max-loss 30% --epochs 1';
  const { status, err } = await espalier(`${line} --out sparse`);
  assert.equal(status, 0, err);
  const search = searchOf('sparse');
  assert.deepEqual([search.of, search.found, search.trials.length], ['sparsity', 0.5, 1]);
});

test('what no target can keep, and what leaves nothing to look for, is refused in a sentence', async () => {
  const random =
    'prune dense/model.onnx --data random --method l1-filters --no-reconstruct --no-recalibrate --epochs 0 --threads 1';
  const cases: [string, RegExp][] = [
    [`${random} --macs 0.5 --max-loss 0.01%`, /even --macs 0\.\d+ loses [\d.]+ %/],
    [prune('--max-loss 1% --mask m.json'), /--mask already says what is removed/],
    [
      prune('--max-loss 1% --macs 40M'),
      /--macs is the strongest target that is tried: give it as a fraction/,
    ],
    ['prune dense/model.onnx --data none --max-loss 1%', /give --data, which needs no labels/],
    ['prune resnet8 --data digits --max-loss 1%', /networks of the zoo have random weights/],
  ];
  for (const [line, message] of cases) {
    const { status, err } = await espalier(`${line} --out no`);
    assert.equal(status, 1, line);
    assert.match(err, message);
    assert.ok(!existsSync(at('no')), line);
  }
});
