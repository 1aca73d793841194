/** Transformers train: gradients on the engine beside differences of the loss in float64, and the loss falls. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { integer, normal, random } from '../base/index.js';
import { expandModel, type ReferenceValue, runCore, toValue } from '../graph/index.js';
import {
  float,
  floatTensor,
  type Graph,
  int,
  intList,
  intTensor,
  type Node,
  newSource,
  readModel,
  sizeOf,
  string,
} from '../onnx/index.js';
import { ownModel } from '../onnx/own-models.test.fixture.js';
import { loadNetwork, type Machine, openMachine } from './index.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const COUNT = 3;

interface Subject {
  graph: Graph;
  output: string;
  classes: number;
  inputShapes?: Record<string, number[]>;
  /** Parameters of which every so many are compared; default all. */
  every?: number;
}

/** Numbers for every input: words, masks of ones, types of zeros, or pixels. */
function feedsOf({ graph, inputShapes }: Subject): Record<string, Float32Array> {
  const feeds = graph.inputs.map(({ name, dtype, shape }) => {
    const r = random(2, name);
    const one = () =>
      dtype === 'float32'
        ? normal(r)
        : name.includes('mask')
          ? 1
          : name.includes('type')
            ? 0
            : integer(r, 90);
    const size = sizeOf((inputShapes?.[name] ?? (shape as number[])).slice(1));
    return [name, Float32Array.from({ length: COUNT * size }, one)] as const;
  });
  return Object.fromEntries(feeds);
}

/** The loss as a function of the parameters, in float64. */
function referenceOf(
  { graph, output, inputShapes }: Subject,
  feeds: Record<string, Float32Array>,
  labels: Int32Array,
) {
  const { tape, values, learnt } = expandModel(graph, { training: true, inputShapes });
  tape.declare('labels', { dtype: 'float32', shape: [1], laned: true });
  const [loss] = tape.emit('crossEntropy', [values.get(output)!, 'labels'], { smoothing: 0 });
  const start = new Map<string, ReferenceValue>();
  for (const [name, { constant }] of tape.types) if (constant) start.set(name, toValue(constant));
  for (const [name, tensor] of graph.initializers) start.set(values.get(name)!, toValue(tensor));
  const laned = (name: string, all: ArrayLike<number>) => {
    const { shape } = tape.type(name);
    const rows = Array.from({ length: COUNT }, (_, n) =>
      Float64Array.from(Array.from(all).slice(n * sizeOf(shape), (n + 1) * sizeOf(shape))),
    );
    start.set(name, { shape, laned: true, samples: rows });
  };
  for (const [name, all] of Object.entries(feeds)) laned(name, all);
  laned('labels', labels);
  return {
    learnt: [...learnt.keys()],
    weight: (name: string) => start.get(name)!.samples[0],
    loss: () => runCore(tape.nodes, new Map(start)).get(loss)!.samples[0][0],
  };
}

/** One derivative for each parameter, along a random direction, so that all of its elements count. */
async function gradientsAgree(subject: Subject): Promise<void> {
  const feeds = feedsOf(subject);
  const labels = Int32Array.from({ length: COUNT }, (_, n) => n % subject.classes);
  const { graph, output, inputShapes, every = 1 } = subject;
  const network = loadNetwork(graph, { machine, inputShapes });
  const training = network.training({ batch: COUNT, optimizer: 'adam', output });
  const { loss } = await training.gradients(feeds, labels, COUNT, 1);
  await training.pull(['gradient']);
  const truth = referenceOf(subject, feeds, labels);
  const expected = truth.loss();
  assert.ok(Math.abs(loss - expected) < 1e-4 * Math.max(1, expected), `the loss is ${loss}, not ${expected}`);
  let moving = 0;
  for (const [i, name] of truth.learnt.entries()) {
    if (i % every !== 0) continue;
    const { gradient } = training.slots.get(name)!;
    const weight = truth.weight(name);
    const r = random(8, name);
    const direction = weight.map(() => normal(r));
    const step = 1e-6;
    const shifted = (by: number) => {
      for (const [k, d] of direction.entries()) weight[k] += by * d;
      return truth.loss();
    };
    const [more, less] = [shifted(step), shifted(-2 * step)];
    shifted(step);
    const slope = (more - less) / (2 * step);
    const found = direction.reduce((sum, d, k) => sum + d * gradient[k], 0);
    const length = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    assert.ok(Math.abs(found - slope) < 1e-3 * length + 2e-6, `${name}: ${found}, differences say ${slope}`);
    if (Math.abs(slope) > 1e-6) moving++;
  }
  assert.ok(
    moving > 0.5 * (truth.learnt.length / every),
    `${moving} of ${truth.learnt.length} have a gradient`,
  );
  const losses = [loss];
  for (let step = 1; step <= 8; step++) {
    await training.update({ learningRate: 0.003, weightDecay: 0, step });
    losses.push((await training.gradients(feeds, labels, COUNT, step + 1)).loss);
  }
  assert.ok(losses.at(-1)! < 0.8 * loss, `the loss goes ${losses.map((x) => x.toFixed(3))}`);
  network.close();
}

/** Models of our own, and of others where they lie beside the checkout. */
async function transformers(own: string, file: string): Promise<Graph[]> {
  const path = fileURLToPath(new URL(`../../../shared/models/${file}.onnx`, import.meta.url));
  return [await ownModel(own), ...(existsSync(path) ? [await readModel(path)] : [])];
}

test('a ViT as PyTorch exports it', async () => {
  for (const graph of await transformers('a vision transformer', 'vit_pgd_2_3_16'))
    await gradientsAgree({ graph, output: graph.outputs[0].name, classes: 10, every: 2 });
});

test('a BERT of three inputs and two outputs', async () => {
  for (const graph of await transformers('a text transformer', 'bert_toy_optimized')) {
    const ours = graph.inputs[0].shape?.[1] === 7;
    const inputShapes = Object.fromEntries(graph.inputs.map(({ name }) => [name, [1, ours ? 7 : 12]]));
    const [words, whole] = graph.outputs.map(({ name }) => name);
    await gradientsAgree({ graph, output: whole, classes: 2, inputShapes, every: ours ? 3 : 12 });
    const network = loadNetwork(graph, { machine, inputShapes });
    assert.throws(
      () => network.training({ batch: 1, optimizer: 'sgd' }),
      ({ message }: Error) => message.includes(`has 2 (${words}, ${whole})`) && message.includes('say which'),
    );
    const output = 'nowhere';
    assert.throws(() => network.training({ batch: 1, optimizer: 'sgd', output }), /no output 'nowhere'/);
    network.close();
  }
});

/**
 * A ViT in today's operators: Conv → Resize → patches → class token and positions → LayerNormalization → attention of two
 * heads → LayerNormalization → MLP with Gelu → Gather of the class token → Gemm.
 */
function vit(): Graph {
  const [width, heads, tokens, classes] = [12, 2, 5, 4];
  const r = random(1);
  const nodes: Node[] = [];
  const initializers: Graph['initializers'] = new Map();
  const weight = (name: string, ...shape: number[]) => {
    const scale = 1 / Math.sqrt(Math.max(1, sizeOf(shape.slice(1))));
    const data = Float32Array.from({ length: sizeOf(shape) }, () => scale * normal(r));
    initializers.set(name, floatTensor(shape, data));
    return name;
  };
  const ints = (name: string, ...values: number[]) => {
    initializers.set(name, intTensor([values.length], values));
    return name;
  };
  const node = (op: string, inputs: string[], attributes: Node['attributes'] = {}) => {
    const name = `${op}${nodes.length}`;
    nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
    return name;
  };
  const norm = (x: string, name: string) =>
    node('LayerNormalization', [x, weight(`${name}.scale`, width), weight(`${name}.shift`, width)], {
      axis: int(-1),
      epsilon: float(1e-5),
    });
  const linear = (x: string, name: string, from: number, to: number) =>
    node('Add', [node('MatMul', [x, weight(name, from, to)]), weight(`${name}.bias`, to)]);
  const split = (x: string, perm: number[]) =>
    node('Transpose', [node('Reshape', [x, 'heads'])], { perm: intList(perm) });

  initializers.set('zoom', floatTensor([4], [1, 1, 2, 2]));
  initializers.set('scaling', floatTensor([], [1 / Math.sqrt(width / heads)]));
  ints('heads', 0, tokens, heads, width / heads);
  let x = node('Conv', ['image', weight('stem', 3, 1, 3, 3)], { pads: intList([1, 1, 1, 1]) });
  x = node('Resize', [x, '', 'zoom'], { mode: string('linear') });
  x = node('Conv', [x, weight('patch', width, 3, 4, 4), weight('patchBias', width)], {
    strides: intList([4, 4]),
  });
  x = node('Reshape', [x, ints('flat', 0, width, -1)]);
  x = node('Transpose', [x], { perm: intList([0, 2, 1]) });
  const token = node('Expand', [weight('token', 1, 1, width), ints('one', 1, 1, width)]);
  x = node('Concat', [token, x], { axis: int(1) });
  x = node('Add', [x, weight('positions', 1, tokens, width)]);
  const y = norm(x, 'norm1');
  const [q, k, v] = ['query', 'key', 'value'].map((name) => linear(y, name, width, width));
  const logits = node('MatMul', [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])]);
  const attention = node('Softmax', [node('Mul', [logits, 'scaling'])], { axis: int(-1) });
  let heads1 = node('MatMul', [attention, split(v, [0, 2, 1, 3])]);
  heads1 = node('Transpose', [heads1], { perm: intList([0, 2, 1, 3]) });
  heads1 = node('Reshape', [heads1, ints('joined', 0, tokens, width)]);
  x = node('Add', [x, linear(heads1, 'out', width, width)]);
  const hidden = node('Gelu', [linear(norm(x, 'norm2'), 'mlp1', width, 20)]);
  x = node('Add', [x, linear(hidden, 'mlp2', 20, width)]);
  initializers.set('first', { dtype: 'int64', shape: [], data: BigInt64Array.of(0n) });
  x = node('Gather', [x, 'first'], { axis: int(1) });
  x = node('Gemm', [x, weight('head', classes, width), weight('headBias', classes)], { transB: int(1) });
  return {
    name: 'vit',
    inputs: [{ name: 'image', dtype: 'float32', shape: [1, 1, 4, 4] }],
    outputs: [{ name: x, dtype: 'float32', shape: [1, classes] }],
    nodes,
    initializers,
    declared: new Map(),
    source: newSource(20),
  };
}

test("a ViT in today's operators", async () => {
  const graph = vit();
  await gradientsAgree({ graph, output: graph.outputs[0].name, classes: 4 });
});

/** Attention with a weight for each head, its products as Einsum, and a head for each token. */
function byEinsum(): Graph {
  const [tokens, width, heads, size, classes] = [5, 6, 2, 3, 4];
  const initializers: Graph['initializers'] = new Map();
  const nodes: Node[] = [];
  const einsum = (equation: string, ...inputs: string[]) => {
    const name = `einsum${nodes.length}`;
    const attributes = { equation: string(equation) };
    nodes.push({ name, op: 'Einsum', domain: '', inputs, outputs: [name], attributes });
    return name;
  };
  const weight = (name: string, ...shape: number[]) => {
    const r = random(3, name);
    const data = Float32Array.from({ length: sizeOf(shape) }, () => 0.5 * normal(r));
    initializers.set(name, floatTensor(shape, data));
    return name;
  };
  const [q, k, v] = ['q', 'k', 'v'].map((name) =>
    einsum('btd,dhk->bthk', 'x', weight(name, width, heads, size)),
  );
  const scores = einsum('bthk,bshk->bhts', q, k);
  nodes.push({ name: 's', op: 'Softmax', domain: '', inputs: [scores], outputs: ['s'], attributes: {} });
  const turned = einsum('bhts,bshk,hkj->bthj', 's', v, weight('turn', heads, size, size));
  const y = einsum('bthk,hkd->btd', turned, weight('o', heads, size, width));
  const logits = einsum('ctd,btd->bc', weight('head', classes, tokens, width), y);
  return {
    name: 'einsum',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', tokens, width] }],
    outputs: [{ name: logits, dtype: 'float32' }],
    nodes,
    initializers,
    declared: new Map(),
    source: newSource(17),
  };
}

test('attention by Einsum', async () => {
  const graph = byEinsum();
  await gradientsAgree({ graph, output: graph.outputs[0].name, classes: 4 });
});
