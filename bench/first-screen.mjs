/**
 * The table at the top of the README: models before and after `espalier slim`, with the file's size and the time of a sample on one
 * thread of onnxruntime-node, both measured in turns.
 *
 *     node bench/first-screen.mjs [MODELS] [--out DIR]
 *
 * A ResNet-20 is trained on the digits and made smaller with them; MODELS, .onnx files, are made smaller without data. Runs go to a
 * temporary folder, or to --out DIR, where finished ones are kept. Prints Markdown.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals: models } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string' } },
});
const out = values.out ?? mkdtempSync(join(tmpdir(), 'espalier-first-screen-'));
mkdirSync(out, { recursive: true });
const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

/** Carries out a run, unless it has been, and returns its summary. */
function run(words, name) {
  const folder = join(out, name);
  if (!existsSync(join(folder, 'summary.json'))) {
    const all = [...words.split(' '), '--out', folder, '--quiet'];
    console.error(`$ espalier ${all.join(' ')}`);
    const { status } = spawnSync(process.execPath, [program, ...all], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    if (status !== 0) throw new Error(`espalier ${words} ended with ${status}`);
  }
  return JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
}

/** Milliseconds of a sample before and after. */
function latency(name) {
  const folder = join(out, name);
  const models = [join(folder, 'checkpoint/start.onnx'), join(folder, 'model.onnx')];
  const flags = ['--runtimes', 'onnxruntime-node', '--threads', '1', '--runs', '300', '--json', '--quiet'];
  const { stdout } = spawnSync(process.execPath, [program, 'bench', ...models, ...flags], {
    encoding: 'utf8',
  });
  const [before, after] = JSON.parse(stdout).results.map(({ median }) => median);
  return { before, after };
}

const size = (bytes) => (bytes >= 1e6 ? `${(bytes / 1e6).toFixed(2)} MB` : `${Math.round(bytes / 1e3)} kB`);
const time = (ms) => `${ms.toPrecision(3)} ms`;
const percent = (fraction) => `${(100 * fraction).toFixed(2)} %`;
const change = ({ before, after }, say) => `${say(before)} → ${say(after)}`;

/** How good the answers are: the accuracy or, without labels, the relative error of the output that moved most. */
const quality = ({ accuracy, answers }) =>
  accuracy
    ? `accuracy ${change(accuracy, percent)}`
    : `outputs move by ${percent(Math.max(...answers.map(({ error }) => error)))}`;

run('train resnet20 --data digits --epochs 12', 'resnet20-digits');
const rows = [
  [
    'ResNet-20',
    'resnet20-digits-slim',
    run(`slim ${join(out, 'resnet20-digits')} --data digits --time 3m`, 'resnet20-digits-slim'),
  ],
  ...models.map((model) => {
    const name = basename(model, '.onnx');
    return [name, name, run(`slim ${model}`, name)];
  }),
];
console.log('| model | data | MACs left | file | time in onnxruntime | answers |\n|---|---|---|---|---|---|');
for (const [title, name, summary] of rows) {
  const { macs, bytes, data } = summary;
  const cells = [
    ...[title, data, percent(macs.after / macs.before)],
    ...[change(bytes.raw, size), change(latency(name), time), quality(summary)],
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
