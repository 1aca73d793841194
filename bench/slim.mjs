/**
 * What pruning a trained model comes to with the defaults as they were, as they are, and with slim: runs that go into a folder one by
 * one, and the tables of docs/results/slim.md that are made of them.
 *
 *     node bench/slim.mjs --out DIR --weights DIR --models DIR [--only photos,cifar,models] [--threads 2]
 *     node bench/slim.mjs --out DIR --table          prints the tables of what is there
 *     node bench/slim.mjs --out DIR --write          puts them into docs/results/slim.md, and their logs beside it
 *
 * CIFAR-10 and Fashion-MNIST are found as every command finds them. Weights are resnet20_optionA_opset13.onnx and resnet56_optionA_opset13.onnx,
 * models some .onnx files of others. The script can be stopped at any time: what is finished is not done again, what was begun is resumed.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { slimTables } from './slim-tables.mjs';
import { writeInto } from './tables.mjs';

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { values: o } = parseArgs({
  options: {
    out: { type: 'string' },
    weights: { type: 'string' },
    models: { type: 'string' },
    only: { type: 'string', default: 'photos,cifar,models' },
    threads: { type: 'string', default: '2' },
    table: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
if (!o.out) {
  console.error('Name the folder of the runs: --out DIR.');
  process.exit(1);
}
const at = (...names) => join(o.out, ...names);

const SEEDS = [1, 2, 3];
/** What prune did by itself before its defaults followed the model. */
const THEN = '--lr 0.05 --batch 128 --augment --teacher none --warmup 0';
const NORMALIZE = '--normalize 0.485,0.456,0.406/0.229,0.224,0.225';
const MODELS = [
  'cifar10_resnet_2b',
  'fastestdet',
  'unet_small',
  'ultraface_rfb_320',
  'yunet_n_320',
  'mnist_cnn_pytorch_opset9',
];

/** The runs, the most telling first: a name, the part of the page, and the words of the command. */
function runs() {
  const photos = `--data images:${at('photos')} --threads ${o.threads}`;
  const base = at('photos-base', 'model.onnx');
  const ofPhotos = (name, words) =>
    SEEDS.map((seed) => ({
      part: 'photos',
      row: name,
      seed,
      words: `${words.replace('MODEL', base)} ${photos} --seed ${seed}`,
    }));
  const ofCifar = (net, time, seeds) =>
    seeds.map((seed) => ({
      part: 'cifar',
      row: `${net}, --time ${time}`,
      seed,
      words: `slim ${o.weights}/${net}_optionA_opset13.onnx --data cifar10 ${NORMALIZE} --time ${time} --threads ${o.threads} --seed ${seed}`,
    }));
  const ofModels = (target) =>
    MODELS.map((model) => ({
      part: 'models',
      row: `${model}${target ? `, ${target}` : ''}`,
      seed: 0,
      words: `slim ${o.models}/${model}.onnx ${target} --threads ${o.threads}`,
    }));
  return [
    ...ofPhotos(
      '`prune --method masksparsity --macs 0.5`, then',
      `prune MODEL --method masksparsity --macs 0.5 --epochs 10 --round-to 16 --no-reconstruct ${THEN}`,
    ),
    ...ofPhotos('`prune --macs 0.5`, now', 'prune MODEL --macs 0.5 --epochs 10'),
    ...ofPhotos('`slim`, 10 epochs', 'slim MODEL --epochs 10'),
    ...ofPhotos(
      '`prune --method gmp --sparsity 0.9`, then',
      `prune MODEL --method gmp --sparsity 0.9 --epochs 10 ${THEN}`,
    ),
    ...ofPhotos('`prune --sparsity 0.9`, now', 'prune MODEL --sparsity 0.9 --epochs 10'),
    ...ofModels(''),
    ...ofModels('--target 50%'),
    ...ofCifar('resnet20', '10m', SEEDS.slice(0, 1)),
    ...ofPhotos('`slim --target "90% sparsity"`, 10 epochs', 'slim MODEL --sparsity 0.9 --epochs 10'),
    ...ofPhotos('`slim --time 5m`', 'slim MODEL --time 5m'),
    ...ofCifar('resnet56', '20m', SEEDS.slice(0, 1)),
    ...ofPhotos(
      '`prune --method masksparsity --macs 0.5`, now',
      'prune MODEL --method masksparsity --macs 0.5 --epochs 10',
    ),
    ...ofPhotos(
      '`l1-filters`, settings found by hand',
      'prune MODEL --method l1-filters --macs 0.5 --epochs 10 --round-to 4 --lr 0.005 --batch 128 --teacher self --no-augment --warmup 0 --no-reconstruct',
    ),
    ...ofCifar('resnet20', '10m', SEEDS.slice(1)),
    ...ofCifar('resnet56', '20m', SEEDS.slice(1)),
  ];
}

const slug = ({ part, row, seed }) =>
  `${part}-${row.replace(/[^\w.]+/g, '-').replace(/^-|-$/g, '')}-seed-${seed}`;

/** Runs espalier; what it writes goes to a log. */
function espalier(words, log) {
  const line = words.split(' ').filter(Boolean);
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...line], {
    encoding: 'utf8',
    maxBuffer: 1e8,
  });
  writeFileSync(log, `$ espalier ${words}\n${stderr}${stdout}`, { flag: 'a' });
  return { status, stderr };
}

/** What the runs start from: the photos, and a network that was trained on them. */
function prepare() {
  if (!existsSync(at('photos'))) {
    const { status, stderr } = spawnSync(process.execPath, [here('photos.mjs'), at('photos-new')], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    renameSync(at('photos-new'), at('photos'));
  }
  const out = at('photos-base');
  if (existsSync(join(out, 'summary.json'))) return;
  const words = existsSync(join(out, 'recipe.json'))
    ? `resume ${out}`
    : `train resnet20 --data images:${at('photos')} --size 64 --epochs 45 --batch 32 --lr 0.1 --no-augment --seed 1 --threads ${o.threads} --out ${out}`;
  const { status, stderr } = espalier(words, at('logs', 'photos-base.log'));
  if (status !== 0) throw new Error(stderr);
}

/** Carries out a run unless it is finished. */
function carryOut(run, commit) {
  const name = slug(run);
  const out = at('runs', name);
  const result = at('results', `${name}.json`);
  if (existsSync(result)) return;
  const begun = existsSync(join(out, 'recipe.json'));
  const start = Date.now();
  const words = begun ? `resume ${out}` : `${run.words} --out ${out}`;
  const { status, stderr } = espalier(words, at('logs', `${name}.log`));
  if (status !== 0 || !existsSync(join(out, 'summary.json'))) {
    console.log(`FAILED ${name}: ${stderr.trim().split('\n').at(-1)}`);
    return;
  }
  const read = (folder, file) => JSON.parse(readFileSync(join(folder, file), 'utf8'));
  const milder = existsSync(`${out}-milder/summary.json`) ? read(`${out}-milder`, 'summary.json') : undefined;
  const line = {
    ...{ ...run, commit, resumed: begun, seconds: (Date.now() - start) / 1000 },
    ...{ recipe: read(out, 'recipe.json'), summary: brief(read(out, 'summary.json')) },
    milder: milder && brief(milder),
  };
  writeFileSync(result, `${JSON.stringify(line, null, 1)}\n`);
  rmSync(join(out, 'checkpoint'), { recursive: true, force: true });
  console.log(`${new Date().toISOString()} ${name} ${Math.round(line.seconds)} s`);
}

/** Of a summary, what tables are made of. */
const brief = ({
  accuracy,
  answers,
  macs,
  params,
  sparsity,
  bytes,
  latency,
  channels,
  seconds,
  engine,
  method,
}) => ({
  ...{ accuracy, answers, macs, params, sparsity, bytes, latency, seconds, engine, method },
  stages: channels?.stages,
});

const commitOf = () => {
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
    encoding: 'utf8',
    cwd: here('..'),
  });
  return stdout.trim();
};

/** The line of a log without the folders of the machine that it was made on. */
const withoutPlaces = (line) =>
  line
    .replaceAll(o.out, 'RUNS')
    .replace(/(?<=["\s])\/[^\s"]*\/(\w+_optionA_opset13\.onnx)/g, 'WEIGHTS/$1')
    .replace(/(?<=["\s])\/[^\s"]*\/([\w.-]+\.onnx)/g, 'MODELS/$1');

if (o.table || o.write) {
  const { text, lines } = slimTables(at('results'));
  if (!o.write) console.log(text);
  else {
    writeInto(here('../docs/results/slim.md'), 'slim', text);
    writeFileSync(
      here('../docs/results/logs/slim.jsonl'),
      lines.map((line) => `${withoutPlaces(JSON.stringify(line))}\n`).join(''),
    );
  }
} else {
  for (const folder of ['results', 'logs', 'runs']) mkdirSync(at(folder), { recursive: true });
  const parts = o.only.split(',');
  if (parts.includes('photos')) prepare();
  const commit = commitOf();
  for (const run of runs()) if (parts.includes(run.part)) carryOut(run, commit);
}
