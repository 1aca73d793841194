/**
 * What the rules of docs/defaults.md were chosen by: a ResNet-8 that was trained on three quarters of the digits' training samples is
 * pruned to 30 % of its MACs, and to 95 % sparsity, in 3 and in 10 epochs, one setting at a time otherwise than the others; accuracy and
 * loss are those on the quarter that was held out of both trainings. Test samples are not looked at.
 *
 *     node bench/slim-rules.mjs --log FILE [--table | --write] [--threads 1]
 *
 * Every run is a line of FILE; what is there is not run again. --write puts the table into docs/results/slim.md.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { resolveRecipe, startRun, suitRecipe } from '../dist/runs/index.js';
import { writeInto } from './tables.mjs';

const { values: o } = parseArgs({
  options: {
    log: { type: 'string' },
    threads: { type: 'string', default: '1' },
    table: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
if (!o.log) {
  console.error('Name the file of the log: --log FILE.');
  process.exit(1);
}

const SEEDS = [1, 2, 3];
const EPOCHS = [3, 10];
const TARGETS = { 'MACs to 30 %': { macs: 0.3 }, 'sparsity 95 %': { sparsity: 0.95 } };
const common = { data: 'digits', validation: 0.25, threads: Number(o.threads) };
const then = { batch: 128, teacher: 'none', warmup: 0 };
/** What differs from a rate of 0.005 and the other rules. */
const SETTINGS = {
  'rate 0.005': {},
  'rate 0.00125': { lr: 0.00125 },
  'rate 0.01': { lr: 0.01 },
  'rate 0.02': { lr: 0.02 },
  'rate 0.05': { lr: 0.05 },
  'no teacher': { teacher: 'none' },
  'no warm-up': { warmup: 0 },
  'batch 32': { batch: 32 },
  'batch 128': { batch: 128 },
  'rate 0.05, batch 128, no teacher': { ...then, lr: 0.05 },
  'rate 0.005, batch 128, no teacher': then,
};
const OWN = {
  'MACs to 30 %': {
    'blocks of 16': { roundTo: 16 },
    depgraph: { method: 'depgraph' },
    masksparsity: { method: 'masksparsity' },
  },
  'sparsity 95 %': {
    magnitude: { method: 'magnitude' },
    'magnitude, rate 0.02': { method: 'magnitude', lr: 0.02 },
    gmp: { method: 'gmp' },
  },
};

const lines = () =>
  existsSync(o.log)
    ? readFileSync(o.log, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
const keyOf = ({ target, epochs, name, seed }) => [target, epochs, name, seed].join('|');

/** Everything that is missing. */
async function run() {
  const done = new Set(lines().map(keyOf));
  const folder = mkdtempSync(join(tmpdir(), 'espalier-rules-'));
  const bases = new Map();
  const baseOf = async (seed) => {
    if (!bases.has(seed)) {
      const given = { ...common, model: 'resnet8', epochs: 8, batch: 64, lr: 0.1, seed };
      const { folder: made } = await startRun(
        resolveRecipe('train', given, '1'),
        join(folder, `base-${seed}`),
      );
      bases.set(seed, made.model);
    }
    return bases.get(seed);
  };
  for (const epochs of EPOCHS)
    for (const [target, aim] of Object.entries(TARGETS))
      for (const [name, own] of Object.entries({ ...SETTINGS, ...OWN[target] }))
        for (const seed of SEEDS) {
          const line = { target, epochs, name, seed };
          if (done.has(keyOf(line))) continue;
          const given = { ...common, model: await baseOf(seed), epochs, seed, lr: 0.005, ...aim, ...own };
          const made = await startRun(await suitRecipe('prune', given, '1'), join(folder, 'run'));
          const metrics = readFileSync(made.folder.metrics, 'utf8')
            .trim()
            .split('\n')
            .map((text) => JSON.parse(text));
          const { accuracy, loss } = metrics.findLast(({ kind }) => kind === 'epoch').validation;
          appendFileSync(o.log, `${JSON.stringify({ ...line, validation: accuracy, loss })}\n`);
          rmSync(join(folder, 'run'), { recursive: true });
        }
  rmSync(folder, { recursive: true });
}

const mean = (values) => values.reduce((sum, x) => sum + x, 0) / values.length;

function table() {
  const all = lines();
  const names = [...new Set(all.map(({ name }) => name))];
  const columns = EPOCHS.flatMap((epochs) => Object.keys(TARGETS).map((target) => ({ epochs, target })));
  const cell = (name, { epochs, target }) => {
    const some = all.filter((line) => line.name === name && line.epochs === epochs && line.target === target);
    if (some.length === 0) return '–';
    return `${(100 * mean(some.map(({ validation }) => validation))).toFixed(2)} (${mean(some.map(({ loss }) => loss)).toFixed(3)})`;
  };
  const titles = ['setting', ...columns.map(({ epochs, target }) => `${target}, ${epochs} epochs`)];
  const rows = names.map((name) => [name, ...columns.map((column) => cell(name, column))]);
  return [titles, titles.map((_, i) => (i ? '---:' : '---')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

if (o.write) writeInto(fileURLToPath(new URL('../docs/results/slim.md', import.meta.url)), 'rules', table());
else if (o.table) console.log(table());
else await run();
