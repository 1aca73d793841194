/**
 * Whatever a network looks like and whatever is selected: masked and shrunk compute the same. In float64 to 1e-10; float32
 * gets 1e-4, since a norm over an image that is all but constant multiplies the rounding.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { type Machine, openMachine } from '../engine/index.js';
import type { Graph } from '../onnx/index.js';
import { sameComputed, tossed } from './equivalence.test.fixture.js';
import { findChannels } from './index.js';
import { type Sketch, sketch } from './sketch.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

interface Image {
  name: string;
  channels: number;
  /** Height and width. */
  size: number;
}

/** What a layer may choose from: an image so far, another of the same size, two numbers, and a name for its weights. */
interface Chance {
  x: Image;
  other: Image;
  a: number;
  b: number;
  w: string;
}

type Layer = (s: Sketch, chance: Chance) => Image[];

const like = (x: Image, name: string, channels = x.channels, size = x.size): Image[] => [
  { name, channels, size },
];

/** The largest of 4, 3, 2, 1 that divides n. */
const divisor = (n: number): number => [4, 3, 2, 1].find((d) => n % d === 0)!;

const unary =
  (op: string): Layer =>
  (s, { x }) =>
    like(x, s.op(op, [x.name]));

const layers: Record<string, Layer> = {
  conv: (s, { x, a, w }) => like(x, s.conv(x.name, w, 1 + (a % 9), x.channels), 1 + (a % 9)),
  pointwise: (s, { x, a, w }) =>
    like(x, s.conv(x.name, w, 2 + (a % 7), x.channels, { kernel: 1 }), 2 + (a % 7)),
  depthwise: (s, { x, w }) => like(x, s.conv(x.name, w, x.channels, 1, { group: x.channels })),
  multiplied: (s, { x, w }) =>
    like(x, s.conv(x.name, w, 2 * x.channels, 1, { group: x.channels }), 2 * x.channels),
  grouped(s, { x, a, w }) {
    const groups = divisor(x.channels);
    const out = groups * (1 + (a % 3));
    return like(x, s.conv(x.name, w, out, x.channels / groups, { group: groups }), out);
  },
  transposed(s, { x, a, w }) {
    const out = 1 + (a % 6);
    const y = s.op('ConvTranspose', [x.name, s.weight(w, x.channels, out, 3, 3)], { pads: [1, 1, 1, 1] });
    return like(x, y, out);
  },
  batchNorm: (s, { x, w }) => like(x, s.batchNorm(x.name, w, x.channels)),
  relu: unary('Relu'),
  hardSwish: unary('HardSwish'),
  sigmoid: unary('Sigmoid'),
  prelu: (s, { x, w }) => like(x, s.op('PRelu', [x.name, s.weight(w, x.channels, 1, 1)])),
  residual(s, { x, other, w }) {
    const back = s.conv(s.relu(x.name), w, other.channels, x.channels);
    return like(other, s.op('Add', [other.name, back]));
  },
  product(s, { x, other, w }) {
    const back = s.conv(x.name, w, other.channels, x.channels);
    return like(other, s.op('Mul', [s.op('Sigmoid', [other.name]), back]));
  },
  concat: (s, { x, other }) =>
    like(x, s.op('Concat', [x.name, other.name], { axis: 1 }), x.channels + other.channels),
  split(s, { x, a }) {
    if (x.channels < 2) return [];
    const first = 1 + (a % (x.channels - 1));
    const names = s.ops('Split', [x.name, s.ints(first, x.channels - first)], { axis: 1 }, 2);
    return names.flatMap((name, i) => like(x, name, i === 0 ? first : x.channels - first));
  },
  stepped(s, { x }) {
    if (x.channels < 4) return [];
    const y = s.op('Slice', [x.name, s.ints(1), s.ints(x.channels), s.ints(1), s.ints(2)]);
    return like(x, y, Math.floor(x.channels / 2));
  },
  gathered(s, { x, a, b }) {
    const indices = [a, b, a + b].map((i) => i % x.channels);
    return like(x, s.op('Gather', [x.name, s.ints(...indices)], { axis: 1 }), 3);
  },
  padded: (s, { x, a }) =>
    like(x, s.op('Pad', [x.name, s.ints(0, a % 2, 0, 0, 0, 2, 0, 0)]), x.channels + (a % 2) + 2),
  gate(s, { x, a, w }) {
    const thin = 1 + (a % 4);
    const mean = s.op('GlobalAveragePool', [x.name]);
    const down = s.relu(s.conv(mean, `${w}.down`, thin, x.channels, { kernel: 1 }));
    const up = s.op('HardSigmoid', [s.conv(down, `${w}.up`, x.channels, thin, { kernel: 1 })]);
    return like(x, s.op('Mul', [x.name, up]));
  },
  shuffle(s, { x }) {
    const groups = divisor(x.channels);
    const split = s.op('Reshape', [x.name, s.ints(0, groups, x.channels / groups, x.size, x.size)]);
    const turned = s.op('Transpose', [split], { perm: [0, 2, 1, 3, 4] });
    return like(x, s.op('Reshape', [turned, s.ints(0, -1, x.size, x.size)]));
  },
  pixels(s, { x, a, w }) {
    const y = s.conv(x.name, w, 4 * (1 + (a % 3)), x.channels);
    const mode = a % 2 ? 'CRD' : 'DCR';
    return like(x, s.op('DepthToSpace', [y], { blocksize: 2, mode }), 1 + (a % 3), 2 * x.size);
  },
  upsample: (s, { x }) => like(x, s.op('Resize', [x.name, '', s.floats(1, 1, 2, 2)]), x.channels, 2 * x.size),
  pool: (s, { x }) => like(x, s.op('MaxPool', [x.name], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] })),
  tiled: (s, { x }) => like(x, s.op('Tile', [x.name, s.ints(1, 2, 1, 1)]), 2 * x.channels),
  instanceNorm: (s, { x, w }) =>
    like(x, s.op('InstanceNormalization', [x.name, s.weight(w, x.channels), s.weight(`${w}.b`, x.channels)])),
  groupNorm(s, { x, w }) {
    const groups = divisor(x.channels);
    const rows = s.op('Reshape', [x.name, s.ints(0, groups, -1)]);
    const normal = s.op('InstanceNormalization', [rows, s.weight(w, groups), s.weight(`${w}.b`, groups)]);
    return like(x, s.op('Reshape', [normal, s.op('Shape', [x.name])]));
  },
  tokens(s, { x, a, w }) {
    const rows = s.op('Transpose', [s.op('Reshape', [x.name, s.ints(0, 0, -1)])], { perm: [0, 2, 1] });
    const out = 1 + (a % 5);
    const y = s.op('Transpose', [s.linear(rows, w, x.channels, out)], { perm: [0, 2, 1] });
    return like(x, s.op('Reshape', [y, s.ints(0, -1, x.size, x.size)]), out);
  },
  attention(s, { x, a, w }) {
    const [heads, size] = [1 + (a % 3), 1 + (a % 4)];
    const rows = s.op('Transpose', [s.op('Reshape', [x.name, s.ints(0, 0, -1)])], { perm: [0, 2, 1] });
    const part = (name: string, perm: number[]) => {
      const y = s.linear(rows, `${w}.${name}`, x.channels, heads * size);
      return s.op('Transpose', [s.op('Reshape', [y, s.ints(0, x.size ** 2, heads, size)])], { perm });
    };
    const scores = s.op('MatMul', [part('q', [0, 2, 1, 3]), part('k', [0, 2, 3, 1])]);
    const mixed = s.op('MatMul', [s.op('Softmax', [scores]), part('v', [0, 2, 1, 3])]);
    const back = s.op('Reshape', [
      s.op('Transpose', [mixed], { perm: [0, 1, 3, 2] }),
      s.ints(0, -1, x.size, x.size),
    ]);
    return like(x, back, heads * size);
  },
  einsum(s, { x, a, w }) {
    const [heads, size] = [1 + (a % 3), 1 + (a % 4)];
    const part = (name: string, equation: string) =>
      s.op('Einsum', [x.name, s.weight(`${w}.${name}`, heads, x.channels, size)], { equation });
    const q = part('q', 'ncij,hck->nhkij');
    const scores = s.op('Einsum', [q, part('k', 'ncij,hck->nijhk')], { equation: 'nhkij,nyxhk->nhijyx' });
    const equation = 'nhijyx,nhkyx->nhkij';
    const mixed = s.op('Einsum', [s.op('Tanh', [scores]), part('v', 'ncij,hck->nhkij')], { equation });
    const out = 1 + (a % 5);
    const o = s.weight(`${w}.o`, out, heads, size);
    return like(x, s.op('Einsum', [mixed, o], { equation: 'nhkij,ohk->noij' }), out);
  },
  shared(s, { x, a, w }) {
    const out = 1 + (a % 5);
    const down = s.weight(w, out, x.channels, 3, 3);
    const pads = [1, 1, 1, 1];
    const [y, z] = [x.name, s.relu(x.name)].map((name) => s.op('Conv', [name, down], { pads }));
    return like(x, s.op('Add', [y, s.op('Tanh', [z])]), out);
  },
};

interface Choice {
  layer: string;
  x: number;
  other: number;
  a: number;
  b: number;
}

const choices = fc.array(
  fc.record({
    layer: fc.constantFrom(...Object.keys(layers)),
    x: fc.nat(9),
    other: fc.nat(9),
    a: fc.nat(30),
    b: fc.nat(30),
  }),
  { minLength: 2, maxLength: 14 },
);

/** Every layer reads one of the last images; what nobody reads goes into the classifiers. */
function network(list: readonly Choice[], flat: boolean): Graph {
  const s = sketch();
  const x = s.input('x', [3, 4, 4]);
  const images: Image[] = [{ name: s.relu(s.conv(x, 'stem', 6, 3)), channels: 6, size: 4 }];
  const used = new Set<Image>();
  list.forEach(({ layer, x, other, a, b }, i) => {
    const image = images[Math.max(0, images.length - 1 - (x % 3))];
    if (image.size > 8 && ['pixels', 'upsample', 'attention', 'einsum'].includes(layer)) return;
    if (image.channels > 24 && ['concat', 'tiled', 'multiplied'].includes(layer)) return;
    const equals = images.filter(({ size }) => size === image.size);
    const second = equals[other % equals.length];
    const made = layers[layer](s, { x: image, other: second, a, b, w: `w${i}` });
    if (made.length > 0) used.add(image);
    if (['residual', 'product', 'concat'].includes(layer)) used.add(second);
    images.push(...made);
  });
  const heads = images
    .filter((image) => !used.has(image))
    .map(({ name, channels, size }, i) => {
      const pooled = flat ? name : s.op('GlobalAveragePool', [name]);
      const features = flat ? channels * size * size : channels;
      return s.op('Gemm', [s.op('Flatten', [pooled]), s.weight(`head${i}`, 3, features)], { transB: 1 });
    });
  return s.finish(...heads);
}

test('masked ≡ shrunk over random networks and selections', { timeout: 300_000 }, async () => {
  let removed = 0;
  await fc.assert(
    fc.asyncProperty(choices, fc.boolean(), fc.boolean(), fc.nat(1000), async (list, flat, heads, seed) => {
      const graph = network(list, flat);
      const channels = findChannels(graph, { heads });
      const selection = tossed(channels, seed);
      await sameComputed(graph, channels, selection, {
        batch: 2,
        machine: seed % 8 === 0 ? machine : undefined,
        tolerance: 1e-4,
        exact: true,
      });
      removed += [...selection.values()].flat().filter((kept) => !kept).length;
    }),
    { numRuns: 150, seed: 7, includeErrorInReport: true },
  );
  assert.ok(removed > 500, 'units are removed');
});
