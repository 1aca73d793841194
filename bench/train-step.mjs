/**
 * The train step side by side: espalier natively with two threads and with one, on WebAssembly, dense and sparse, and
 * PyTorch's dense step in both of its layouts.
 *
 *     node bench/train-step.mjs [--nets resnet20,resnet56,vgg19] [--batch 128] [--rounds 7]
 *                               [--sparsities 0.5,0.9,0.95,0.98] [--masks uniform|global]
 *                               [--engines native,wasm] [--json] [--write]
 *
 * The contenders stand in memory together and take their steps in turn, one at a time, so that whatever the machine does
 * in the meantime happens to all of them; each times itself, and the rest sleep. A round begins with another contender
 * every time. A step that takes long is taken less often, at least three times. --write puts the tables into docs/benchmarks.md.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { absenceOfTorch, contenders, start } from './contenders.mjs';
import { describeMachine } from './machine.mjs';
import { markdown, writeInto } from './tables.mjs';

/** The networks that peers/networks.py has too. */
const KNOWN = ['resnet20', 'resnet56', 'vgg19'];
const WARM_UP = 3;
/** With masks the engine tries both kinds of kernels first. */
const WARM_UP_SPARSE = 9;
/** A contender's steps on one network take about so long at most, unless they are three. */
const PATIENCE_MS = 60_000;
const FEWEST = 3;

const { values: options } = parseArgs({
  options: {
    nets: { type: 'string', default: KNOWN.join(',') },
    batch: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '7' },
    sparsities: { type: 'string', default: '0.5,0.9,0.95,0.98' },
    masks: { type: 'string', default: 'uniform' },
    engines: { type: 'string', default: 'native,wasm' },
    python: { type: 'string', default: '/usr/bin/python3' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});

const tell = (text) => process.stderr.write(`${text}\n`);

function stop(sentence) {
  tell(sentence);
  process.exit(1);
}

function whole(name) {
  const value = Number(options[name]);
  return Number.isInteger(value) && value > 0 ? value : stop(`--${name} must be a whole number above 0.`);
}

const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Starts a contender and warms it up; why it cannot take part, if so. */
async function enter(contender, absent, task) {
  const entry = { ...contender, times: [] };
  if (contender.kind === 'pytorch' && absent) return { ...entry, absent };
  try {
    const process = await start(contender, task);
    let last;
    for (let i = 0; i < (contender.sparsity ? WARM_UP_SPARSE : WARM_UP); i++) last = await process.step();
    const rounds = Math.min(task.rounds, Math.max(FEWEST, Math.floor(PATIENCE_MS / last.ms)));
    const before = contender.kind === 'pytorch' ? undefined : await process.profile();
    tell(`  ${contender.name}: ready, ${last.ms.toFixed(0)} ms`);
    return { ...entry, process, rounds, before };
  } catch (error) {
    tell(`  ${contender.name}: ${error.message}`);
    return { ...entry, absent: error.message };
  }
}

async function takeStep(entry) {
  const { ms, loss } = await entry.process.step();
  if (!Number.isFinite(loss)) throw new Error(`${entry.name}: the loss is ${loss}; its time says nothing`);
  entry.times.push(ms);
}

async function leave({ name, kind, threads, sparsity, absent, process, times, before }) {
  if (absent) return { name, kind, threads, sparsity, absent };
  const after = before && (await process.profile());
  const profile =
    after && Object.fromEntries(Object.entries(after).map(([kernel, ns]) => [kernel, ns - before[kernel]]));
  const { engine, torch, microBatch, peakBytes } = process.ready;
  const peakResident = process.peakResident();
  await process.stop();
  return {
    name,
    kind,
    threads,
    sparsity,
    version: engine ?? `PyTorch ${torch}`,
    median: median(times),
    times,
    microBatch,
    peakBytes,
    peakResident,
    profile,
  };
}

async function measure(task, python, absent) {
  tell(`${task.net}, batch ${task.batch}`);
  const entries = [];
  for (const contender of contenders(python, task.sparsities, task.masks)) {
    if (contender.kind !== 'pytorch' && !options.engines.split(',').includes(contender.kind)) continue;
    entries.push(await enter(contender, absent, task));
  }
  const running = entries.filter((entry) => !entry.absent);
  for (let round = 0; round < task.rounds; round++) {
    const turn = running.map((_, i) => running[(i + round) % running.length]);
    for (const entry of turn) if (round < entry.rounds) await takeStep(entry);
  }
  return { net: task.net, batch: task.batch, contenders: await Promise.all(entries.map(leave)) };
}

if (!existsSync(fileURLToPath(new URL('../dist/engine/index.js', import.meta.url))))
  stop('espalier is not built: run npm run build first.');
const machine = describeMachine();
const absent = absenceOfTorch(options.python);
if (absent) tell(`PyTorch takes no part: ${absent}.`);
if (machine.load > 0.5)
  tell(`This machine is not idle (load ${machine.load.toFixed(2)}): do not believe it.`);

const sparsities = options.sparsities.split(',').filter(Boolean).map(Number);
if (!sparsities.every((sparsity) => sparsity > 0 && sparsity < 1))
  stop('--sparsities are fractions above 0 and below 1.');
if (!['uniform', 'global'].includes(options.masks)) stop('--masks is uniform or global.');
const task = { batch: whole('batch'), rounds: whole('rounds'), sparsities, masks: options.masks };
const nets = options.nets.split(',');
const unknown = nets.find((net) => !KNOWN.includes(net));
if (unknown !== undefined) stop(`--nets knows ${KNOWN.join(', ')}, but not "${unknown}".`);

const results = [];
try {
  for (const net of nets) results.push(await measure({ ...task, net }, options.python, absent));
} catch (error) {
  stop(error.message);
}

const report = { machine, ...task, results };
const text = markdown(report);
process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : text);
if (options.write) {
  const command = ['node bench/train-step.mjs', ...process.argv.slice(2)].join(' ');
  writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'train-step', `\`${command}\`\n\n${text}`);
}
