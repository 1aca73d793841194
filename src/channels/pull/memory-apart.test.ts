/** A machine whose memory is apart from the host's, as a GPU's is: the same bits, and no more to and fro than there must be. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { calibrationSamples, reconstruct } from '../../calibration/index.js';
import { openDataset, subset } from '../../data/index.js';
import {
  loadNetwork,
  type Machine,
  noTraffic,
  openApart,
  openMachine,
  type Traffic,
} from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import type { Graph } from '../../onnx/index.js';
import {
  edgePopup,
  findMethod,
  type LearntMethod,
  probmask,
  pruningHook,
  str,
} from '../../sparsity/index.js';
import {
  type Hook,
  recalibrate,
  type TrainOptions,
  trainNetwork,
  weightsOf,
  withWeights,
} from '../../train/index.js';
import { findChannels } from '../find/groups.js';
import { measureSaliency } from '../judge/saliency-pass.js';
import { decay } from './decay.js';
import { groupPenalty } from './groups.js';
import { penalty, scaleFactors } from './regularize.js';

const digits = await openDataset('digits');
const data = {
  ...digits,
  train: subset(
    digits.train,
    Uint32Array.from({ length: 96 }, (_, i) => i),
  ),
  test: undefined,
};
const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
const channels = findChannels(graph);
const optimizer = { kind: 'sgd' } as const;
const schedule = { kind: 'constant', learningRate: 0.05 } as const;

const together = await openMachine({ threads: 1 });
const own = await openApart();
after(() => Promise.all([together.close(), own.close()]));

type More = Partial<TrainOptions> & { model?: Graph };

async function trained(machine: Machine, { model = graph, ...more }: More) {
  const network = loadNetwork(model, { machine });
  const options = { network, data, epochs: 2, batch: 24, seed: 1, optimizer, schedule, ...more };
  const { epochs, masks } = await trainNetwork(options);
  const losses = epochs.map(({ loss }) => loss);
  const weights = weightsOf(network);
  network.close();
  return { losses, masks, weights };
}

const sparsified = (name: string, options: object) => (): More => ({
  hooks: [pruningHook(findMethod(name), options)],
});

const learnt =
  (method: LearntMethod, options: Record<string, unknown>): (() => More) =>
  () => {
    const context = { epochs: 2, steps: 4, seed: 1, optimizer, schedule, inputShapes: {} };
    const { graph: model, training, hook } = method.prepare(graph, options, context);
    return { model, ...training, hooks: [hook] };
  };

const hooked = (make: () => Hook) => (): More => ({ hooks: [make()] });
const scales = scaleFactors(graph);

const runs: Record<string, () => More> = {
  'SGD with clipping': () => ({ clip: 1 }),
  'Adam in parts': () => ({ optimizer: { kind: 'adam' }, memory: 2e6 }),
  gmp: sparsified('gmp', { sparsity: 0.8 }),
  rigl: sparsified('rigl', { sparsity: 0.8, interval: 2 }),
  lottery: sparsified('lottery', { sparsity: 0.8, updates: 2 }),
  snip: sparsified('snip', { sparsity: 0.8 }),
  grasp: sparsified('grasp', { sparsity: 0.8 }),
  probmask: learnt(probmask, { sparsity: 0.8 }),
  'probmask, drawn': learnt(probmask, { sparsity: 0.8, finalMask: 'draw', draws: 2, chooseOn: 'train' }),
  str: learnt(str, { sparsity: 0.8 }),
  'edge-popup': learnt(edgePopup, { sparsity: 0.5 }),
  'a penalty': hooked(() => penalty({ tensors: scales, kind: 'l1', strength: 0.01 })),
  'a decay': hooked(() => decay({ tensors: scales })),
  'group sparsity': hooked(() => groupPenalty({ channels, kind: 'depgraph', strength: 0.01 })),
  'a hook that does not say what it touches': hooked(() => ({
    afterGradients({ training, network }) {
      for (const { gradient } of training.slots.values()) gradient[0] *= 2;
      for (const { weight } of network.parameters.values()) weight[0] *= 0.5;
      return undefined;
    },
  })),
};

for (const [name, more] of Object.entries(runs))
  test(`${name}: the same bits where memory is apart`, async () => {
    const expected = await trained(together, more());
    assert.ok(expected.losses.every(Number.isFinite));
    assert.deepEqual(await trained(own, more()), expected);
  });

test('statistics, Taylor scores and weights that are solved for: the same bits where memory is apart', async () => {
  const found = [];
  for (const machine of [together, own]) {
    const { graph: adapted } = await recalibrate(graph, data, { machine, batch: 24 });
    const saliency = await measureSaliency(graph, { machine, data, batch: 24, count: 2, seed: 1 });
    const samples = calibrationSamples(data, { samples: 64 });
    const { graph: solved, layers } = await reconstruct(
      { teacher: graph, student: thinned },
      { machine, samples },
    );
    assert.ok(layers.length > 1);
    found.push({ adapted: adapted.initializers, saliency, solved: solved.initializers });
  }
  assert.deepEqual(found[1], found[0]);
});

/** With some weights of every layer at 0. */
const thinned: Graph = withWeights(
  graph,
  new Map(
    [...graph.initializers].flatMap(([name, { shape, data: values }]) =>
      shape.length < 2
        ? []
        : [[name, (values as Float32Array).map((x, i) => (i % 3 === 0 ? 0 : x))] as const],
    ),
  ),
);

/** Kernels that a GPU is not expected to have. */
const lacks = [
  ...['conv_sparse', 'conv_weight_sparse', 'sum_parts'],
  ...['winograd_pack', 'winograd', 'winograd_weight', 'winograd_weight_sum'],
];

/** What goes to and fro in each step but the first and the last: a step's outcome is waited for in the next one. */
async function trafficOf(more: More): Promise<Traffic[]> {
  const traffic = noTraffic();
  const machine = await openApart({ traffic, lacks });
  const seen: Traffic[] = [];
  await trained(machine, { ...more, batch: 12, epochs: 1, onStep: () => seen.push({ ...traffic }) });
  await machine.close();
  return seen.slice(1, -1).map((now, i) => difference(now, seen[i]));
}

const difference = (now: Traffic, before: Traffic): Traffic => ({
  pulls: now.pulls - before.pulls,
  pushes: now.pushes - before.pushes,
  pulled: now.pulled - before.pulled,
  pushed: now.pushed - before.pushed,
  runs: now.runs - before.runs,
});

test('a step pushes what it is told, its samples and its labels, and pulls its loss', async () => {
  for (const step of await trafficOf({})) {
    assert.deepEqual([step.pushes, step.pulls, step.runs], [4, 2, 2]);
    // In blocks of sixteen samples.
    assert.ok(step.pushed < 16 * (64 + 1) + 100 && step.pulled <= 2 * 16, JSON.stringify(step));
  }
});

test('between updates of the masks a pruned step is a plain one', async () => {
  const steps = await trafficOf({ hooks: [pruningHook(findMethod('gmp'), { sparsity: 0.8, interval: 3 })] });
  const weights = Math.max(...steps.map(({ pulled }) => pulled));
  assert.ok(weights > 1000, 'an update reads the weights');
  assert.ok(steps.some(({ pushes, pulls }) => pushes === 4 && pulls === 2));
});

test('a penalty reads and writes the scales alone', async () => {
  const sizes = [...scales.values()].reduce((sum, { length }) => sum + length, 0);
  const hooks = [penalty({ tensors: scales, kind: 'l1', strength: 0.01 })];
  for (const { pulled } of await trafficOf({ hooks })) assert.ok(pulled <= 2 * sizes + 2 * 16, `${pulled}`);
});
