import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../base/index.js';
import { builder, toTheEnd } from './build.js';

const open = (shape = [4, 9, 8]) => {
  const b = builder({ name: 'little', seed: 0 });
  return { b, x: b.input('input', shape) };
};

test('a convolution’s shape follows stride, padding, dilation and groups', () => {
  const { b, x } = open();
  const shapes = [
    b.conv(x, { out: 6, kernel: 3, name: 'a' }),
    b.conv(x, { out: 6, kernel: 3, stride: 2, pad: 1, name: 'b' }),
    b.conv(x, { out: 6, kernel: [1, 5], pad: [0, 2, 0, 1], name: 'c' }),
    b.conv(x, { out: 8, kernel: 3, dilation: 2, groups: 4, stride: [1, 2], name: 'd' }),
  ].map(({ shape }) => shape);
  assert.deepEqual(shapes, [
    [6, 7, 6],
    [6, 5, 4],
    [6, 9, 7],
    [8, 5, 2],
  ]);
  assert.deepEqual(b.finish({}).initializers.get('d.weight')?.shape, [8, 1, 3, 3]);
});

test('the other layers’ shapes', () => {
  const { b, x } = open();
  assert.deepEqual(b.maxPool(x, { kernel: 2 }).shape, [4, 4, 4]);
  assert.deepEqual(b.averagePool(x, { kernel: 3, stride: 1 }).shape, [4, 7, 6]);
  assert.deepEqual(b.globalAveragePool(x).shape, [4, 1, 1]);
  assert.deepEqual(b.concat([x, b.hardSwish(x), b.sigmoid(x)]).shape, [12, 9, 8]);
  assert.deepEqual(b.pad(x, { before: [1, 0, 2], after: [0, 0, 3] }).shape, [5, 9, 13]);
  const options = { axes: [2, 3], starts: [0, 1], ends: [toTheEnd, 6], steps: [2, 2] };
  assert.deepEqual(b.slice(x, options).shape, [4, 5, 3]);
  assert.deepEqual(b.linear(b.flatten(x), { out: 7, name: 'fc' }).shape, [7]);
});

test('names are PyTorch’s for layers, and unique for the rest', () => {
  const { b, x } = open();
  const y = b.relu(
    b.batchNorm(b.conv(x, { out: 4, kernel: 3, bias: true, name: 'layer1.0.conv1' }), 'layer1.0.bn1'),
  );
  const z = b.relu6(b.add(b.relu(y), b.relu(y)));
  const graph = b.finish({ out: z });
  assert.deepEqual(
    [...graph.initializers.keys()],
    [
      ...['layer1.0.conv1.weight', 'layer1.0.conv1.bias'],
      ...['weight', 'bias', 'running_mean', 'running_var'].map((kind) => `layer1.0.bn1.${kind}`),
      ...['relu6.min', 'relu6.max'],
    ],
  );
  const names = graph.nodes.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  assert.deepEqual(graph.nodes.at(-1)?.outputs, ['out']);
  assert.deepEqual(graph.outputs, [{ name: 'out', dtype: 'float32', shape: ['N', 4, 7, 6] }]);
});

test('an output that is used inside as well is renamed everywhere', () => {
  const { b, x } = open();
  const feature = b.relu(x);
  const graph = b.finish({ logits: b.sigmoid(feature), feature });
  assert.deepEqual(
    graph.nodes.map(({ inputs, outputs }) => [inputs, outputs]),
    [
      [['input'], ['feature']],
      [['feature'], ['logits']],
    ],
  );
});

test('too small an image and too large a parameter are refused in a sentence', () => {
  const { b, x } = open([1, 4, 4]);
  assert.throws(
    () => b.conv(x, { out: 1, kernel: 5, name: 'wide' }),
    (error) => error instanceof UserError && /1×4×4.*too small.*little.*wide/.test(error.message),
  );
  assert.throws(() => b.conv(x, { out: 1e9, kernel: 3, name: 'huge' }), UserError);
});
