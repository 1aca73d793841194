/** What scores before training differentiate, beside float64; and that the network which is trained does not notice. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { classification } from '../objectives/index.js';
import type { Graph } from '../onnx/index.js';
import { weightsOf } from '../train/index.js';
import { prunables } from './hook.js';
import { alone } from './layer.test.fixture.js';
import { flowGraph } from './objectives/flow-graph.js';
import { objectives } from './objectives/index.js';
import type { ObjectiveOptions } from './probe.js';
import { referenceGradients } from './reference.test.fixture.js';
import type { Prunable, Surroundings } from './types.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

const COUNT = 6;
const draw = random(5, 'images');
const images = Float32Array.from({ length: COUNT * 64 }, () => normal(draw));
const labels = Int32Array.from({ length: COUNT }, (_, i) => i % 3);
const each = Array.from({ length: COUNT }, (_, i) => images.slice(i * 64, (i + 1) * 64));

const model = (name: string, width: number): Graph =>
  buildNetwork(name, { shape: [1, 8, 8], classes: 3, seed: 1, width });

function open(graph: Graph): { layers: Prunable[]; around: Surroundings } {
  const network = loadNetwork(graph, { machine });
  const training = network.training({ batch: COUNT, optimizer: 'sgd' });
  const batch = async () => ({ index: 0, inputs: images, labels, count: COUNT });
  return {
    layers: prunables({ network, training }),
    around: {
      ...{ ...alone(), network, training, seed: 1, firstBatch: batch, examples: batch },
      objective: classification(),
    },
  };
}

const weightsIn64 = (layers: readonly Prunable[]) =>
  new Map(layers.map(({ name, weight }) => [name, Float64Array.from(weight)]));

/** ‖a − b‖ / ‖b‖ over all layers. */
function distance(ours: readonly Float32Array[], theirs: readonly Float64Array[]): number {
  let [difference, scale] = [0, 0];
  theirs.forEach((part, l) => {
    part.forEach((x, i) => {
      difference += (ours[l][i] - x) ** 2;
      scale += x * x;
    });
  });
  return Math.sqrt(difference / scale);
}

async function ask(
  name: keyof typeof objectives,
  { layers, around }: ReturnType<typeof open>,
  options: ObjectiveOptions = {},
) {
  const was = weightsOf(around.network as Parameters<typeof weightsOf>[0]);
  const objective = await objectives[name](layers, around, options);
  const gradients = await objective.gradients();
  objective.close();
  assert.deepEqual(weightsOf(around.network as Parameters<typeof weightsOf>[0]), was);
  return gradients;
}

test('loss: the gradient of the first batch, BatchNorm by that batch', async () => {
  const graph = model('resnet8', 0.25);
  const opened = open(graph);
  const wanted = referenceGradients(graph, weightsIn64(opened.layers), each, [...labels]);
  assert.ok(distance(await ask('loss', opened), [...wanted.values()]) < 1e-5);
});

test('gradient norm: Hg of the loss at the temperature, as float64 has it', async () => {
  const graph = model('resnet8', 0.25);
  const opened = open(graph);
  const wanted = curvatureAlongGradient(graph, opened.layers, [[0, COUNT]]);
  const ours = await ask('gradient-norm', opened);
  assert.ok(distance(ours, wanted) < 1e-5, `${distance(ours, wanted)}`);
});

test('gradient norm of images by class: g and H are sums over two halves, each normalised by itself', async () => {
  const graph = model('resnet8', 0.25);
  const opened = open(graph);
  const wanted = curvatureAlongGradient(graph, opened.layers, [
    [0, COUNT / 2],
    [COUNT / 2, COUNT],
  ]);
  const ours = await ask('gradient-norm', opened, { perClass: 2 });
  assert.ok(distance(ours, wanted) < 1e-5, `${distance(ours, wanted)}`);
  assert.ok(distance(ours, curvatureAlongGradient(graph, opened.layers, [[0, COUNT]])) > 0.1);
});

/** Hg in float64 by differences of g, both sums over parts of the images, of the loss of logits / 200. */
function curvatureAlongGradient(
  graph: Graph,
  layers: readonly Prunable[],
  parts: readonly [number, number][],
): Float64Array[] {
  const weights = weightsIn64(layers);
  const cooled = (by: ReadonlyMap<string, Float64Array>, [from, to]: readonly [number, number]) => {
    const last = layers.at(-1)!.name;
    const scaled = new Map(by).set(
      last,
      by.get(last)!.map((w) => w / 200),
    );
    const g = referenceGradients(graph, scaled, each.slice(from, to), [...labels.subarray(from, to)]);
    return g.set(
      last,
      g.get(last)!.map((x) => x / 200),
    );
  };
  const gradients = (by: ReadonlyMap<string, Float64Array>) => {
    const [first, ...others] = parts.map((part) => cooled(by, part));
    return new Map(
      [...first].map(([name, own]) => [
        name,
        own.map((x, i) => x + others.reduce((sum, m) => sum + m.get(name)![i], 0)),
      ]),
    );
  };
  const g = gradients(weights);
  const norm = (m: ReadonlyMap<string, Float64Array>) =>
    Math.sqrt([...m.values()].reduce((sum, part) => part.reduce((s, x) => s + x * x, sum), 0));
  const step = (1e-7 * norm(weights)) / norm(g);
  const at = (by: number) =>
    gradients(new Map([...weights].map(([name, w]) => [name, w.map((x, i) => x + by * g.get(name)![i])])));
  const [above, below] = [at(step), at(-step)];
  return [...above].map(([name, a]) => a.map((x, i) => (x - below.get(name)![i]) / (2 * step)));
}

test('synaptic flow: as float64 has it, at any scale, and conserved from layer to layer', async () => {
  for (const name of ['resnet8', 'conv2']) {
    const opened = open(model(name, 0.25));
    const graph = flowGraph(opened.around);
    const weights = new Map(opened.layers.map((l) => [l.name, Float64Array.from(l.weight, Math.abs)]));
    const wanted = referenceGradients(graph, weights, [new Float32Array(64).fill(1)]);
    const ours = await ask('synaptic-flow', opened);
    assert.ok(distance(ours, [...wanted.values()]) < 1e-5);
    if (name !== 'conv2') continue;
    const flows = opened.layers.map(({ weight }, l) =>
      weight.reduce((sum, w, i) => sum + Math.abs(w) * ours[l][i], 0),
    );
    for (const flow of flows) assert.ok(Math.abs(flow / flows[0] - 1) < 1e-4);
  }
});

test('synaptic flow of a deep network beyond float32: but for one factor as float64 has it, skips included', async () => {
  const opened = open(model('resnet20', 0.25));
  for (const { weight } of opened.layers) for (let i = 0; i < weight.length; i++) weight[i] *= 512;
  const weights = new Map(opened.layers.map((l) => [l.name, Float64Array.from(l.weight, Math.abs)]));
  const ones = [new Float32Array(64).fill(1)];
  const wanted = [...referenceGradients(flowGraph(opened.around), weights, ones).values()];
  assert.ok(wanted[0].some((x) => x > 1e38));
  const ours = await ask('synaptic-flow', opened);
  const factor = wanted[0][0] / ours[0][0];
  assert.ok(
    distance(
      ours,
      wanted.map((part) => part.map((x) => x / factor)),
    ) < 1e-5,
  );
  for (const [l, part] of ours.entries())
    part.forEach((x, i) => {
      assert.ok(Math.abs((x * factor) / wanted[l][i] - 1) < 1e-4 || wanted[l][i] === 0);
    });
});

test('synaptic flow of a network whose flow is beyond float32', async () => {
  const graph = model('resnet8', 0.25);
  const opened = open(graph);
  const before = await ask('synaptic-flow', opened);
  const huge = open(graph);
  for (const { weight } of [huge.layers[0], huge.layers.at(-1)!])
    for (let i = 0; i < weight.length; i++) weight[i] *= 2 ** 64;
  const after = await ask('synaptic-flow', huge);
  assert.ok(after.every((part) => part.every(Number.isFinite)));
  const ratio = after[1].map((x, i) => (before[1][i] === 0 ? 0 : x / before[1][i])).filter((x) => x > 0);
  assert.ok(ratio.every((x) => Math.abs(x / ratio[0] - 1) < 1e-4));
});

test('synaptic flow beyond float32 that cannot be scaled names the operator', async () => {
  const graph = model('resnet8', 0.25);
  const nodes = graph.nodes.map((node) => (node.op === 'Relu' ? { ...node, op: 'Softplus' } : node));
  const opened = open({ ...graph, nodes });
  for (const { weight } of opened.layers) for (let i = 0; i < weight.length; i++) weight[i] *= 2 ** 40;
  await assert.rejects(
    ask('synaptic-flow', opened),
    /beyond the range of numbers, and Softplus '.+' does not/,
  );
});
