/** An objective of a user's own, in a file outside the package, goes through the command line as any other. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { archive, reals } from '../data/npz.test.fixture.js';
import { writeModel } from '../onnx/index.js';
import { draws, perceptron } from '../runs/arrays.test.fixture.js';
import { type Outcome, shell } from './shell.test.fixture.js';

const { at, espalier, stopped } = shell('own-objectives');

/** Twice the weight on answers that are too low. */
const lopsided = `export default {
  name: 'lopsided',
  title: 'regression with twice the weight on answers that are too low',
  metrics: [
    { name: 'cost', title: 'mean cost', better: 'lower' },
    { name: 'low', title: 'answers that are too low', better: 'lower', percent: true },
  ],
  loss: ({ output, target, build: { each, call, mean } }) =>
    mean(each((is, should) => {
      const off = call('sub', should, is);
      return call('choose', call('greater', off, 0), call('mul', 2, off), call('neg', off));
    }, output, target)),
  measure({ output, target }) {
    const off = [...output].map((is, k) => target[k] - is);
    const mean = (of) => off.reduce((sum, x) => sum + of(x), 0) / off.length;
    const loss = mean((x) => (x > 0 ? 2 * x : -x));
    return { loss, cost: loss, low: mean((x) => Number(x > 0)) };
  },
};`;

const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));
const model = (run: string) => readFileSync(at(run, 'model.onnx'));
const task = 'start.onnx --data npz:numbers.npz --batch 16 --threads 1 --optimizer adam --lr 0.01';

function fine({ status, err }: Outcome): void {
  assert.equal(status, 0, err);
}

before(async () => {
  mkdirSync(at('own'));
  writeFileSync(at('own', 'lopsided.mjs'), lopsided);
  await writeModel(at('start.onnx'), perceptron());
  const { values, labels } = draws(240, 8, (_, label, i) => Number(i % 3 === label) + i / 10);
  const y = labels.flatMap((label) => [label / 2, 1 - label, 0.25]);
  writeFileSync(at('numbers.npz'), archive({ x: reals([240, 8], values), y: reals([240, 3], y) }));
});

test('it is trained, resumed to the same bits, kept by its digest, and measured again', async () => {
  const line = `train ${task} --learn ./own/lopsided.mjs --epochs 6`;
  fine(await espalier(`${line} --out whole`));
  const { metrics, objective } = json('whole', 'summary.json');
  assert.equal(objective.name, 'lopsided');
  assert.ok(metrics.cost.after < metrics.cost.before / 2, JSON.stringify(metrics));
  assert.match(readFileSync(at('whole', 'report.html'), 'utf8'), /Mean cost/);
  assert.equal(json('whole', 'recipe.json').learn, '../own/lopsided.mjs');
  const cut = await stopped(`${line} --out cut`, /^epoch 2 /m);
  assert.equal(cut.status, 130, cut.err);
  writeFileSync(at('own', 'lopsided.mjs'), `${lopsided}\n`);
  const other = await espalier('resume cut');
  assert.equal(other.status, 1);
  assert.match(other.err, /The objective .*lopsided\.mjs is not what it was when the run was started/);
  writeFileSync(at('own', 'lopsided.mjs'), lopsided);
  fine(await espalier('resume cut'));
  assert.deepEqual(model('cut'), model('whole'));
  const again = await espalier(
    'eval whole/model.onnx --data npz:numbers.npz --learn own/lopsided.mjs --json --threads 1',
  );
  assert.equal(again.status, 0, again.err);
  assert.ok(Math.abs(JSON.parse(again.out).metrics.cost - metrics.cost.after) < 1e-6, again.out);
});

test('a study compares it with others', async () => {
  writeFileSync(
    at('study.yaml'),
    'title: Own\nrecipe: { model: ./start.onnx, data: "npz:numbers.npz", batch: 16, epochs: 1, method: gmp, sparsity: 0.5 }\nvary: { learn: [regression, ./own/lopsided.mjs] }\nseeds: [1]\n',
  );
  fine(await espalier('study study.yaml --out study --threads 1'));
  assert.ok(json('study', 'lopsided', 'seed-1', 'summary.json').metrics.cost.after > 0);
});

test('what is no objective, or gives no number, is refused in a sentence', async () => {
  const files: Record<string, [text: string, sentence: RegExp]> = {
    nothing: ['export const x = 1;', /default export of .*nothing\.mjs is not an objective: it needs a name/],
    metrics: [lopsided.replace("better: 'lower' },", '},'), /metrics\.mjs needs metrics, such as/],
    taken: [lopsided.replace("'lopsided'", "'dense'"), /has the name of another one, dense/],
    many: [lopsided.replace('mean(each(', '(each('), /The loss of lopsided must be one number for a sample/],
    lacking: [lopsided.replace('cost: loss, ', ''), /has a metric cost, but neither measure nor finish/],
    unknown: [
      lopsided.replace("'neg'", "'negg'"),
      /There is no function "negg" of numbers .*did you mean neg\?/,
    ],
    thrown: [
      lopsided.replace('const mean = (of)', 'nothing(); const mean = (of)'),
      /The function measure of the objective lopsided failed: ReferenceError: nothing is not defined; set/,
    ],
    broken: ['export default {', /The objective .*broken\.mjs cannot be loaded/],
  };
  for (const [name, [text, sentence]] of Object.entries(files)) {
    writeFileSync(at('own', `${name}.mjs`), text);
    const { status, err } = await espalier(`train ${task} --learn ./own/${name}.mjs --epochs 1 --out no`);
    assert.equal(status, 1, name);
    assert.match(err, sentence);
  }
  const missing = await espalier(`train ${task} --learn ./none.mjs --epochs 1 --out no`);
  assert.match(missing.err, /Cannot read the objective .*none\.mjs/);
});
