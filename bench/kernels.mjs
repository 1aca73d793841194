/**
 * Single kernels beside what the machine could do.
 *
 *     node bench/kernels.mjs [--engine native|wasm] [--threads 2] [--batch 128] [--rounds 7] [--only TEXT] [--write]
 *
 * The limits come first: the multiply-adds of the widest registers, and what a copy reads and writes in main memory, both
 * measured with as many threads (limits.c; needs a C compiler). Then every convolution of the networks of bench/train-step.mjs,
 * forward, input gradient and weight gradient; and passes over memory. A program of one operator runs again and again; its
 * time is the least of the rounds, threads × time in its kernels, packing of weights included.
 *
 * Multiplications are counted as the direct sum makes them, borders left out, so Winograd may show more than the limit;
 * the column "direct" is the same layer with weights of which so many are 0 that Winograd is not taken, all multiplied. --write puts the
 * tables into docs/engine.md.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { normal, random } from '../dist/base/random.js';
import { compile } from '../dist/engine/compile.js';
import { openMachine } from '../dist/engine/index.js';
import { wholePlace } from '../dist/engine/lowering/place.js';
import { call, input } from '../dist/graph/expression.js';
import { tape as newTape } from '../dist/graph/tape.js';
import { describeMachine, machineText } from './machine.mjs';
import { writeInto } from './tables.mjs';

const { values: options } = parseArgs({
  options: {
    engine: { type: 'string', default: 'native' },
    threads: { type: 'string', default: '2' },
    batch: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean', default: false },
  },
});
const [threads, batch, rounds] = [options.threads, options.batch, options.rounds].map(Number);
if (![threads, batch, rounds].every((n) => Number.isInteger(n) && n > 0)) {
  process.stderr.write('--threads, --batch and --rounds are whole numbers above 0.\n');
  process.exit(1);
}

/** [channels, outputs, height and width, stride], and where it stands. */
const LAYERS = [
  [3, 16, 32, 1, 'ResNet, first'],
  [16, 16, 32, 1, 'ResNet'],
  [32, 32, 16, 1, 'ResNet'],
  [64, 64, 8, 1, 'ResNet'],
  [16, 32, 32, 2, 'ResNet, stride 2'],
  [64, 64, 32, 1, 'VGG-19'],
  [128, 128, 16, 1, 'VGG-19'],
  [256, 256, 8, 1, 'VGG-19'],
  [512, 512, 4, 1, 'VGG-19'],
  [512, 512, 2, 1, 'VGG-19'],
];

/** Zeros enough that Winograd is not taken, and that no sum is 0. */
const MOSTLY_ZERO = 0.7;

function limits() {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-limits-'));
  const program = join(folder, 'limits');
  const source = fileURLToPath(new URL('limits.c', import.meta.url));
  const built = spawnSync(process.env.CC || 'cc', [
    ...['-O3', '-march=native', '-pthread', '-Wno-psabi', source, '-o', program],
  ]);
  const ran = built.status === 0 && spawnSync(program, [String(threads)], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return ran && ran.status === 0 ? JSON.parse(ran.stdout) : { gflops: Number.NaN, gbytes: Number.NaN };
}

const draws = random(1, 'kernels');
const noise = (n) => Float32Array.from({ length: n }, () => normal(draws));
const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** Opens a program of one operator. @param given name → { shape, laned, zeros } */
function prepare(machine, given, emit) {
  const tape = newTape(true);
  const lines = [];
  const places = new Map();
  for (const [name, { shape, laned, zeros = 0 }] of Object.entries(given)) {
    tape.declare(name, { dtype: 'float32', shape, laned });
    if (laned) continue;
    const size = sizeOf(shape);
    const fixed = machine.allocate(size * 4);
    lines.push(fixed);
    const values = noise(size);
    machine.floats(fixed, size).set(values.map((x, i) => (i % 10 < zeros * 10 ? 0 : x)));
    places.set(name, wholePlace({ laned: false, size, fixed }, shape));
  }
  const outputs = emit(tape);
  const images = Object.keys(given).filter((name) => given[name].laned);
  const masks = given.mask && new Map([[outputs[0], places.get('mask')]]);
  const program = compile({ machine, tape, batch, inputs: images, outputs, places, masks, backwardFrom: 0 });
  for (const name of images) program.write(name, noise(batch * sizeOf(given[name].shape)), batch);
  return {
    async time() {
      let least = Infinity;
      for (let round = -2; round < rounds; round++) {
        const before = busy(program);
        await program.run(batch, { every: true });
        if (round >= 0) least = Math.min(least, busy(program) - before);
      }
      return least / 1e9;
    },
    close() {
      program.close();
      for (const line of lines) machine.free(line);
    },
  };
}

const busy = (program) =>
  [...program.profile()].reduce((sum, [name, ns]) => sum + (name === 'wait' ? 0 : ns), 0);

async function measure(machine, given, emit) {
  const prepared = prepare(machine, given, emit);
  const seconds = await prepared.time();
  prepared.close();
  return seconds / threads;
}

function convolution([channels, outputs, side, stride]) {
  const window = {
    kernel: [3, 3],
    ...{ strides: [stride, stride], dilations: [1, 1], padsBefore: [1, 1], padsAfter: [1, 1] },
  };
  const small = side / stride;
  const x = { shape: [1, channels, side, side], laned: true };
  const dy = { shape: [1, outputs, small, small], laned: true };
  const w = { shape: [outputs, channels, 3, 3], laned: false };
  const o = { window, groups: 1 };
  /** Taps of an axis that lie within it. */
  const taps = stride === 1 ? 3 * side - 2 : 3 * small - 1;
  return {
    products: taps * taps * channels * outputs * batch,
    passes: {
      forward: (zeros) => [{ x, w: { ...w, zeros } }, (t) => t.emit('conv', ['x', 'w'], o)],
      'input gradient': (zeros) => [
        { dy, w: { ...w, zeros } },
        (t) => t.emit('convInput', ['dy', 'w'], { ...o, spatial: [side, side] }),
      ],
      'weight gradient': (zeros) => [
        { x, dy, mask: { ...w, zeros } },
        (t) => t.emit('convWeight', ['x', 'dy'], o),
      ],
    },
  };
}

async function convolutionTable(machine, limit) {
  const rows = [];
  for (const layer of LAYERS) {
    const { products, passes } = convolution(layer);
    const [channels, outputs, side, stride, where] = layer;
    for (const [pass, make] of Object.entries(passes)) {
      const name = `${channels} → ${outputs}, ${side}×${side}${stride > 1 ? ` / ${stride}` : ''}`;
      if (!`${name} ${pass} ${where}`.includes(options.only)) continue;
      const [taken, direct] = [
        await measure(machine, ...make(0)),
        await measure(machine, ...make(MOSTLY_ZERO)),
      ];
      const rate = (seconds) => (2 * products) / seconds / 1e9;
      const share = (seconds) => `${Math.round((100 * rate(seconds)) / limit.gflops)} %`;
      const row = [where, name, pass, (taken * 1e3).toFixed(2), rate(taken).toFixed(0), share(taken)];
      rows.push([...row, rate(direct).toFixed(0), share(direct), `${(direct / taken).toFixed(2)} ×`]);
      process.stderr.write(`${rows.at(-1).join(' | ')}\n`);
    }
  }
  const head = [
    'network',
    'layer',
    'pass',
    'ms',
    'GFLOP/s',
    'of the limit',
    'direct, GFLOP/s',
    'of the limit',
    'taken / direct',
  ];
  return table(head, rows);
}

/** Passes over memory of the size of ResNet-20's first images: name, operands, lines moved per element, formula. */
async function passTable(machine, limit) {
  const image = { shape: [1, 16, 32, 32], laned: true };
  const channel = { shape: [16, 1, 1], laned: false };
  const store = (expression) => (names) => (t) => t.emit('elementwise', names, { expression });
  const sums = (names) => (t) => t.emit('reduce', names, { how: 'sum', axes: [0, 2, 3], across: true });
  const affine = call('add', call('mul', input(0), input(1)), input(2));
  const passes = [
    ['sum over a channel', { x: image }, 1, sums],
    ['a·x + b', { x: image, a: channel, b: channel }, 2, store(affine)],
    ['relu(a·x + b)', { x: image, a: channel, b: channel }, 2, store(call('relu', affine))],
    ['relu(x + y)', { x: image, y: image }, 3, store(call('relu', call('add', input(0), input(1))))],
  ];
  const rows = [];
  for (const [name, given, moved, make] of passes) {
    if (!name.includes(options.only)) continue;
    const seconds = await measure(machine, given, make(Object.keys(given)));
    const rate = (moved * batch * sizeOf(image.shape) * 4) / seconds / 1e9;
    rows.push([
      name,
      (seconds * 1e3).toFixed(2),
      rate.toFixed(1),
      `${Math.round((100 * rate) / limit.gbytes)} %`,
    ]);
    process.stderr.write(`${rows.at(-1).join(' | ')}\n`);
  }
  return table(['pass', 'ms', 'GB/s', 'of the limit'], rows);
}

const table = (head, rows) =>
  [head, head.map((_, i) => (i < 2 ? '---' : '---:')), ...rows]
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n');

const machine = await openMachine({ engine: options.engine, threads, sparse: 'never' });
const before = describeMachine();
const limit = limits();
const text = [
  `${machineText(before)} ${machine.description}. Batch ${batch}.`,
  `Limits, ${threads} thread${threads > 1 ? 's' : ''}: ${limit.gflops.toFixed(0)} GFLOP/s of multiply-adds, ${limit.gbytes.toFixed(1)} GB/s read and written by a copy.`,
  await convolutionTable(machine, limit),
  await passTable(machine, limit),
  '',
].join('\n\n');
process.stdout.write(text);
if (options.write) {
  const command = ['node bench/kernels.mjs', ...process.argv.slice(2)].join(' ');
  writeInto(new URL('../docs/engine.md', import.meta.url), 'kernels', `\`${command}\`\n\n${text}`);
}
await machine.close();
