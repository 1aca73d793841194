/**
 * What can be repaired without training: trained networks for CIFAR-10 cut to some of their MACs, or with most of their weights set to zero, and
 * their accuracy right after it, with BatchNorm's statistics measured again, reconstructed, and after one epoch of distillation without labels.
 *
 *   node bench/calibration.mjs --out DIR --weights DIR               a line a result, in DIR/calibration.jsonl; goes on where it was stopped
 *   node bench/calibration.mjs --out DIR --weights DIR --epoch       the epochs of distillation of what has been reconstructed from 512 samples
 *   node bench/calibration.mjs --out DIR --write                     puts the tables of what is there into docs/results/calibration.md
 *
 * Weights are resnet20_optionA_opset13.onnx and resnet56_optionA_opset13.onnx; CIFAR-10 is found as every command finds it. It computes on one
 * thread. Seconds are those that the processor was busy, so other work on the machine does not count, and they leave the evaluations out.
 */
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  chooseUnits,
  findChannels,
  keptIn,
  measureElimination,
  measureSaliency,
  shrink,
  structuredMethods,
  usual,
} from '../dist/channels/index.js';
import {
  calibrationSamples,
  evaluate,
  loadNetwork,
  openDataset,
  openMachine,
  parseNormalize,
  readModel,
  recalibrate,
  reconstruct,
  trainingGraph,
  trainNetwork,
  weightsOf,
  withWeights,
  writeModel,
} from '../dist/index.js';
import { resolveRecipe } from '../dist/runs/recipe.js';
import { pruned, prunedAndRepaired } from '../dist/runs/sparsify.js';
import { calibrationTables } from './calibration-tables.mjs';
import { writeInto } from './tables.mjs';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: o } = parseArgs({
  options: {
    out: { type: 'string' },
    weights: { type: 'string' },
    epoch: { type: 'boolean', default: false },
    table: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
if (!o.out) {
  console.error('Name the folder of the results: --out DIR.');
  process.exit(1);
}

const NORMALIZE = '0.485,0.456,0.406/0.229,0.224,0.225';
const SEED = 1;
const channelMethods = ['reconstruction', 'l1-filters', 'depgraph', 'taylor'];
const weightMethods = ['sparsegpt', 'wanda', 'magnitude'];

/** All results, the most telling first. */
function wanted() {
  const list = [];
  const add = (nets, samples, macs, sparsities) => {
    for (const net of nets) {
      for (const target of macs)
        for (const method of channelMethods) list.push({ net, kind: 'macs', method, target, samples });
      for (const target of sparsities)
        for (const method of weightMethods) list.push({ net, kind: 'sparsity', method, target, samples });
    }
  };
  add(['resnet20'], 512, [0.5], [0.9]);
  add(['resnet56'], 512, [0.5], []);
  add(['resnet20'], 512, [0.37, 0.7], [0.8, 0.95]);
  add(['resnet56'], 512, [], [0.9]);
  for (const samples of [128, 2048]) add(['resnet20'], samples, [0.5], [0.9]);
  add(['resnet56'], 512, [0.7, 0.37], [0.8, 0.95]);
  for (const samples of [128, 2048]) add(['resnet20'], samples, [0.7, 0.37], [0.8, 0.95]);
  for (const samples of [128, 2048]) add(['resnet56'], samples, [0.5, 0.7, 0.37], [0.9, 0.8, 0.95]);
  return list;
}

const file = join(o.out, 'calibration.jsonl');
const lines = () =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
const nameOf = ({ step, net, method, target, samples }) => [step, net, method, target, samples].join(' ');
/** Whether looking at samples decides what goes. */
const looks = ({ method }) => ['reconstruction', 'sparsegpt', 'wanda'].includes(method);

if (o.table || o.write) {
  const text = calibrationTables(lines(), wanted());
  if (!o.write) console.log(text);
  else {
    writeInto(here('../docs/results/calibration.md'), 'calibration', text);
    writeFileSync(here('../docs/results/logs/calibration.jsonl'), readFileSync(file));
  }
  process.exit(0);
}

mkdirSync(join(o.out, 'models'), { recursive: true });
const commit = spawnSync('git', ['rev-parse', '--short', 'HEAD'], {
  encoding: 'utf8',
  cwd: here('..'),
}).stdout.trim();
const machine = await openMachine({ threads: 1 });
const dataset = { ...(await openDataset('cifar10', {})), ...parseNormalize(NORMALIZE) };
const graphs = {};
const teacherOf = async (net) =>
  (graphs[net] ??= await readModel(join(o.weights, `${net}_optionA_opset13.onnx`)));
const known = new Map(lines().map((line) => [nameOf(line), line]));

/** Keeps a result unless it is there, and gives it. */
async function once(about, compute) {
  const name = nameOf(about);
  if (!known.has(name)) {
    const line = { ...about, ...(await compute()), commit };
    appendFileSync(file, `${JSON.stringify(line)}\n`);
    console.log(new Date().toISOString(), name, line.accuracy ?? '', line.seconds ?? '');
    known.set(name, line);
  }
  return known.get(name);
}

const clock = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
/** A result with the seconds that it took. */
async function timed(work) {
  const begun = clock();
  const value = await work();
  return { value, seconds: Number((clock() - begun).toFixed(2)) };
}

async function accuracyOf(graph) {
  const network = loadNetwork(graph, { machine });
  try {
    const { accuracy } = await evaluate(network, dataset.test, {
      normalize: dataset,
      augment: dataset.augment.test,
    });
    return accuracy;
  } finally {
    network.close();
  }
}

const modelFile = ({ net, method, target, samples }) =>
  join(o.out, 'models', `${[net, method, target, samples].join('-')}.onnx`);

async function channelsCut(one, teacher) {
  const { method, target, samples } = one;
  const channels = findChannels(teacher, {});
  const settings = { ...usual, ...structuredMethods.find(({ name }) => name === method).defaults };
  const { selection } = await chooseUnits({
    ...{ graph: teacher, channels, settings, seed: SEED, limits: { roundTo: 1 } },
    goal: { of: 'macs', fraction: target },
    saliency: () => measureSaliency(teacher, { machine, data: dataset, batch: 128, seed: SEED }),
    elimination: () =>
      measureElimination(teacher, channels, {
        machine,
        samples: calibrationSamples(dataset, { samples, seed: SEED }),
      }),
  });
  const repair = (student) =>
    reconstruct(
      { teacher, student },
      {
        machine,
        samples: calibrationSamples(dataset, { samples, seed: SEED }),
        kept: keptIn(teacher, channels, selection),
      },
    );
  return { smaller: shrink(teacher, channels, selection), repair };
}

async function weightsCut({ method, target, samples }, teacher) {
  const given = { model: 'x.onnx', data: 'none', method, sparsity: target, calibrate: samples };
  const run = {
    ...{ recipe: resolveRecipe('prune', given, '0'), graph: teacher, machine, iterations: 0 },
    ...{ samples: calibrationSamples(dataset, { samples, seed: SEED }), count: samples },
  };
  return { smaller: await pruned(run), repair: () => prunedAndRepaired(run) };
}

/** One line of the table. */
async function compute(one) {
  const { net, kind, samples } = one;
  const teacher = await teacherOf(net);
  await once({ step: 'whole', net }, async () => ({ accuracy: await accuracyOf(teacher) }));
  const about = { net, method: one.method, target: one.target, kind };
  if (known.has(nameOf({ step: 'reconstructed', ...about, samples }))) return;
  const { value: cut, seconds } = await timed(() =>
    kind === 'macs' ? channelsCut(one, teacher) : weightsCut(one, teacher),
  );
  await once({ step: 'cut', ...about, samples: looks(one) ? samples : undefined }, async () => ({
    seconds,
    accuracy: await accuracyOf(cut.smaller),
  }));
  await once({ step: 'statistics', ...about, samples }, () => remeasured(cut.smaller, samples));
  await once({ step: 'reconstructed', ...about, samples }, async () => {
    const { value, seconds } = await timed(() => cut.repair(cut.smaller));
    if (samples === 512) await writeModel(modelFile(one), value.graph);
    return { seconds, accuracy: await accuracyOf(value.graph) };
  });
}

async function remeasured(smaller, samples) {
  const { value, seconds } = await timed(() =>
    recalibrate(smaller, dataset, { machine, samples, seed: SEED }),
  );
  return { seconds, accuracy: await accuracyOf(value.graph) };
}

/** One epoch of learning what the whole network answers, without labels; weights at zero stay there. */
async function epoch(one) {
  const { net, kind, method, target, samples } = one;
  if (!existsSync(modelFile(one))) return;
  await once({ step: 'epoch', net, method, target, kind, samples }, async () => {
    const graph = await readModel(modelFile(one));
    const network = loadNetwork(trainingGraph(graph), { machine });
    try {
      const made = await timed(() =>
        trainNetwork({
          ...{ network, data: { ...dataset, test: undefined }, epochs: 1, batch: 128, seed: SEED },
          optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 5e-4 },
          schedule: { kind: 'cosine', learningRate: 0.003, warmup: 0.1 },
          teacher: { graph: graphs[net], temperature: 4, weight: 1 },
          hooks: kind === 'sparsity' ? [stayZero(graph)] : [],
        }),
      );
      return { seconds: made.seconds, accuracy: await accuracyOf(withWeights(graph, weightsOf(network))) };
    } finally {
      network.close();
    }
  });
}

/** Keeps what is zero at the start at zero. */
const stayZero = ({ initializers }) => ({
  start({ training: { slots } }) {
    for (const [name, { mask }] of slots) {
      const { data, shape } = initializers.get(name);
      if (shape.length > 1) for (let i = 0; i < mask.length; i++) mask[i] = data[i] === 0 ? 0 : 1;
    }
    return undefined;
  },
  needsPrunedGradients: () => false,
});

for (const one of wanted()) {
  if (o.epoch && one.samples === 512) {
    await teacherOf(one.net);
    await epoch(one);
  }
  if (!o.epoch) await compute(one);
}
await machine.close();
