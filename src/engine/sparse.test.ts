/** Kernels that leave weights of 0 out, beside those that do not: the same bits, whatever the shapes and the masks. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { integer, normal, type Random, random, uniform } from '../base/index.js';
import { tape as newTape, type Window } from '../graph/index.js';
import { floatTensor, type Graph, intList, type Node, newSource, sizeOf } from '../onnx/index.js';
import { compile } from './compile.js';
import { loadNetwork, type Machine, openMachine } from './index.js';
import { wholePlace } from './lowering/place.js';

let dense: Machine;
let sparse: Machine;
before(async () => {
  dense = await openMachine({ threads: 1, sparse: 'never' });
  sparse = await openMachine({ threads: 2, sparse: 'always' });
});
after(async () => {
  await dense.close();
  await sparse.close();
});

const pick = <T>(r: Random, from: readonly T[]): T => from[integer(r, from.length)];

interface Case {
  window: Window;
  groups: number;
  /** Of one sample. */
  image: readonly number[];
  weights: readonly number[];
  output: readonly number[];
  samples: number;
  batch: number;
  biased: boolean;
  density: number;
}

function draw(r: Random): Case {
  const rank = pick(r, [1, 2, 2, 2]);
  const spatial = Array.from({ length: rank }, () => pick(r, [1, 2, 3, 4, 7, 8, 11]));
  const each = <T>(from: readonly T[]) => spatial.map(() => pick(r, from));
  const kernel = each([1, 2, 3, 3, 5]);
  const [strides, dilations] = [each([1, 1, 2, 3]), each([1, 1, 2])];
  const [padsBefore, padsAfter] = [kernel.map((k) => integer(r, k)), kernel.map((k) => integer(r, k))];
  const sizes = spatial.map(
    (n, i) =>
      Math.floor((n + padsBefore[i] + padsAfter[i] - dilations[i] * (kernel[i] - 1) - 1) / strides[i]) + 1,
  );
  if (sizes.some((n) => n < 1)) return draw(r);
  const groups = pick(r, [1, 1, 1, 2, 5]);
  const [channels, outputs] = [groups * pick(r, [1, 2, 3, 17]), groups * pick(r, [1, 2, 5, 8, 19])];
  const samples = pick(r, [1, 15, 16, 17, 40, 130]);
  return {
    window: { kernel, strides, dilations, padsBefore, padsAfter },
    groups,
    image: [1, channels, ...spatial],
    weights: [outputs, channels / groups, ...kernel],
    output: [1, outputs, ...sizes],
    samples,
    batch: samples + pick(r, [0, 0, 20]),
    biased: integer(r, 2) === 0,
    density: pick(r, [0, 0.02, 0.1, 0.5, 1]),
  };
}

interface Numbers {
  x: Float32Array;
  dy: Float32Array;
  w: Float32Array;
  mask: Float32Array;
  bias: Float32Array;
}

function numbers(c: Case, r: Random): Numbers {
  const some = (n: number) => Float32Array.from({ length: n }, () => (integer(r, 9) === 0 ? 0 : normal(r)));
  const emptied = integer(r, c.weights[0]);
  const row = sizeOf(c.weights.slice(1));
  const mask = Float32Array.from({ length: sizeOf(c.weights) }, (_, i) =>
    uniform(r) < c.density && (c.density === 1 || Math.floor(i / row) !== emptied) ? 1 : 0,
  );
  return {
    x: some(c.samples * sizeOf(c.image)),
    dy: some(c.samples * sizeOf(c.output)),
    w: some(mask.length).map((w, i) => w * mask[i]),
    mask,
    bias: some(c.weights[0]).map((b, i) => (i % 3 === 0 ? -0 : b)),
  };
}

/** y, dx and dw, those of pruned weights too only if asked for `every` one. `flipped`: w lies transposed in memory. */
async function compute(machine: Machine, c: Case, given: Numbers, every: boolean, flipped: boolean) {
  const t = newTape(true);
  const type = (shape: readonly number[], laned: boolean) => ({ dtype: 'float32' as const, shape, laned });
  const order = [1, 0, ...c.window.kernel.map((_, i) => i + 2)];
  const stored = flipped ? order.map((i) => c.weights[i]) : c.weights;
  t.declare('x', type(c.image, true));
  t.declare('dy', type(c.output, true));
  t.declare('w', type(stored, false));
  t.declare('bias', type([c.weights[0]], false));
  const w = flipped ? t.emit('transpose', ['w'], { order })[0] : 'w';
  const { window, groups } = c;
  const [y] = t.emit('conv', c.biased ? ['x', w, 'bias'] : ['x', w], { window, groups });
  const [dx] = t.emit('convInput', ['dy', w], { window, groups, spatial: c.image.slice(2) });
  const [dw] = t.emit('convWeight', ['x', 'dy'], { window, groups });
  const lines: number[] = [];
  const place = (shape: readonly number[], values?: Float32Array) => {
    const size = sizeOf(shape);
    const fixed = machine.allocate(size * 4);
    lines.push(fixed);
    if (values) machine.floats(fixed, size).set(values);
    machine.push(fixed, size);
    return wholePlace({ laned: false, size, fixed }, shape);
  };
  const gradient = place(c.weights, new Float32Array(given.w.length).fill(Number.NaN));
  const [outputs, channels] = c.weights;
  const taps = sizeOf(window.kernel);
  const kernel = flipped
    ? given.w.map((_, i) => {
        const [channel, output, tap] = [
          Math.floor(i / (outputs * taps)),
          Math.floor(i / taps) % outputs,
          i % taps,
        ];
        return given.w[(output * channels + channel) * taps + tap];
      })
    : given.w;
  const program = compile({
    machine,
    tape: t,
    batch: c.batch,
    inputs: ['x', 'dy'],
    outputs: [y, dx],
    places: new Map([
      ['w', place(stored, kernel)],
      ['bias', place([outputs], given.bias)],
    ]),
    destined: new Map([[dw, gradient]]),
    masks: new Map([[dw, place(c.weights, given.mask)]]),
    backwardFrom: 0,
  })!;
  program.write('x', given.x, c.samples);
  program.write('dy', given.dy, c.samples);
  await program.run(c.samples, { every });
  await program.pull([y, dx]);
  await machine.pull(gradient.buffer.fixed!, given.w.length);
  const results = {
    y: program.read(y, c.samples),
    dx: program.read(dx, c.samples),
    dw: machine.floats(gradient.buffer.fixed!, given.w.length).slice(),
  };
  const profile = program.profile();
  const leftOut = (profile.get('conv_sparse') ?? 0) > 0;
  assert.equal(leftOut, machine === sparse, 'the kernels meant');
  assert.equal((profile.get('conv_weight_sparse') ?? 0) > 0, leftOut && !every, 'the kernels meant');
  program.close();
  for (const line of lines) machine.free(line);
  return results;
}

const bits = (values: Float32Array): Int32Array => new Int32Array(values.buffer, 0, values.length);

test('convolutions of any shape give the same bits with and without the weights that are 0', async () =>
  fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: 1e9 }), async (seed) => {
      const r = random(seed);
      const c = draw(r);
      const given = numbers(c, r);
      const flipped = integer(r, 4) === 0;
      const one = await compute(dense, c, given, false, flipped);
      const other = await compute(sparse, c, given, false, flipped);
      const whole = await compute(sparse, c, given, true, flipped);
      for (const name of ['y', 'dx', 'dw'] as const)
        assert.deepEqual(bits(other[name]), bits(one[name]), `${name} of ${JSON.stringify(c)}`);
      given.mask.forEach((kept, i) => {
        if (kept === 0) assert.equal(one.dw[i], 0);
        else assert.equal(one.dw[i], whole.dw[i]);
      });
    }),
    { numRuns: 150, seed: 1 },
  ));

/** Conv → ReLU → Conv with stride → ReLU → mean → Gemm. */
function network(): Graph {
  const r = random(3);
  const initializers = new Map(
    Object.entries({ a: [20, 3, 3, 3], b: [24, 20, 3, 3], c: [5, 24], bias: [5] }).map(([name, shape]) => [
      name,
      floatTensor(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, () => 0.2 * normal(r)),
      ),
    ]),
  );
  const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes },
  });
  const window = (stride: number) => ({ pads: intList([1, 1, 1, 1]), strides: intList([stride, stride]) });
  return {
    name: 'small',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3, 9, 9] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 5] }],
    nodes: [
      node('Conv', ['x', 'a'], 'p', window(1)),
      node('Relu', ['p'], 'q'),
      node('Conv', ['q', 'b'], 'r', window(2)),
      node('Relu', ['r'], 's'),
      node('GlobalAveragePool', ['s'], 't'),
      node('Flatten', ['t'], 'u'),
      node('Gemm', ['u', 'c', 'bias'], 'y', { transB: { type: 'int', value: 1 } }),
    ],
    initializers,
    declared: new Map(),
    source: newSource(15),
  };
}

/** The weights after some steps, between which masks shrink and grow. */
async function train(machine: Machine, dense: (step: number) => boolean) {
  const net = loadNetwork(network(), { machine });
  const training = net.training({ batch: 40, optimizer: 'sgd' });
  const r = random(4);
  const images = Float32Array.from({ length: 40 * 243 }, () => normal(r));
  const labels = Int32Array.from({ length: 40 }, () => integer(r, 5));
  for (let step = 0; step < 30; step++) {
    await training.gradients(images, labels, 40, step, { dense: dense(step) });
    if (step % 5 === 4) {
      await Promise.all([net.pull(), training.pull(['state'])]);
      for (const [name, { mask, state }] of training.slots) {
        const { prunable, weight } = net.parameters.get(name)!;
        for (let i = 0; i < mask.length && prunable; i++) {
          mask[i] = uniform(r) < (step < 15 ? 0.3 : 0.1) ? 1 : 0;
          if (mask[i] === 0) weight[i] = state[0][i] = 0;
        }
      }
      net.push();
      training.push(['state', 'mask']);
    }
    await training.update({ learningRate: 0.1, momentum: 0.9, weightDecay: 1e-4 });
  }
  await net.pull();
  const weights = [...net.parameters.values()].map(({ weight }) => bits(weight.slice()));
  net.close();
  return weights;
}

test('a run ends with the same bits, whatever the clock chose and on any number of threads', async () => {
  const auto = await openMachine({ threads: 3, sparse: 'auto' });
  const grows = (step: number) => step % 5 === 4;
  const one = await train(dense, grows);
  assert.deepEqual(await train(sparse, grows), one);
  assert.deepEqual(await train(auto, grows), one);
  assert.deepEqual(await train(sparse, () => true), one, 'what nobody reads changes nothing');
  await auto.close();
});

test('channels without a place of their own: one that comes last, and one that is broadcast', async () => {
  const r = random(11);
  const weights = (shape: number[]) =>
    floatTensor(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, () => normal(r)),
    );
  const node = (op: string, inputs: string[], output: string, attributes: Node['attributes'] = {}): Node => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes },
  });
  const shapeOf = (...dims: number[]) => ({
    ...{ dtype: 'int64' as const, shape: [dims.length] },
    data: BigInt64Array.from(dims, BigInt),
  });
  for (const [image, to, first] of [
    [[6, 6, 1], [0, 1, 6, 6], node('Reshape', ['x', 'shape'], 'image')],
    [[1, 6, 6], [1, 3, 6, 6], node('Expand', ['x', 'shape'], 'image')],
  ] as const) {
    const channels = to[1];
    const graph: Graph = {
      name: 'apart',
      inputs: [{ name: 'x', dtype: 'float32', shape: ['N', ...image] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 4] }],
      nodes: [
        first,
        node('Conv', ['image', 'w'], 'c', { kernel_shape: intList([3, 3]) }),
        node('GlobalAveragePool', ['c'], 'p'),
        node('Flatten', ['p'], 'y'),
      ],
      initializers: new Map<string, ReturnType<typeof weights> | ReturnType<typeof shapeOf>>([
        ['shape', shapeOf(...to)],
        ['w', weights([4, channels, 3, 3])],
      ]),
      declared: new Map(),
      source: newSource(13),
    };
    const data = Float32Array.from({ length: 40 * 36 }, () => normal(r));
    const labels = Int32Array.from({ length: 40 }, (_, i) => i % 4);
    const gradients = [];
    for (const machine of [dense, sparse]) {
      const network = loadNetwork(graph, { machine });
      const training = network.training({ batch: 40, optimizer: 'sgd' });
      const { mask, gradient } = training.slots.get('w')!;
      for (let i = 0; i < mask.length; i += 3) mask[i] = 0;
      training.push(['mask']);
      await training.gradients(data, labels, 40, 0, { dense: false });
      await training.pull(['gradient']);
      gradients.push(gradient.slice());
      network.close();
    }
    assert.deepEqual(gradients[1], gradients[0]);
    assert.ok(gradients[0].some((x) => x !== 0));
  }
});
