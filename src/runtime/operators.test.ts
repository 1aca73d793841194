/** Small random models of what is not all convolutions, dense and sparse, against the reference in float64. */
import { after, before, test } from 'node:test';
import { integer, normal, random, uniform } from '../base/index.js';
import { type Machine, openMachine } from '../engine/index.js';
import { type Attribute, floatTensor, type Graph, newSource, sizeOf, type Tensor } from '../onnx/index.js';
import { means } from './meaning.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const ints = (...value: number[]): Attribute => ({ type: 'ints', value });
const int = (value: number): Attribute => ({ type: 'int', value });

/** Writes a model node by node. */
function sketch(seed: number) {
  const r = random(seed, 'runtime/operators');
  const initializers = new Map<string, Tensor>();
  const nodes: Graph['nodes'] = [];
  return {
    upTo: (n: number) => 1 + integer(r, n),
    pick: <T>(...from: T[]): T => from[integer(r, from.length)],
    weight(dims: number[], kept = 1): string {
      const name = `w${initializers.size}`;
      const data = Float32Array.from({ length: sizeOf(dims) }, () => (uniform(r) < kept ? normal(r) : 0));
      initializers.set(name, floatTensor(dims, data));
      return name;
    },
    shape(dims: number[]): string {
      const name = `s${initializers.size}`;
      initializers.set(name, {
        dtype: 'int64',
        shape: [dims.length],
        data: BigInt64Array.from(dims, BigInt),
      });
      return name;
    },
    node(op: string, inputs: string[], attributes: Record<string, Attribute> = {}): string {
      const name = `${op}${nodes.length}`;
      nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
      return name;
    },
    /** @param shape of x. */
    model: (shape: number[], ...outputs: string[]): Graph => ({
      name: `random ${seed}`,
      inputs: [{ name: 'x', dtype: 'float32', shape }],
      outputs: outputs.map((name) => ({ name, dtype: 'float32', shape: undefined })),
      nodes,
      initializers,
      declared: new Map(),
      source: newSource(13),
    }),
  };
}

const check = (graph: Graph, seed: number): Promise<void> =>
  means(graph, {
    machine,
    draws: random(seed, 'runtime/operators/input'),
    tolerance: 2e-5,
  });

test('transposed convolutions, scaled and shifted', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const s = sketch(seed);
    const axes = s.pick(1, 2, 2);
    const groups = s.pick(1, 1, 2, 3);
    const [inputs, outputs] = [groups * s.upTo(4), s.upTo(4)];
    const each = <T>(of: (axis: number) => T): T[] => Array.from({ length: axes }, (_, axis) => of(axis));
    const size = each(() => 2 + s.upTo(9));
    const kernel = each(() => s.upTo(4));
    const strides = each(() => s.upTo(3));
    const dilations = each(() => s.pick(1, 1, 2));
    const slack = strides.map((stride) => (stride > 1 ? s.pick(0, 1) : 0));
    const pads = kernel.map((k) => Math.min(1, k - 1));
    const w = s.weight([inputs, outputs, ...kernel], s.pick(1, 0.2));
    const settings = {
      group: int(groups),
      strides: ints(...strides),
      dilations: ints(...dilations),
      pads: ints(...pads, ...pads),
      output_padding: ints(...slack),
    };
    const channels = groups * outputs;
    const y = s.node('ConvTranspose', s.pick(['x', w], ['x', w, s.weight([channels])]) as string[], settings);
    const scaled = s.node('Mul', [y, s.weight([channels, ...each(() => 1)])]);
    const shifted = s.node('Sub', [s.weight([1, channels, ...each(() => 1)]), scaled]);
    await check(s.model([1, inputs, ...size], s.node('Relu', [shifted]), ...s.pick([], [y])), seed);
  }
});

test('one spatial axis', async () => {
  for (let seed = 0; seed < 30; seed++) {
    const s = sketch(seed);
    const [channels, middle, length] = [s.upTo(6), s.upTo(20), 5 + s.upTo(60)];
    const wide = { pads: ints(1, 1), strides: ints(s.upTo(2)) };
    const a = s.node('Conv', ['x', s.weight([middle, channels, 3], s.pick(1, 0.1))], wide);
    const b = s.node('MaxPool', [s.node('Tanh', [a])], { kernel_shape: ints(2), strides: ints(s.upTo(2)) });
    const y = s.node('Conv', [b, s.weight([5, middle, 1]), s.weight([5])]);
    await check(s.model([1, channels, length], y), seed);
  }
});

test('convolutions with weights computed from the image', async () => {
  for (let seed = 0; seed < 12; seed++) {
    const s = sketch(seed);
    const [group, within, out, side] = [s.upTo(2), s.upTo(4), s.upTo(4), 4 + s.upTo(4)];
    const dims = [1, group * within, side, side];
    const window = s.pick(1, 3);
    const shape = [group * out, within, window, window];
    const flat = s.node('Reshape', ['x', s.shape([1, sizeOf(dims)])]);
    const numbers = s.node('MatMul', [flat, s.weight([sizeOf(dims), sizeOf(shape)], 0.1)]);
    const w = s.node('Reshape', [s.node('Tanh', [numbers]), s.shape(shape)]);
    const pads = ints(...new Array<number>(4).fill((window - 1) / 2));
    const settings = { pads, strides: ints(s.upTo(2), 1), group: int(group) };
    const y = s.node('Conv', ['x', w, s.weight([group * out])], settings);
    await check(s.model(dims, y), seed);
  }
});

test('attention', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const s = sketch(seed);
    const [rows, heads, width] = [s.upTo(40), s.upTo(3), s.upTo(24)];
    const all = heads * width;
    const density = s.pick(1, 0.3, 0.05);
    const project = () => s.node('MatMul', ['x', s.weight([all, all], density)]);
    const split = (of: string, ...order: number[]) =>
      s.node('Transpose', [s.node('Reshape', [of, s.shape([1, rows, heads, width])])], {
        perm: ints(...order),
      });
    const scores = s.node('MatMul', [split(project(), 0, 2, 1, 3), split(project(), 0, 2, 3, 1)]);
    const scaled = s.node('Mul', [scores, s.weight([1])]);
    const shares = s.node('Softmax', [scaled], { axis: int(-1) });
    const mixed = s.node('MatMul', [shares, split(project(), 0, 2, 1, 3)]);
    const joined = s.node('Transpose', [mixed], { perm: ints(0, 2, 1, 3) });
    const flat = s.node('Reshape', [joined, s.shape([1, rows, all])]);
    const sum = s.node('Add', [s.node('Add', [flat, s.weight([all])]), 'x']);
    const mean = s.node('ReduceMean', [sum], { axes: ints(-1) });
    const centred = s.node('Sub', [sum, mean]);
    await check(s.model([1, rows, all], centred, ...s.pick([], [shares])), seed);
  }
});

test('attention by Einsum', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const s = sketch(seed);
    const [rows, heads, size, width] = [s.upTo(20), s.upTo(3), s.upTo(12), s.upTo(20)];
    const density = s.pick(1, 0.3);
    const einsum = (equation: string, ...inputs: string[]) =>
      s.node('Einsum', inputs, { equation: { type: 'string', value: equation } });
    const project = () => einsum('btd,dhk->bthk', 'x', s.weight([width, heads, size], density));
    const scores = einsum('bthk,bshk->bhts', project(), project());
    const shares = s.node('Softmax', [scores], { axis: int(-1) });
    const mixed = einsum('bhts,bshk->bthk', shares, project());
    const turned = einsum('bthk,hkj->bthj', mixed, s.weight([heads, size, size], density));
    const y = einsum('...hk,hkd', turned, s.weight([heads, size, width], density));
    const scaled = einsum('...d,d->...', y, s.weight([width]));
    await check(s.model([1, rows, width], y, scaled), seed);
  }
});

test('images shuffled, put together, shifted before a border, pooled', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const s = sketch(seed);
    const [groups, each, height, width] = [1 + s.upTo(3), s.upTo(5), 2 + s.upTo(20), 2 + s.upTo(20)];
    const channels = groups * each;
    const conv = (from: string, inputs: number, outputs: number) =>
      s.node('Conv', [from, s.weight([outputs, inputs, 3, 3], s.pick(1, 0.1))], { pads: ints(1, 1, 1, 1) });
    const a = s.pick(true, false) ? conv('x', channels, channels) : 'x';
    const parts = s.node('Reshape', [a, s.shape([1, groups, each, height, width])]);
    const turned = s.node('Transpose', [parts], { perm: ints(0, 2, 1, 3, 4) });
    const shuffled = s.node('Reshape', [turned, s.shape([1, channels, height, width])]);
    const half = s.node('Slice', [shuffled, s.shape([0]), s.shape([each]), s.shape([1])]);
    const together = s.node('Concat', s.pick([half, a], [a, half, 'x']), { axis: int(1) });
    const count = each + channels;
    const kept = s.node('Slice', [together, s.shape([0]), s.shape([count]), s.shape([1])]);
    const shifted = s.node('Add', [s.node('Sigmoid', [kept]), s.weight([1, count, 1, 1])]);
    const pooled = s.node('AveragePool', [shifted], {
      kernel_shape: ints(2, 2),
      strides: ints(1, s.upTo(2)),
    });
    await check(s.model([1, channels, height, width], conv(shifted, count, 4), pooled), seed);
  }
});

test('sums over images that end in the middle of a vector', async () => {
  for (let size = 3; size < 19; size++)
    for (const [seed, op] of (['Conv', 'MaxPool'] as const).entries()) {
      const s = sketch(size);
      const around = s.node('Conv', ['x', s.weight([3, 2, 1, 1])]);
      const inputs = op === 'Conv' ? [around, s.weight([5, 3, 2, 2])] : [around];
      const window = s.node(op, inputs, { kernel_shape: ints(2, 2), strides: ints(1, 1) });
      await check(s.model([1, 2, size + 1, size + 1], s.node('GlobalAveragePool', [window])), seed);
    }
});
