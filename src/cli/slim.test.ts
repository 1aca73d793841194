/** slim, and defaults of prune that follow the model: from the command line, on the digits. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { before, test } from 'node:test';
import { shell } from './shell.test.fixture.js';

const { at, espalier, stopped } = shell('slim');

const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));

before(async () => {
  const { status, err } = await espalier(
    'train resnet8 --width 0.5 --data digits --epochs 4 --lr 0.2 --threads 1 --out dense',
  );
  assert.equal(status, 0, err);
});

test('slim chooses, says why, keeps it in the recipe, and makes an ordinary run that resumes to the same bits', async () => {
  const line = 'slim dense --data digits --epochs 2 --time 30s --threads 1';
  const { status, err, out } = await espalier(`${line} --json`);
  assert.equal(status, 0, err);
  assert.match(err, /The model is trained: it is right for \d+\.\d % of 512 training samples/);
  assert.match(err, /--lr [\d.]+ +tried on \d+ training samples/);
  const summary = JSON.parse(out);
  const recipe = json('dense-slim', 'recipe.json');
  assert.equal(summary.method, 'l1-filters');
  assert.ok(summary.macs.after <= summary.macs.before / 2);
  assert.deepEqual([recipe.macs, recipe.epochs, recipe.teacher, recipe.batch], [0.5, 2, 'self', 64]);
  assert.deepEqual(Object.keys(recipe.because).sort(), [
    'batch',
    'lr',
    'macs',
    'method',
    'roundTo',
    'teacher',
    'warmup',
  ]);
  assert.ok(existsSync(at('dense-slim', 'report.html')));

  const again = '--lr 0.01 --out pieces';
  const cut = await stopped(`${line} ${again}`, /^epoch 1 /m);
  assert.equal(cut.status, 130, cut.err);
  assert.equal((await espalier('resume pieces --quiet')).status, 0);
  const whole = await espalier(`prune --recipe pieces/recipe.json --out whole`);
  assert.equal(whole.status, 0, whole.err);
  assert.doesNotMatch(whole.err, /Chosen/);
  assert.ok(readFileSync(at('pieces', 'model.onnx')).equals(readFileSync(at('whole', 'model.onnx'))));
});

test('slim in next to no time trains on what it has time for, or not at all, and says so', async () => {
  const { status, err } = await espalier('slim dense --data digits --time 1s --threads 1 --out hasty');
  assert.equal(status, 0, err);
  const [, said] = /--epochs (\d+) +an epoch takes about \d+s/.exec(err) ?? assert.fail(err);
  const { epochs, trainSamples = 1437 } = json('hasty', 'recipe.json');
  assert.equal(epochs, Number(said));
  assert.ok(trainSamples <= 1437);
});

test('slim without data is one-shot and says what became of the answers', async () => {
  const { status, err, out } = await espalier('slim dense/model.onnx --out alone --threads 1');
  assert.equal(status, 0, err);
  assert.match(err, /--macs 0\.[89] +without data/);
  assert.match(out, /On random inputs, output \S+ differs by/);
  const { data, epochs, macs } = json('alone', 'recipe.json');
  assert.deepEqual([data, epochs], ['none', 0]);
  assert.ok(json('alone', 'summary.json').macs.after <= macs * json('alone', 'summary.json').macs.before);
});

test('slim refuses in a sentence what it is not for', async () => {
  const cases: [string, RegExp][] = [
    ['slim resnet8 --data digits', /networks of the zoo have random weights: train it first/],
    ['slim dense --target half', /Cannot read the target "half"/],
    ['slim dense --target 50% --macs 0.5', /two targets, --target and --macs/],
    ['slim dense --time soon', /Cannot read the time "soon"/],
    ['slim dense --data digits --normalize 90/0.01 --out no', /does not look trained: .*--normalize/],
  ];
  for (const [line, message] of cases) {
    const { status, err } = await espalier(line);
    assert.equal(status, 1, line);
    assert.match(err, message);
  }
  assert.ok(!existsSync(at('no')) && !existsSync(at('resnet8-slim')));
});

test('prune takes its defaults from the model; what is given stands', async () => {
  const { status, err } = await espalier(
    'prune dense --sparsity 0.8 --data digits --epochs 1 --seed 3 --threads 1 --out kept',
  );
  assert.equal(status, 0, err);
  assert.match(err, /Chosen, as nothing else was given:\n {2}--method magnitude/);
  const { method, lr, teacher, warmup, because } = json('kept', 'recipe.json');
  assert.deepEqual([method, lr, teacher, warmup], ['magnitude', 0.01, 'self', 0.1]);
  assert.match(because.lr, /trained/);

  const zoo = await espalier(
    'prune resnet8 --width 0.25 --method gmp --sparsity 0.8 --data digits --epochs 1 --batch 128 --augment --threads 1 --out zoo',
  );
  assert.equal(zoo.status, 0, zoo.err);
  assert.doesNotMatch(zoo.err, /Chosen/);
  const own = json('zoo', 'recipe.json');
  assert.deepEqual([own.lr, own.teacher, own.because], [0.05, undefined, undefined]);
});
