/**
 * What pruning costs beside training: scores, selection, projection of every method on VGG-19 (20 M weights, batch 128,
 * images of 3×32×32), as a share of a run of 160 epochs at the papers' own update intervals.
 *
 *     node bench/bookkeeping.mjs [--net vgg19] [--batch 128] [--methods fggp,probmask] [--json] [--write]
 *
 * Times the method's own code on the whole network, the first updates of the run, when most weights are left, and the train
 * step it goes with; the share is updates × median update, and what comes before training, of all that and the steps. SynFlow's rounds
 * are all alike, so four are timed for a hundred. --write puts the table into docs/benchmarks.md.
 */
import { parseArgs } from 'node:util';
import { integer, normal, random, uniform } from '../dist/base/random.js';
import { loadNetwork, openMachine } from '../dist/engine/index.js';
import { buildNetwork } from '../dist/nn/index.js';
import { methods, prunables } from '../dist/sparsity/index.js';
import { learntMethods } from '../dist/sparsity/learnt/index.js';
import { describeMachine, machineText } from './machine.mjs';
import { writeInto } from './tables.mjs';

const IMAGE = [3, 32, 32];
const CLASSES = 10;
const EPOCHS = 160;
const IMAGES = 50_000;
const TIMED = 3;
/** Iterations at batch 128 from one update to the next, where the paper says so. */
const INTERVALS = { fggp: 1000, gmp: 1000, granet: 1000, rigl: 100, set: 100 };
const ROUNDS = 4;
/** Weights stay as they are, which takes as long. */
const UPDATE = { learningRate: 0, momentum: 0.9, weightDecay: 5e-4 };

const { values: options } = parseArgs({
  options: {
    net: { type: 'string', default: 'vgg19' },
    batch: { type: 'string', default: '128' },
    methods: { type: 'string' },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
  },
});
const batch = Number(options.batch);
const steps = Math.ceil(IMAGES / batch);
const iterations = EPOCHS * steps;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];

async function timed(work) {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const draws = random(1, 'bench');
const images = Float32Array.from({ length: batch * IMAGE.reduce((a, b) => a * b) }, () => normal(draws));
const labels = Int32Array.from({ length: batch }, () => integer(draws, CLASSES));
const firstBatch = async () => ({ index: 0, images, labels, count: batch });
const machine = await openMachine();
const graph = buildNetwork(options.net, { shape: IMAGE, classes: CLASSES, seed: 1 });

/** A network in training and the median time of its step. */
async function enter(own, training) {
  const network = loadNetwork(own, { machine });
  const program = network.training({ batch, optimizer: 'sgd', ...training });
  const kinds = training?.optimizer ? ['sgd', 'adam'] : ['sgd'];
  const times = [];
  for (let step = 1; step <= 1 + TIMED; step++)
    times.push(
      await timed(async () => {
        await program.gradients(images, labels, batch, step);
        for (const kind of kinds) await program.update({ ...UPDATE, step }, kind);
      }),
    );
  return { network, training: program, step: median(times.slice(1)) };
}

/** A method by masks: what comes before training, and an update. */
async function masking(method, { network, training }) {
  const layers = prunables({ network, training });
  const around = { network, training, iterations, seed: 1, firstBatch, memory: new Map() };
  const { rounds } = method.defaults;
  const own = { interval: INTERVALS[method.name], rounds: rounds > ROUNDS ? ROUNDS : undefined };
  const plan = method.plan({ layers, iterations, seed: 1 }, { sparsity: 0.9, allowEmpty: true, ...own });
  const weights = layers.map(({ weight }) => weight.slice());
  const before = (await timed(() => method.start(plan, layers, around))) * (own.rounds ? rounds / ROUNDS : 1);
  if (plan.rewinding) method.afterUpdate(plan, plan.rewinding.to, around);
  const updates = plan.updates.filter((t) => t > 0);
  const times = [];
  for (const t of updates.slice(0, TIMED))
    times.push(await timed(() => method.update(plan, layers, t, around)));
  for (const [l, { weight, mask }] of layers.entries()) {
    weight.set(weights[l]);
    mask.fill(1);
  }
  return {
    before: rounds > 0 ? before : 0,
    update: times.length > 0 ? median(times) : 0,
    updates: updates.length,
  };
}

/** A method that learns its masks: what its hooks do in a step, warm, and at the end of an epoch. */
async function learning(hook, { network, training }) {
  const state = { network, training, iterations, steps, seed: 1, data: {}, firstBatch };
  await hook.start?.(state);
  const every = [];
  const rare = [];
  const scores = [...network.parameters.values()].filter(({ name }) => name.startsWith('espalier/scores/'));
  for (const share of [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7]) {
    const t = Math.floor(share * iterations);
    for (const { weight } of scores)
      if (weight.length > 1)
        for (let i = 0; i < weight.length; i++) weight[i] += 0.006 * (uniform(draws) - 0.5);
    if (hook.afterUpdate) every.push(await timed(() => hook.afterUpdate(state, t)));
    rare.push(await timed(() => hook.endEpoch?.(state, Math.floor(t / steps))));
  }
  const last = Math.floor(0.8 * iterations);
  const cuts = hook.afterGradients ? [await timed(() => hook.afterGradients(state, last))] : [];
  return { every: hook.afterUpdate ? median(every.slice(2)) : 0, epoch: median(rare), cut: cuts[0] ?? 0 };
}

const chosen = options.methods?.split(',');
const wanted = ({ name }) => !chosen || chosen.includes(name);
const tell = (text) => process.stderr.write(`${text}\n`);
const results = [];

function note(name, { how, unit, all, step }) {
  const share = all / (all + iterations * step);
  results.push({ name, how, unit, all, step, share });
  tell(`${name}: ${unit.toFixed(0)} ms ${how}, ${(100 * share).toFixed(2)} %`);
}

if (methods.some(wanted)) {
  const plain = await enter(graph);
  for (const method of methods.filter(wanted)) {
    const { before, update, updates } = await masking(method, plain);
    const how = before > 0 ? 'before training' : `× ${updates}`;
    note(method.name, { how, unit: before || update, all: before + updates * update, step: plain.step });
  }
  plain.network.close();
}
for (const method of learntMethods.filter(wanted)) {
  const optimizer = { kind: 'sgd' };
  const schedule = { kind: 'cosine', learningRate: 0.1 };
  const context = { epochs: EPOCHS, seed: 1, optimizer, schedule, inputShapes: {} };
  const run = method.prepare(
    graph,
    { sparsity: 0.9, allowEmpty: method.name === 'edge-popup' ? undefined : true },
    context,
  );
  const { apart, trained, samples } = run.training;
  const kindOf = apart && ((parameter) => (apart.holds(parameter) ? 'adam' : 'sgd'));
  const entered = await enter(run.graph, { trained, samples, ...(kindOf && { optimizer: kindOf }) });
  const { every, epoch, cut } = await learning(run.hook, entered);
  const all = cut > 0 ? 100 * cut : iterations * every + EPOCHS * epoch;
  note(method.name, { how: cut > 0 ? '× 100' : 'every step', unit: cut || every, all, step: entered.step });
  entered.network.close();
}
await machine.close();

const titles = ['method', 'an update', 'how often', 'a train step', 'share of the run'];
const rows = results.map(({ name, unit, how, step, share }) => [
  `\`${name}\``,
  `${unit.toFixed(0)} ms`,
  how,
  `${step.toFixed(0)} ms`,
  `${(100 * share).toFixed(2)} %`,
]);
const table = [titles, ['---', '---:', '---', '---:', '---:'], ...rows].map(
  (cells) => `| ${cells.join(' | ')} |`,
);
const facts = describeMachine();
const text = `${machineText(facts)} ${machine.description}. ${options.net}, batch ${batch}, ${EPOCHS} epochs of ${steps} steps.\n\n${table.join('\n')}\n`;
process.stdout.write(
  options.json
    ? `${JSON.stringify({ machine: facts, net: options.net, batch, iterations, results })}\n`
    : text,
);
if (options.write) {
  const command = ['node bench/bookkeeping.mjs', ...process.argv.slice(2)].join(' ');
  writeInto(new URL('../docs/benchmarks.md', import.meta.url), 'bookkeeping', `\`${command}\`\n\n${text}`);
}
