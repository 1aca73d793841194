/** The command line as a person uses it: the program started, its output read, its folders looked into. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import sharp from 'sharp';
import { type Outcome, shell } from './shell.test.fixture.js';

const { at, alone, espalier } = shell('cli');

const tiny = 'resnet8 --width 0.25 --data digits --batch 256 --lr 0.2';
const json = (...names: string[]) => JSON.parse(readFileSync(at(...names), 'utf8'));
const lines = (path: string) =>
  readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** One line, of one sentence, without a stack. */
function assertSentence({ err }: Outcome, pattern: RegExp): void {
  assert.match(err, /^espalier: [^\n]+[.?]\n$/);
  assert.match(err, pattern);
}

/** Every command line ends with the status and a sentence. */
async function assertComplaints(cases: readonly [string, RegExp][]): Promise<void> {
  for (let i = 0; i < cases.length; i += 2)
    await Promise.all(
      cases.slice(i, i + 2).map(async ([line, pattern]) => {
        const outcome = await espalier(line);
        assert.equal(outcome.status, 1, `${line}: ${outcome.err}`);
        assertSentence(outcome, pattern);
      }),
    );
}

/** The folder of a dense run, made once for all tests that want one. */
let made: Promise<Outcome> | undefined;
const dense = (): Promise<Outcome> => {
  made ??= espalier(`train ${tiny} --epochs 4 --out dense`);
  return made;
};

test('help and version', async () => {
  const help = await espalier('--help');
  assert.equal(help.status, 0);
  for (const name of [
    'inspect',
    'train',
    'prune',
    'eval',
    'bench',
    'profile',
    'explain',
    'pack',
    'data',
    'resume',
    'study',
    'methods',
  ])
    assert.match(help.out, new RegExp(`^  ${name} `, 'm'));
  const prune = await espalier('prune --help');
  assert.equal(prune.status, 0);
  assert.match(prune.out, /--sparsity <FRACTION>/);
  assert.doesNotMatch(prune.out, /--select-ratio/);
  assert.match(prune.out, /Examples:\n {2}\$ espalier prune /);
  const all = await espalier('prune --help all');
  assert.match(all.out, /--select-ratio <FRACTION>/);
  assert.match(all.out, /--\[no-\]spare-first/);
  const one = await espalier('prune --help lr');
  assert.match(one.out, /^--lr <X>\n {2}peak learning rate/);
  const longer = await espalier('help prune all');
  assert.equal(longer.out, all.out);
  const version = await alone('--version');
  assert.equal(version.status, 0);
  assert.match(version.out, /^\d+\.\d+\.\d+\n$/);
});

test('a command called wrongly ends with 1 and a hint', async () => {
  const cases: [string, RegExp][] = [
    ['tran', /unknown command 'tran' \(did you mean train\?\)/],
    ['train --epoch 3', /unknown option '--epoch' \(did you mean --epochs\?\)/],
    [`train ${tiny} --epochs many --out x`, /epochs must be a whole number of at least 1, but it is "many"/],
    [`train ${tiny}`, /folder of the run is missing: give --out/],
    ['prune --help lrr', /prune has no flag --lrr; espalier prune --help all lists them all/],
    ['inspect resnet8 --threads 2', /unknown option '--threads' .*; see espalier inspect --help\.$/m],
    ['methods fgg', /no pruning method "fgg" \(did you mean fggp\?\)/],
  ];
  await assertComplaints(cases);
  const outcome = await alone('tran');
  assert.equal(outcome.status, 1);
  assertSentence(outcome, cases[0][1]);
});

test('what cannot be done ends with 1 and a sentence', async () => {
  writeFileSync(at('broken.onnx'), 'this is no model');
  await dense();
  const cases: [string, RegExp][] = [
    ['inspect broken.onnx', /broken\.onnx/],
    ['inspect resnt8', /did you mean resnet8\?/],
    ['inspect mine.pt', /mine\.pt is not an \.onnx file: export it with torch\.onnx\.export/],
    ['eval mine.keras --data digits', /mine\.keras is not an \.onnx file: convert it with tf2onnx/],
    ['bench https://example.org/m.onnx', /is an address on the network; download the model first/],
    ['resume nowhere', /There is no folder nowhere: check the path/],
    ['resume .', /not the folder of a run: it has no recipe\.json/],
    [`train ${tiny} --out dense`, /holds a run already: continue with 'espalier resume dense'/],
    [`train ${tiny} --out broken.onnx/run`, /broken\.onnx\/run.*: a part of the path is not a folder/],
    [`prune ${tiny} --method fggp --sparsity 0.99 --select-ratio 0.01 --out hard`, /selectRatio of at least/],
  ];
  await assertComplaints(cases);
  assert.ok(!existsSync(at('x')));
  assert.ok(!existsSync(at('hard')), 'a run that never began leaves nothing behind');
});

test('train, prune, inspect and eval', async () => {
  const trained = await dense();
  assert.equal(trained.status, 0, trained.err);
  assert.match(trained.out, /^accuracy \(test\) +– +\d\d\.\d\d %$/m);
  assert.match(trained.err, /^epoch 4 {3}loss /m);

  const pruned = await espalier(
    'prune dense/model.onnx --method fggp --sparsity 0.9 --data digits --batch 128 --epochs 4 --out pruned --json --quiet',
  );
  assert.equal(pruned.status, 0, pruned.err);
  assert.equal(pruned.err, '');
  const result = JSON.parse(pruned.out);
  const summary = json('pruned', 'summary.json');
  assert.deepEqual({ ...summary, run: result.run }, result);
  assert.equal(summary.sparsity.target, 0.9);
  const count = summary.prunable.count;
  assert.equal(summary.sparsity.after, Math.floor(count * 0.9 + 1e-6) / count);
  assert.equal(summary.sparsity.before, 0);
  assert.ok(summary.bytes.gzip.after < summary.bytes.gzip.before / 2);
  assert.equal(summary.bytes.raw.after, readFileSync(at('pruned', 'model.onnx')).length);
  assert.match(summary.export.check.by, /^onnxruntime/);
  assert.ok(summary.export.check.error < 1e-4 && summary.export.check.samples === 8);
  assert.deepEqual(summary.prunable.layers.filter((layer: { spared?: string }) => layer.spared).length, 1);
  assert.deepEqual(readdirSync(at('pruned')).sort(), [
    'checkpoint',
    'metrics.jsonl',
    'model.netron.json',
    'model.onnx',
    'recipe.json',
    'report.html',
    'summary.json',
  ]);
  const report = readFileSync(at('pruned', 'report.html'), 'utf8');
  assert.doesNotMatch(report, /https?:\/\/(?!www\.w3\.org)/, 'the report needs no network');
  for (const title of ['Loss', 'Accuracy', 'Sparsity', 'Density per layer'])
    assert.ok(report.includes(title));

  const inspected = JSON.parse((await espalier('inspect pruned/model.onnx --json')).out);
  assert.equal(inspected.sparsity, summary.sparsity.after);
  assert.equal(inspected.prunable, count);
  assert.ok(inspected.unpruned.every(({ reason }: { reason: string }) => reason.length > 5));

  const evaluated = JSON.parse((await espalier('eval pruned/model.onnx --data digits --json')).out);
  assert.equal(evaluated.accuracy, summary.accuracy.after);
});

test('flags, values and models by the names that people try first', async () => {
  await dense();
  const line =
    'prune dense --method l1 --macs 70% --dataset digits --learning-rate 0.01 --batch-size 256 --epochs 1 --out l1';
  const pruned = await espalier(line);
  assert.equal(pruned.status, 0, pruned.err);
  const { method, macs, lr, batch, model } = json('l1', 'recipe.json');
  assert.deepEqual([method, macs, lr, batch], ['l1-filters', 0.7, 0.01, 256]);
  assert.equal(model, '../dense/model.onnx');
});

test('methods: all of them, and one with its settings', async () => {
  const { out } = await espalier('methods');
  for (const name of ['fggp', 'probmask', 'masksparsity']) assert.match(out, new RegExp(`^${name} `, 'm'));
  const one = JSON.parse((await espalier('methods fggp --json')).out);
  assert.match(one.source.paper, /Zhu, Bezek, Goksel.*arXiv 2411\.05500/);
  assert.match((await espalier('methods snip')).out, /Source: Lee, Ajanthan, Torr: .*section 4\./s);
  assert.doesNotMatch((await espalier('methods random')).out, /Source:/);
  assert.equal(one.kind, 'weights');
  const ratio = one.settings.find(({ flag }: { flag: string }) => flag === '--select-ratio');
  assert.equal(ratio.value, 0.5);
  for (const [name, flag] of [
    ['probmask', '--score-rate'],
    ['masksparsity', '--marked-strength'],
  ]) {
    const { settings } = JSON.parse((await espalier(`methods ${name} --json`)).out);
    const own = settings.filter((setting: { flag: string }) => setting.flag === flag);
    assert.deepEqual(
      own.map(({ value }: { value: unknown }) => value),
      ['by the length of the run'],
      name,
    );
  }
});

test('recipes: a file beneath the flags, and a run’s own to repeat it', async () => {
  writeFileSync(
    at('recipe.yaml'),
    'model: resnet8\nwidth: 0.25\ndata: digits\nepochs: 3\nlr: 0.3\nbatch: 256\n',
  );
  const first = await espalier('train --recipe recipe.yaml --epochs 1 --seed 7 --out first');
  assert.equal(first.status, 0, first.err);
  const { epochs, lr, seed, momentum } = json('first', 'recipe.json');
  assert.deepEqual({ epochs, lr, seed, momentum }, { epochs: 1, lr: 0.3, seed: 7, momentum: 0.9 });
  const second = await espalier('train --recipe first/recipe.json --out second');
  assert.equal(second.status, 0, second.err);
  for (const file of ['recipe.json', 'model.onnx'])
    assert.deepEqual(readFileSync(at('second', file)), readFileSync(at('first', file)), file);

  writeFileSync(at('recipe.mjs'), "export default { model: 'resnet8', data: 'digits', epocs: 3 };");
  const unknown = await espalier('train --recipe recipe.mjs --out third');
  assert.equal(unknown.status, 1);
  assertSentence(unknown, /no setting "epocs" \(did you mean epochs\?\)/);
});

const pruning = 'prune dense/model.onnx --method fggp --sparsity 0.9 --data digits --batch 64 --epochs 4';

test('a run that is killed and resumed ends as if it had not been', async () => {
  await dense();
  const [whole, killed] = await Promise.all([
    espalier(`${pruning} --threads 2 --out whole`),
    espalier(`${pruning} --threads 1 --out killed`, (child, err) => {
      if (/^epoch 2 /m.test(err)) child.kill('SIGKILL');
    }),
  ]);
  assert.equal(whole.status, 0, whole.err);
  assert.equal(killed.status, null);
  const resumed = await alone('resume killed');
  assert.equal(resumed.status, 0, resumed.err);
  assert.ok(readFileSync(at('killed', 'model.onnx')).equals(readFileSync(at('whole', 'model.onnx'))));
  const timeless = (name: string) =>
    lines(at(name, 'metrics.jsonl')).map((line) => ({ ...line, seconds: 0 }));
  assert.deepEqual(timeless('killed'), timeless('whole'));

  const again = await espalier('resume killed --json');
  assert.equal(again.status, 0, again.err);
  assert.deepEqual(JSON.parse(again.out).accuracy, json('whole', 'summary.json').accuracy);
});

test('Ctrl-C leaves a checkpoint and says how to go on', async () => {
  await dense();
  let sent = false;
  const stopped = await espalier(`${pruning} --epochs 200 --out stopped`, (child, err) => {
    if (sent || !/^epoch 1 /m.test(err)) return;
    sent = true;
    child.kill('SIGINT');
  });
  assert.equal(stopped.status, 130);
  assert.match(stopped.err, /Stopped. Continue with: espalier resume stopped\n$/);
  assert.deepEqual(readdirSync(at('stopped')).sort(), ['checkpoint', 'metrics.jsonl', 'recipe.json']);
});

test('a folder of pictures is checked before anything is done, and its model says what it is for', async () => {
  for (const [i, name] of ['cat/1', 'cat/2', 'cat/3', 'dog/1', 'dog/2', 'dog/3'].entries()) {
    mkdirSync(at('photos', name, '..'), { recursive: true });
    const one = sharp({
      create: { width: 8, height: 8, channels: 3, background: { r: 40 * i, g: 9, b: 90 } },
    });
    writeFileSync(at('photos', `${name}.png`), await one.png().toBuffer());
  }
  writeFileSync(at('photos', 'dog', 'half.png'), readFileSync(at('photos', 'dog', '1.png')).subarray(0, 50));
  writeFileSync(at('photos', 'dog', 'old.bmp'), 'BM');
  const line = 'resnet8 --width 0.25 --data images:photos --epochs 1 --batch 4 --out photographed';
  const stopped = await espalier(`train ${line}`);
  assert.equal(stopped.status, 1);
  assertSentence(
    stopped,
    /: 1 of the 7 pictures in .*photos cannot be decoded: dog\/half\.png \(damaged or cut short/,
  );
  assert.ok(!existsSync(at('photographed')));
  const looked = await espalier('data images:photos --json');
  assert.equal(looked.status, 1);
  assertSentence(looked, /: 1 picture cannot be decoded; replace or remove what is broken/);
  const { counts, sizes, broken, leftOut } = JSON.parse(looked.out);
  assert.deepEqual([counts.train.length, sizes], [2, [{ height: 8, width: 8, count: 6 }]]);
  assert.deepEqual([broken[0].file, leftOut], [join('dog', 'half.png'), { '.bmp': 1 }]);
  const text = await espalier('data images:photos --skip-broken');
  assert.equal(text.status, 0, text.err);
  assert.match(text.out, /8 × 8 +6\n.*dog.half\.png +damaged.*\nPictures: 8 × 8 as they are/s);
  const trained = await espalier(`train ${line} --skip-broken`);
  assert.equal(trained.status, 0, trained.err);
  assert.match(trained.err, /^Pictures: 8 × 8 as they are, none resized; RGB; .*ImageNet’s/m);
  assert.match(readFileSync(at('photographed', 'report.html'), 'utf8'), /Pictures: 8 × 8 as they are/);
  assert.equal((await espalier('pack photographed')).status, 0);
  const { card } = JSON.parse((await espalier('inspect photographed/model.espk --json')).out);
  assert.deepEqual([card.classes, card.size, card.mean.length], [['cat', 'dog'], [8, 8], 3]);
  assert.match(
    (await espalier('inspect photographed')).out,
    /classes +2: cat, dog\n *pictures +8 × 8; RGB; NCHW; mean/,
  );
});

test('data: what there is, and what is missing', async () => {
  const digits = await espalier('data digits --json');
  const { shape, train, test: held, counts, range, pictures } = JSON.parse(digits.out);
  assert.deepEqual([shape, train, held, range], [[1, 8, 8], 1437, 360, [0, 16]]);
  assert.equal(
    counts.train.reduce((sum: number, each: number) => sum + each),
    1437,
  );
  assert.match(pictures.told, /^Pictures: 8 × 8 as they are/);
  const missing = await espalier('data cifar10 --from nowhere');
  assert.equal(missing.status, 1);
  assertSentence(missing, /CIFAR-10/);
});
