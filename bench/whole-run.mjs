/**
 * The whole of an FGGP run with and without sparse execution: dense to 95 %, and from ERK at 50 % to 95 %. The same seeds, so
 * the same weights in the end, which is checked bit for bit.
 *
 *     node bench/whole-run.mjs [--net resnet20] [--images 4000] [--epochs 8] [--batch 128] [--sparsity 0.95]
 *                              [--threads 2] [--json] [--write]
 *
 * Images are the first of CIFAR-10 where ESPALIER_DATA has it, else random ones of its shape. There is no evaluation and no
 * augmentation in the time: an epoch is its training steps and updates of the masks. The runs with and without take their
 * epochs in turn, so that whatever disturbs the machine disturbs both. --write puts the table into docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../dist/base/errors.js';
import { integer, random, uniform } from '../dist/base/random.js';
import { memorySplit, openDataset, subset } from '../dist/data/index.js';
import { loadNetwork, openMachine } from '../dist/engine/index.js';
import { buildNetwork } from '../dist/nn/index.js';
import { trainingGraph } from '../dist/objectives/index.js';
import { fggp, pruningHook } from '../dist/sparsity/index.js';
import { trainNetwork } from '../dist/train/index.js';
import { describeMachine, machineText } from './machine.mjs';
import { writeInto } from './tables.mjs';

const SHAPE = [3, 32, 32];
const CLASSES = 10;

const { values: o } = parseArgs({
  options: {
    net: { type: 'string', default: 'resnet20' },
    images: { type: 'string', default: '4000' },
    epochs: { type: 'string', default: '8' },
    batch: { type: 'string', default: '128' },
    sparsity: { type: 'string', default: '0.95' },
    threads: { type: 'string', default: '2' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const [count, epochs, batch, sparsity, threads] = [o.images, o.epochs, o.batch, o.sparsity, o.threads].map(
  Number,
);

/** The first images of CIFAR-10, or as many random ones. */
async function openImages() {
  try {
    const { train, mean, std } = await openDataset('cifar10');
    const first = Uint32Array.from({ length: Math.min(count, train.length) }, (_, i) => i);
    return { name: 'CIFAR-10', split: subset(train, first), mean, std };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const draws = random(1, 'whole-run');
    const pixels = Uint8Array.from({ length: count * 3072 }, () => Math.floor(256 * uniform(draws)));
    const labels = Int32Array.from({ length: count }, () => integer(draws, CLASSES));
    const split = memorySplit(pixels, labels, SHAPE);
    return { name: 'random images', split, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };
  }
}

/** A run that stands before every epoch until `next` is called; `seconds`: of each epoch, while it went. */
function begin(images, start, sparse) {
  const { split, mean, std } = images;
  const seconds = [];
  let [gate, pause] = [deferred(), deferred()];
  let from = 0;
  const hook = pruningHook(fggp, { sparsity, ...start });
  const ended = (async () => {
    const machine = await openMachine({ threads, sparse });
    const graph = trainingGraph(buildNetwork(o.net, { shape: SHAPE, classes: CLASSES, seed: 1 }));
    const network = loadNetwork(graph, { machine });
    const stand = async () => {
      const open = gate.promise;
      pause.resolve();
      await open;
      from = performance.now();
    };
    await stand();
    const pausing = {
      async endEpoch() {
        seconds.push((performance.now() - from) / 1000);
        await stand();
      },
    };
    await trainNetwork({
      ...{
        network,
        data: { mean, std, train: split },
        epochs,
        batch,
        seed: 1,
        optimizer: { kind: 'sgd', weightDecay: 5e-4 },
      },
      schedule: { kind: 'cosine', learningRate: 0.1 },
      hooks: [hook, pausing],
    });
    const weights = [...network.parameters].map(([name, { weight }]) => [name, weight.slice()]);
    const description = machine.description;
    await machine.close();
    return { weights, description };
  })();
  const stop = () => Promise.race([pause.promise, ended]);
  return {
    seconds,
    ended,
    ready: stop(),
    /** Goes on to the end of the next epoch. */
    next() {
      const { resolve } = gate;
      [gate, pause] = [deferred(), deferred()];
      resolve();
      return stop();
    },
  };
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function assertSame(one, other) {
  for (const [i, [name, weight]] of one.entries()) {
    const bits = (data) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (!bits(weight).equals(bits(other[i][1]))) throw new Error(`The weights ${name} differ in the end`);
  }
}

const starts = {
  [`dense → ${100 * sparsity} %`]: {},
  [`ERK 50 % → ${100 * sparsity} %`]: { startDensity: 0.5, startAllocation: 'erk' },
};
const images = await openImages();
const about = describeMachine();
const sum = (numbers) => numbers.reduce((a, b) => a + b, 0);
const results = [];
let description;
for (const [name, start] of Object.entries(starts)) {
  const runs = { without: begin(images, start, 'never'), with: begin(images, start, 'auto') };
  const pair = Object.values(runs);
  for (const run of pair) await run.ready;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const run of epoch % 2 ? [...pair].reverse() : pair) await run.next();
    process.stderr.write(
      `${name}, epoch ${epoch + 1}: ${pair.map((run) => `${run.seconds.at(-1)?.toFixed(1)} s`).join(', ')}\n`,
    );
  }
  for (const run of pair) run.next();
  const [without, own] = await Promise.all([runs.without.ended, runs.with.ended]);
  assertSame(without.weights, own.weights);
  description = own.description;
  results.push({ name, without: runs.without.seconds, with: runs.with.seconds });
}

const rows = results.map(({ name, without, with: own }) => {
  const last = [without, own].map((seconds) => `${seconds.at(-1).toFixed(2)} s`);
  const cells = [name, `${sum(without).toFixed(1)} s`, `${sum(own).toFixed(1)} s`];
  return [...cells, `${(sum(without) / sum(own)).toFixed(2)} ×`, ...last, 'the same, to the bit'];
});
const titles = ['run', 'without', 'sparse', 'faster', 'last epoch, without', 'sparse', 'weights in the end'];
const table = [titles, ['---', ...titles.slice(1, -1).map(() => '---:'), '---'], ...rows];
const seconds = results.flatMap(({ name, without, with: own }) => [
  `- ${name}, seconds of each epoch without: ${without.map((s) => s.toFixed(1)).join(', ')}; sparse: ${own.map((s) => s.toFixed(1)).join(', ')}`,
]);
const text = `${machineText(about)} ${description}. FGGP on ${o.net}, ${images.split.length} of ${images.name}, ${epochs} epochs, batch ${batch}.

${table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}

${seconds.join('\n')}
`;
process.stdout.write(o.json ? `${JSON.stringify({ machine: about, ...o, results })}\n` : text);
if (o.write) {
  const command = ['node bench/whole-run.mjs', ...process.argv.slice(2)].join(' ');
  writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'whole-run', `\`${command}\`\n\n${text}`);
}
