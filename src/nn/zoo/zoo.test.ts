import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { UserError } from '../../base/index.js';
import type { Graph, Node } from '../../onnx/index.js';
import { type Initialization, zeros } from '../initialize.js';
import { buildNetwork, zoo } from './index.js';
import type { NetworkOptions } from './network.js';

const blank: Initialization = { conv: zeros, linear: zeros, bias: () => zeros };
const cifar: NetworkOptions = { shape: [3, 32, 32], classes: 10, seed: 0, initialization: blank };
const imagenet: NetworkOptions = { ...cifar, shape: [3, 224, 224], classes: 1000 };
const network = (name: string, options: Partial<NetworkOptions> = {}) =>
  buildNetwork(name, { ...cifar, ...options });

/** The number of values in initialisers whose name and rank fit. */
function count(graph: Graph, name = /\.(weight|bias)$/, rank = (_: number) => true): number {
  let sum = 0;
  for (const [key, { data, shape }] of graph.initializers)
    if (name.test(key) && rank(shape.length)) sum += data.length;
  return sum;
}
const weights = (graph: Graph) => count(graph, /\.weight$/, (rank) => rank > 1);

/** MACs of one sample: a convolution's weights work once per output pixel, a linear layer's once. */
function macs(graph: Graph): number {
  const images = new Map([['input', graph.inputs[0].shape?.slice(2) as number[]]]);
  let sum = 0;
  for (const node of graph.nodes) {
    const image = imageAfter(node, images.get(node.inputs[0])!);
    images.set(node.outputs[0], image);
    const weight = graph.initializers.get(node.inputs[1])?.data.length ?? 0;
    if (node.op === 'Conv') sum += weight * image[0] * image[1];
    if (node.op === 'Gemm') sum += weight;
  }
  return sum;
}

function imageAfter({ op, attributes }: Node, image: number[]): number[] {
  if (op === 'GlobalAveragePool') return [1, 1];
  if (op === 'Slice') return image.map((length) => Math.ceil(length / 2));
  if (!attributes.strides) return image;
  const [kernel, strides, pads] = ['kernel_shape', 'strides', 'pads'].map(
    (key) => attributes[key].value as number[],
  );
  return image.map((length, i) => Math.floor((length + pads[i] + pads[i + 2] - kernel[i]) / strides[i]) + 1);
}

test('parameters are the published numbers', () => {
  const published: [string, Partial<NetworkOptions>, number][] = [
    ['lenet5', { shape: [1, 28, 28] }, 61_706],
    ['resnet20', {}, 269_722],
    ['resnet56', {}, 853_018],
    ['resnet110', {}, 1_727_962],
    ['resnet18', imagenet, 11_689_512],
    ['resnet50', imagenet, 25_557_032],
    ['mobilenetv2', imagenet, 3_504_872],
  ];
  for (const [name, options, expected] of published)
    assert.equal(count(network(name, options)), expected, name);
});

test('weights of convolutions and linear layers are the papers’ prunable numbers', () => {
  assert.equal(weights(network('vgg19')), 20_024_000);
  assert.equal(weights(network('vgg19', { classes: 100 })), 20_070_080);
  assert.equal(weights(network('resnet32', { width: 2, shortcut: 'B' })), 1_855_584);
  assert.equal(weights(network('resnet32', { width: 2, shortcut: 'B', classes: 100 })), 1_867_104);
});

test('MACs are the published numbers', () => {
  assert.equal(Math.round(macs(network('resnet56')) / 1e4), 12549);
  assert.equal(Math.round(macs(network('resnet110')) / 1e4), 25289);
  assert.equal(Math.round(macs(network('resnet50', imagenet)) / 1e6), 4089);
});

test('every network’s graph is in order: each value made once, before it is used, by a node with its own name', () => {
  for (const name of Object.keys(zoo)) {
    const graph = network(name);
    const made = new Set(['input', ...graph.initializers.keys()]);
    for (const node of graph.nodes) {
      for (const input of node.inputs) assert.ok(made.has(input), `${name}: ${node.name} reads ${input}`);
      for (const output of node.outputs) {
        assert.ok(!made.has(output), `${name}: ${output} is made twice`);
        made.add(output);
      }
    }
    assert.equal(new Set(graph.nodes.map((node) => node.name)).size, graph.nodes.length);
    assert.deepEqual(graph.outputs, [{ name: 'logits', dtype: 'float32', shape: ['N', 10] }]);
  }
});

test('a width factor scales every layer and leaves images and classes alone', () => {
  for (const name of Object.keys(zoo)) {
    const [plain, narrow] = [network(name), network(name, { width: 0.5 })];
    assert.equal(narrow.nodes.length, plain.nodes.length);
    assert.ok(weights(narrow) < weights(plain) / 2, name);
    assert.deepEqual(narrow.outputs, plain.outputs);
  }
});

test('option A subsamples and pads the channels on both sides, also where they do not halve', () => {
  const pads = (width: number) =>
    [...network('resnet8', { width }).initializers]
      .filter(([name]) => name.endsWith('.pads'))
      .map(([, { data }]) => data);
  assert.deepEqual(pads(1), [
    BigInt64Array.of(0n, 8n, 0n, 0n, 0n, 8n, 0n, 0n),
    BigInt64Array.of(0n, 16n, 0n, 0n, 0n, 16n, 0n, 0n),
  ]);
  assert.deepEqual(pads(0.3)[0], BigInt64Array.of(0n, 2n, 0n, 0n, 0n, 3n, 0n, 0n));
});

test('the stem follows the image, unless told', () => {
  const entry = (options: Partial<NetworkOptions>) =>
    network('resnet18', options).nodes[0].attributes.strides.value;
  assert.deepEqual(entry({}), [1, 1]);
  assert.deepEqual(entry({ stem: 'imagenet' }), [2, 2]);
  assert.deepEqual(entry({ shape: [3, 224, 224] }), [2, 2]);
  assert.deepEqual(entry({ shape: [3, 224, 224], stem: 'cifar' }), [1, 1]);
});

test('the first weights depend on the seed and the name only', () => {
  const first = (name: string, seed: number) =>
    buildNetwork(name, { shape: [3, 8, 8], classes: 10, seed }).initializers.get('layer1.0.conv1.weight');
  assert.deepEqual(first('resnet8', 3), first('resnet20', 3));
  assert.notDeepEqual(first('resnet8', 3), first('resnet8', 4));
});

test('digits of 8×8 fit the residual networks', () => {
  for (const name of ['resnet8', 'resnet20', 'resnet18', 'mobilenetv2'])
    assert.ok(network(name, { shape: [1, 8, 8] }).nodes.length > 0);
});

test('what cannot be built is refused in a sentence', () => {
  const refusals: [string, Partial<NetworkOptions>, RegExp][] = [
    ['ResNet-20', {}, /"ResNet-20".*mean resnet20\?.*mobilenetv2/],
    ['constructor', {}, /no network "constructor"/],
    ['vgg19', { shape: [1, 8, 8] }, /1×8×8.*too small.*vgg19/],
    ['lenet5', { shape: [1, 8, 8] }, /too small.*lenet5/],
    ['resnet20', { shape: [3, 0, 32] }, /\[channels, height, width\]/],
    ['resnet20', { classes: 2.5 }, /classes/],
    ['resnet20', { width: 0 }, /width/],
    ['resnet20', { seed: Number.NaN }, /seed/],
    ['resnet20', { shortcut: 'C' as 'A' }, /A or B/],
    ['resnet50', { shortcut: 'A' }, /no choice of shortcut.*resnet110/],
    ['vgg16', { stem: 'cifar' }, /no choice of stem.*resnet18, resnet50, mobilenetv2/],
  ];
  for (const [name, options, words] of refusals)
    assert.throws(
      () => network(name, options),
      (error) => error instanceof UserError && words.test(error.message) && !error.message.includes('\n'),
      `${name} ${JSON.stringify(options)}`,
    );
});

test('the table in docs/zoo.md holds what the code gives', () => {
  const page = readFileSync(new URL('../../../docs/zoo.md', import.meta.url), 'utf8');
  assert.ok(page.includes(table()), `docs/zoo.md should contain:\n${table()}`);
});

function table(): string {
  const sizes: Record<string, NetworkOptions[]> = {
    lenet5: [{ ...cifar, shape: [1, 28, 28] }],
    resnet18: [cifar, imagenet],
    resnet50: [cifar, imagenet],
    mobilenetv2: [cifar, imagenet],
  };
  const rows = Object.entries(zoo).flatMap(([name, { paper }]) =>
    (sizes[name] ?? [cifar]).map((options) => {
      const graph = buildNetwork(name, options);
      const numbers = [count(graph), macs(graph)].map((value) => value.toLocaleString('en-GB'));
      return `| \`${name}\` | ${options.shape.join(' × ')} | ${options.classes} | ${numbers.join(' | ')} | ${paper} |\n`;
    }),
  );
  return `| name | input | classes | parameters | MACs | paper |\n|---|---|---:|---:|---:|---|\n${rows.join('')}`;
}
