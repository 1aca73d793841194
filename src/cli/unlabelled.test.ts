/** A model that is no classifier, with inputs alone, through the command line: pruned, killed, resumed, stopped, and measured. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { archive, reals } from '../data/npz.test.fixture.js';
import { writeModel } from '../onnx/index.js';
import { draws, perceptron } from '../runs/arrays.test.fixture.js';
import { killedAt, type Outcome, shell } from './shell.test.fixture.js';

const { at, alone, espalier, stopped } = shell('unlabelled');

const model = (run: string) => readFileSync(at(run, 'model.onnx'));

function fine({ status, err }: Outcome): void {
  assert.equal(status, 0, err);
}

before(async () => {
  await writeModel(at('teacher.onnx'), perceptron());
  const { values } = draws(400, 8, (_, label, i) => Number(i % 3 === label) + i / 10);
  writeFileSync(at('frames.npz'), archive({ x: reals([400, 8], values) }));
});

for (const target of ['--macs 0.6', '--method gmp --sparsity 0.6'])
  test(`prune ${target}: killed or stopped and resumed, it ends in the same bits, and eval finds the same error`, async () => {
    const line = `prune teacher.onnx ${target} --data npz:frames.npz --epochs 20 --batch 8 --lr 0.01 --threads 1 --seed 3`;
    const name = (what: string) => `${what}${target.length}`;
    const whole = await espalier(`${line} --out ${name('whole')}`);
    fine(whole);
    assert.match(whole.err, /no labels: the model learns the outputs of the model before the run/);
    const { metrics } = JSON.parse(readFileSync(at(name('whole'), 'summary.json'), 'utf8'));
    assert.ok(metrics.error.after > 0 && metrics.error.after < 1, JSON.stringify(metrics));
    const killed = await alone(`${line} --out ${name('killed')}`, killedAt(/^epoch 2 /m));
    assert.equal(killed.status, null, killed.err);
    fine(await espalier(`resume ${name('killed')}`));
    assert.deepEqual(model(name('killed')), model(name('whole')));
    const cut = await stopped(`${line} --out ${name('cut')}`, /^epoch 3 /m);
    assert.equal(cut.status, 130, cut.err);
    fine(await espalier(`resume ${name('cut')}`));
    assert.deepEqual(model(name('cut')), model(name('whole')));
    const measured = await espalier(
      `eval ${name('whole')}/model.onnx --data npz:frames.npz --teacher teacher.onnx --threads 1 --json`,
    );
    fine(measured);
    assert.ok(Math.abs(JSON.parse(measured.out).metrics.error - metrics.error.after) < 1e-6, measured.out);
  });

test('without a teacher there is a sentence, and no folder', async () => {
  const { status, err } = await espalier('train teacher.onnx --data npz:frames.npz --epochs 1 --out none');
  assert.equal(status, 1);
  assert.match(
    err,
    /The samples have no labels, so there is nothing to compare answers with: give --teacher/,
  );
  assert.throws(() => readFileSync(at('none', 'recipe.json')));
});

test('sensitivity is the distance to the answers of the whole model', async () => {
  const { status, out, err } = await espalier(
    'sensitivity teacher.onnx --data npz:frames.npz --densities 0.75,0.25 --threads 1 --json',
  );
  assert.equal(status, 0, err);
  const { whole, rows, metric } = JSON.parse(out);
  assert.deepEqual([metric.name, whole], ['error', 0]);
  const [thick, thin] = rows.map(({ value }: { value: number }) => value);
  assert.ok(thick > 0 && thin > thick, `${thick}, ${thin}`);
});
