/**
 * Dimensions that the file leaves open stay open: a network that is pruned at one length, height or width computes what the masked
 * one computes at every other, whatever its shape arithmetic looks like.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Graph } from '../../onnx/index.js';
import { halved, sameAtSizes, tossed } from '../equivalence.test.fixture.js';
import { findChannels, shrink } from '../index.js';
import { type Sketch, sketch } from '../sketch.test.fixture.js';

/** Tokens [N, T, channels] so far. */
interface Tokens {
  name: string;
  channels: number;
}

interface Chance {
  x: Tokens;
  other: Tokens;
  a: number;
  w: string;
}

/** One size of a value, as a list of one. */
const sizeOfAxis = (s: Sketch, x: string, axis: number): string =>
  s.op('Unsqueeze', [s.op('Gather', [s.op('Shape', [x]), s.index(axis)]), s.ints(0)]);

const joined = (s: Sketch, ...parts: string[]): string => s.op('Concat', parts, { axis: 0 });

/** A reshape of [N, T, …] to [N, T, heads, size], as exporters write it. */
function headsOf(s: Sketch, y: string, [heads, size]: [number, number], style: number): string {
  const [n, t] = [sizeOfAxis(s, y, 0), sizeOfAxis(s, y, 1)];
  const shapes = [
    () => joined(s, n, t, s.ints(heads), s.ints(size)),
    () => joined(s, n, s.ints(-1, heads, size)),
    () => s.ints(0, 0, heads, size),
    () => joined(s, n, t, s.ints(heads, -1)),
    () => s.op('Cast', [s.op('Cast', [joined(s, n, t, s.ints(heads, size))], { to: 6 })], { to: 7 }),
  ];
  return s.op('Reshape', [y, shapes[style % shapes.length]()]);
}

const layers: Record<string, (s: Sketch, chance: Chance) => Tokens> = {
  linear: (s, { x, a, w }) => ({ name: s.linear(x.name, w, x.channels, 2 + (a % 7)), channels: 2 + (a % 7) }),
  relu: (s, { x }) => ({ ...x, name: s.relu(x.name) }),
  residual(s, { x, other, w }) {
    const back = s.linear(s.relu(x.name), w, x.channels, other.channels);
    return { ...other, name: s.op('Add', [other.name, back]) };
  },
  concat: (s, { x, other }) => ({
    name: s.op('Concat', [x.name, other.name], { axis: 2 }),
    channels: x.channels + other.channels,
  }),
  flat(s, { x, a, w }) {
    const out = 2 + (a % 6);
    const rows = s.op('Mul', [sizeOfAxis(s, x.name, 0), sizeOfAxis(s, x.name, 1)]);
    const shape = joined(s, a % 2 ? rows : s.ints(-1), s.ints(x.channels));
    const flat = s.op('Gemm', [
      s.op('Reshape', [x.name, shape]),
      s.weight(w, x.channels, out),
      s.weight(`${w}.b`, out),
    ]);
    const back = joined(s, sizeOfAxis(s, x.name, 0), sizeOfAxis(s, x.name, 1), s.ints(out));
    return { name: s.op('Reshape', [s.relu(flat), back]), channels: out };
  },
  attention(s, { x, a, w }) {
    const [heads, size] = [1 + (a % 3), 2 + (a % 4)];
    const part = (name: string, perm: number[]) => {
      const y = s.linear(x.name, `${w}.${name}`, x.channels, heads * size);
      return s.op('Transpose', [headsOf(s, y, [heads, size], a)], { perm });
    };
    const scores = s.op('MatMul', [part('q', [0, 2, 1, 3]), part('k', [0, 2, 3, 1])]);
    const length = s.op('Squeeze', [sizeOfAxis(s, x.name, 1), s.ints(0)]);
    const places = s.op('Range', [s.index(0), length, s.index(1)]);
    const later = s.op('Less', [s.op('Unsqueeze', [places, s.ints(1)]), places]);
    const masked = a % 2 ? s.op('Where', [later, s.scalar(-1e4), scores]) : scores;
    const mixed = s.op('MatMul', [s.op('Softmax', [masked]), part('v', [0, 2, 1, 3])]);
    const turned = s.op('Transpose', [mixed], { perm: [0, 2, 1, 3] });
    const shape = joined(s, sizeOfAxis(s, x.name, 0), sizeOfAxis(s, x.name, 1), s.ints(heads * size));
    return { name: s.op('Reshape', [turned, shape]), channels: heads * size };
  },
  merged(s, { x, a, w }) {
    const [heads, size] = [2 + (a % 2), 2 + (a % 3)];
    const y = s.linear(x.name, w, x.channels, heads * size);
    const turned = s.op('Transpose', [headsOf(s, y, [heads, size], a)], { perm: [0, 2, 1, 3] });
    const n = sizeOfAxis(s, x.name, 0);
    const rows = s.op('Mul', [n, s.ints(heads)]);
    const t = sizeOfAxis(s, x.name, 1);
    const one = s.op('Reshape', [turned, joined(s, rows, t, s.ints(size))]);
    const scores = s.op('MatMul', [one, s.op('Transpose', [one], { perm: [0, 2, 1] })]);
    const mixed = s.op('Reshape', [
      s.op('MatMul', [s.op('Tanh', [scores]), one]),
      joined(s, n, s.ints(heads), t, s.ints(size)),
    ]);
    const back = s.op('Transpose', [mixed], { perm: [0, 2, 1, 3] });
    return { name: s.op('Reshape', [back, joined(s, n, t, s.ints(-1))]), channels: heads * size };
  },
  positions(s, { x, w }) {
    const table = s.weight(w, 32, x.channels);
    const part = s.op('Slice', [table, s.ints(0), sizeOfAxis(s, x.name, 1), s.ints(0)]);
    return { ...x, name: s.op('Add', [x.name, part]) };
  },
  token(s, { x, w }) {
    const shape = joined(s, sizeOfAxis(s, x.name, 0), s.ints(-1, -1));
    const right = s.op('Where', [s.op('Equal', [shape, s.ints(-1)]), s.ints(1, 1, x.channels), shape]);
    const first = s.op('Expand', [s.weight(w, 1, 1, x.channels), right]);
    const longer = s.op('Concat', [first, x.name], { axis: 1 });
    return { ...x, name: s.op('Slice', [longer, s.ints(0), s.ints(-1), s.ints(1)]) };
  },
  zeros(s, { x, a }) {
    const shape = joined(s, sizeOfAxis(s, x.name, 0), sizeOfAxis(s, x.name, 1), s.ints(1 + (a % 3)));
    const name = s.op('Concat', [x.name, s.op('ConstantOfShape', [shape])], { axis: 2 });
    return { name, channels: x.channels + 1 + (a % 3) };
  },
  zerosLike: (s, { x }) => ({
    ...x,
    name: s.op('Add', [x.name, s.op('ConstantOfShape', [s.op('Shape', [x.name])])]),
  }),
  last(s, { x }) {
    const end = s.op('Gather', [x.name, s.index(-1)], { axis: 1 });
    return { ...x, name: s.op('Add', [x.name, s.op('Unsqueeze', [end, s.ints(1)])]) };
  },
  repeated(s, { x }) {
    const mean = s.op('ReduceMean', [x.name], { axes: [1] });
    const repeats = joined(s, s.ints(1), sizeOfAxis(s, x.name, 1), s.ints(1));
    return { ...x, name: s.op('Mul', [x.name, s.op('Tile', [mean, repeats])]) };
  },
  gate(s, { x, w }) {
    const halves = s.ops('Split', [s.linear(x.name, w, x.channels, 2 * x.channels)], { axis: -1 }, 2);
    return { ...x, name: s.op('Mul', [halves[0], s.op('Sigmoid', [halves[1]])]) };
  },
  along(s, { x, w }) {
    const turned = s.op('Transpose', [x.name], { perm: [0, 2, 1] });
    const y = s.op('Conv', [turned, s.weight(w, x.channels, x.channels, 3)], { pads: [1, 1] });
    return { ...x, name: s.op('Transpose', [y], { perm: [0, 2, 1] }) };
  },
};

interface Choice {
  layer: string;
  x: number;
  other: number;
  a: number;
}

function network(list: readonly Choice[]): Graph {
  const s = sketch();
  const x = s.input('x', ['T', 5]);
  const values: Tokens[] = [{ name: s.relu(s.linear(x, 'stem', 5, 6)), channels: 6 }];
  list.forEach(({ layer, x: back, other, a }, i) => {
    const at = values[Math.max(0, values.length - 1 - (back % 2))];
    if (at.channels > 16 && ['concat', 'zeros'].includes(layer)) return;
    values.push(layers[layer](s, { x: at, other: values[other % values.length], a, w: `w${i}` }));
  });
  const { name, channels } = values[values.length - 1];
  return s.finish(s.op('MatMul', [s.op('Tanh', [name]), s.weight('head', channels, 3)]));
}

const choicesOf = (from: object) =>
  fc.array(
    fc.record({
      layer: fc.constantFrom(...Object.keys(from)),
      x: fc.nat(3),
      other: fc.nat(9),
      a: fc.nat(30),
    }),
    { minLength: 1, maxLength: 7 },
  );

test('masked ≡ shrunk at every length and batch, over random networks of tokens', async () => {
  let removed = 0;
  const sizes = [
    [1, 7],
    [3, 7],
    [1, 12],
    [2, 4],
  ].map((size) => ({ x: [...size, 5] }));
  await fc.assert(
    fc.asyncProperty(choicesOf(layers), fc.boolean(), fc.nat(1000), async (list, heads, seed) => {
      const graph = network(list);
      const channels = findChannels(graph, { heads, inputShapes: { x: [1, 7, 5] } });
      const selection = tossed(channels, seed);
      const smaller = await sameAtSizes(graph, channels, selection, sizes);
      assert.deepEqual(smaller.inputs, graph.inputs);
      removed += [...selection.values()].flat().filter((kept) => !kept).length;
    }),
    { numRuns: 10, seed: 11, includeErrorInReport: true },
  );
  assert.ok(removed > 40, `${removed} units are removed`);
});

/** Images [N, channels, H, W], height and width those of the input over `scale`. */
interface Image {
  name: string;
  channels: number;
  scale: number;
}

/** The sizes of a value from axis 2 on. */
const imageSize = (s: Sketch, x: string): string =>
  s.op('Slice', [s.op('Shape', [x]), s.ints(2), s.ints(4), s.ints(0)]);

const imageLayers: Record<
  string,
  (s: Sketch, chance: { x: Image; other: Image; a: number; w: string }) => Image
> = {
  conv: (s, { x, a, w }) => ({
    ...x,
    name: s.conv(x.name, w, 2 + (a % 7), x.channels),
    channels: 2 + (a % 7),
  }),
  relu: (s, { x }) => ({ ...x, name: s.relu(x.name) }),
  depthwise: (s, { x, w }) => ({ ...x, name: s.conv(x.name, w, x.channels, 1, { group: x.channels }) }),
  halved(s, { x, a }) {
    if (x.scale > 1) return x;
    const op = a % 2 ? 'MaxPool' : 'AveragePool';
    return { ...x, name: s.op(op, [x.name], { kernel_shape: [2, 2], strides: [2, 2] }), scale: 2 };
  },
  resized(s, { x, other, a }) {
    const lead =
      a % 2
        ? joined(s, sizeOfAxis(s, x.name, 0), s.ints(x.channels))
        : s.op('Slice', [s.op('Shape', [x.name]), s.ints(0), s.ints(2)]);
    const sizes = joined(s, lead, imageSize(s, other.name));
    const mode = a % 3 ? 'nearest' : 'linear';
    return { ...x, name: s.op('Resize', [x.name, '', '', sizes], { mode }), scale: other.scale };
  },
  residual(s, { x, other, w }) {
    if (x.scale !== other.scale) return x;
    return { ...other, name: s.op('Add', [other.name, s.conv(x.name, w, other.channels, x.channels)]) };
  },
  concat(s, { x, other }) {
    if (x.scale !== other.scale || x.channels > 16) return x;
    return {
      ...x,
      name: s.op('Concat', [x.name, other.name], { axis: 1 }),
      channels: x.channels + other.channels,
    };
  },
  gate(s, { x, a, w }) {
    const mean = a % 2 ? s.op('GlobalAveragePool', [x.name]) : s.op('ReduceMean', [x.name], { axes: [2, 3] });
    const up = s.op('Sigmoid', [
      s.conv(s.relu(s.conv(mean, `${w}.a`, 3, x.channels, { kernel: 1 })), `${w}.b`, x.channels, 3, {
        kernel: 1,
      }),
    ]);
    return { ...x, name: s.op('Mul', [x.name, up]) };
  },
  shuffle(s, { x }) {
    const groups = x.channels % 3 === 0 ? 3 : x.channels % 2 === 0 ? 2 : 1;
    const n = sizeOfAxis(s, x.name, 0);
    const split = joined(s, n, s.ints(groups, x.channels / groups), imageSize(s, x.name));
    const turned = s.op('Transpose', [s.op('Reshape', [x.name, split])], { perm: [0, 2, 1, 3, 4] });
    const back = joined(s, n, s.ints(x.channels), imageSize(s, x.name));
    return { ...x, name: s.op('Reshape', [turned, back]) };
  },
  normed(s, { x, w }) {
    const rows = s.op('Reshape', [x.name, s.ints(0, 1, -1)]);
    const normal = s.op('InstanceNormalization', [rows, s.weight(w, 1), s.weight(`${w}.b`, 1)]);
    return { ...x, name: s.op('Reshape', [normal, s.op('Shape', [x.name])]) };
  },
  tokens(s, { x, a, w }) {
    const out = 2 + (a % 5);
    const area = s.op('Mul', [sizeOfAxis(s, x.name, 2), sizeOfAxis(s, x.name, 3)]);
    const flat = joined(s, sizeOfAxis(s, x.name, 0), s.ints(x.channels), a % 2 ? area : s.ints(-1));
    const rows = s.op('Transpose', [s.op('Reshape', [x.name, flat])], { perm: [0, 2, 1] });
    const y = s.op('Transpose', [s.linear(rows, w, x.channels, out)], { perm: [0, 2, 1] });
    const back = joined(s, sizeOfAxis(s, x.name, 0), s.ints(out), imageSize(s, x.name));
    return { ...x, name: s.op('Reshape', [y, back]), channels: out };
  },
  cropped(s, { x }) {
    const ends = s.op('Sub', [imageSize(s, x.name), s.ints(1, 1)]);
    const inner = s.op('Slice', [x.name, s.ints(1, 1), ends, s.ints(2, 3)]);
    return { ...x, name: s.op('Pad', [inner, s.ints(0, 0, 1, 1, 0, 0, 1, 1)]) };
  },
  flatBatch(s, { x, w }) {
    const n = s.op('Mul', [sizeOfAxis(s, x.name, 0), s.ints(x.channels)]);
    const alone = s.op('Reshape', [x.name, joined(s, n, s.ints(1), imageSize(s, x.name))]);
    const y = s.relu(s.conv(alone, w, 1, 1));
    const back = joined(s, s.ints(-1, x.channels), imageSize(s, x.name));
    return { ...x, name: s.op('Reshape', [y, back]) };
  },
};

function imageNetwork(list: readonly Choice[]): Graph {
  const s = sketch();
  const x = s.input('x', [3, 'H', 'W']);
  const values: Image[] = [{ name: s.relu(s.conv(x, 'stem', 6, 3)), channels: 6, scale: 1 }];
  list.forEach(({ layer, x: back, other, a }, i) => {
    const at = values[Math.max(0, values.length - 1 - (back % 2))];
    values.push(imageLayers[layer](s, { x: at, other: values[other % values.length], a, w: `w${i}` }));
  });
  const { name, channels } = values[values.length - 1];
  return s.finish(s.conv(s.op('Tanh', [name]), 'last', 2, channels));
}

test('masked ≡ shrunk at every height, width and batch, over random networks of images', async () => {
  let removed = 0;
  const sizes = [
    [1, 8, 8],
    [2, 8, 8],
    [1, 6, 12],
    [3, 10, 4],
  ].map(([n, h, w]) => ({ x: [n, 3, h, w] }));
  await fc.assert(
    fc.asyncProperty(choicesOf(imageLayers), fc.nat(1000), async (list, seed) => {
      const graph = imageNetwork(list);
      const channels = findChannels(graph, { inputShapes: sizes[0] });
      const selection = tossed(channels, seed);
      const smaller = await sameAtSizes(graph, channels, selection, sizes);
      assert.deepEqual(smaller.inputs, graph.inputs);
      removed += [...selection.values()].flat().filter((kept) => !kept).length;
    }),
    {
      numRuns: 6,
      seed: 3,
      includeErrorInReport: true,
    },
  );
  assert.ok(removed > 10, `${removed} units are removed`);
});

/** Prunes a half at the first of the sizes, and compares at all. */
async function halvedAt(graph: Graph, sizes: readonly Record<string, number[]>[]): Promise<Graph> {
  const channels = findChannels(graph, { inputShapes: sizes[0] });
  assert.ok(channels.groups.length > 0);
  return sameAtSizes(graph, channels, halved(channels, 1), sizes);
}

/** "Mul, Concat, Reshape" */
const opsOf = ({ nodes }: Graph): string => nodes.map(({ op }) => op).join(', ');

test('of shape arithmetic only the numbers of channels change', async () => {
  const s = sketch();
  const x = s.input('x', ['T', 5]);
  const y = s.linear(x, 'a', 5, 12);
  const shape = joined(s, sizeOfAxis(s, y, 0), sizeOfAxis(s, y, 1), s.ints(3), s.ints(4));
  const z = s.op('ReduceMax', [s.op('Reshape', [y, shape])], { axes: [2], keepdims: 0 });
  const graph = s.finish(s.linear(z, 'b', 4, 2));
  const smaller = await halvedAt(graph, [{ x: [1, 7, 5] }, { x: [2, 9, 5] }]);
  assert.equal(opsOf(smaller), opsOf(graph));
  assert.deepEqual([...smaller.initializers.keys()], [...graph.initializers.keys()]);
});

test('an axis that is merged with the batch is split as before', async () => {
  const s = sketch();
  const x = s.input('x', [8]);
  const y = s.relu(s.linear(x, 'a', 8, 30));
  const steps = s.op('Transpose', [s.op('Reshape', [y, s.ints(-1, 6, 5)])], { perm: [1, 0, 2] });
  const rows = s.relu(s.linear(s.op('Reshape', [steps, s.ints(-1, 5)]), 'b', 5, 8));
  const parts = s.ops('Split', [rows], { axis: 0 }, 6);
  const sum = s.op('Add', [s.op('Mul', [parts[0], parts[1]]), s.op('Tanh', [parts[5]])]);
  const graph = s.finish(s.linear(sum, 'c', 8, 2));
  const smaller = await halvedAt(graph, [{ x: [1, 8] }, { x: [2, 8] }, { x: [5, 8] }]);
  assert.ok(smaller.initializers.get('b')!.shape[1] < 8);
});

test('height and width stay open, also where an image is resized to a computed size', async () => {
  const s = sketch();
  const x = s.input('x', [3, 'H', 'W']);
  const y = s.relu(s.conv(x, 'a', 8, 3));
  const small = s.op('MaxPool', [s.relu(s.conv(y, 'b', 8, 8))], { kernel_shape: [2, 2], strides: [2, 2] });
  const sizes = joined(
    s,
    sizeOfAxis(s, y, 0),
    s.ints(8),
    s.op('Slice', [s.op('Shape', [y]), s.ints(2), s.ints(4)]),
  );
  const back = s.op('Resize', [small, '', '', sizes], { mode: 'nearest' });
  const rows = s.op('Reshape', [s.op('Add', [y, back]), joined(s, sizeOfAxis(s, y, 0), s.ints(8, -1))]);
  const mixed = s.relu(s.linear(s.op('Transpose', [rows], { perm: [0, 2, 1] }), 'c', 8, 6));
  const turned = s.op('Transpose', [mixed], { perm: [0, 2, 1] });
  const shape = joined(s, s.ints(0, 6), sizeOfAxis(s, y, 2), sizeOfAxis(s, y, 3));
  const graph = s.finish(s.conv(s.op('Reshape', [turned, shape]), 'd', 2, 6));
  const smaller = await halvedAt(graph, [{ x: [1, 3, 8, 8] }, { x: [2, 3, 10, 6] }, { x: [1, 3, 4, 12] }]);
  assert.deepEqual(smaller.inputs, graph.inputs);
});

test('inputs that share a symbol are followed together, and dimensions without a name too', async () => {
  const s = sketch();
  const ids = s.input('ids', ['T'], 'int64');
  const mask = s.input('mask', ['T']);
  const extra = s.input('extra', ['?', 6]);
  const words = s.op('Gather', [s.weight('table', 90, 6), ids]);
  const seen = s.op('Mul', [words, s.op('Unsqueeze', [mask, s.ints(2)])]);
  const all = s.op('Concat', [s.linear(seen, 'a', 6, 8), s.linear(extra, 'b', 6, 8)], { axis: 1 });
  const heads = s.op('Reshape', [all, joined(s, sizeOfAxis(s, all, 0), sizeOfAxis(s, all, 1), s.ints(2, 4))]);
  const graph = s.finish(s.linear(s.op('ReduceMean', [heads], { axes: [2], keepdims: 0 }), 'c', 4, 3));
  graph.inputs[2].shape = [undefined, undefined, 6];
  const at = (n: number, t: number, more: number) => ({ ids: [n, t], mask: [n, t], extra: [n, more, 6] });
  const smaller = await halvedAt(graph, [at(1, 5, 3), at(2, 5, 3), at(1, 8, 4), at(3, 2, 7)]);
  assert.deepEqual(smaller.inputs, graph.inputs);
});

/** Zeros of a size that is computed from a length and, spelt out, from the number of channels. */
function mixedSizes(): Graph {
  const s = sketch();
  const x = s.input('x', ['T', 5]);
  const y = s.relu(s.linear(x, 'a', 5, 4));
  const [n, t, c] = [0, 1, 2].map((axis) => sizeOfAxis(s, y, axis));
  const longer = s.op('Concat', [y, s.op('Slice', [y, s.ints(0), s.ints(1), s.ints(1)])], { axis: 1 });
  const flat = s.op('Reshape', [longer, joined(s, n, s.ints(-1))]);
  const size = s.op('Add', [s.op('Mul', [t, c]), s.ints(4)]);
  const sum = s.op('Add', [flat, s.op('ConstantOfShape', [joined(s, n, size)])]);
  const back = s.op('Reshape', [sum, joined(s, n, s.ints(-1, 4))]);
  const graph = s.finish(s.linear(back, 'b', 4, 3));
  graph.outputs[0].shape = ['N', 'longer', 3];
  return graph;
}

test('a size that cannot be kept open is declared', async () => {
  const graph = mixedSizes();
  const smaller = await halvedAt(graph, [{ x: [1, 7, 5] }, { x: [3, 7, 5] }]);
  assert.deepEqual(smaller.inputs[0].shape, ['N', 7, 5]);
  assert.deepEqual(smaller.outputs[0].shape, ['N', 8, 3]);
});

test('nothing is declared where nothing is removed', () => {
  const graph = mixedSizes();
  const channels = findChannels(graph, { inputShapes: { x: [1, 7, 5] } });
  const whole = new Map(channels.groups.map(({ name, size }) => [name, new Array<boolean>(size).fill(true)]));
  assert.deepEqual(shrink(graph, channels, whole).inputs, graph.inputs);
});
