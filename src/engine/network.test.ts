/** A network in a machine: threads, half-filled batches, split batches, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normal, random, UserError } from '../base/index.js';
import {
  type Attribute,
  float,
  floatTensor,
  type Graph,
  intList,
  type Node,
  newSource,
  sizeOf,
  type Tensor,
} from '../onnx/index.js';
import { loadNetwork, type Machine, type Network, openMachine, type TrainingOptions } from './index.js';
import { near } from './tape.test.fixture.js';

const IMAGE = [3, 9, 7];
const CLASSES = 4;

/** Conv → (BatchNorm) → ReLU → depthwise Conv, added → MaxPool → Conv with stride → mean → Gemm. */
function smallGraph({ norm = true } = {}): Graph {
  const r = random(5);
  const initializers = new Map<string, Tensor>();
  const weight = (name: string, ...shape: number[]) => {
    const scale = Math.sqrt(2 / Math.max(1, sizeOf(shape.slice(1))));
    const data = Float32Array.from({ length: sizeOf(shape) }, () => scale * normal(r));
    initializers.set(name, floatTensor(shape, data));
    return name;
  };
  const nodes: Node[] = [];
  const node = (op: string, inputs: string[], attributes: Record<string, Attribute> = {}) => {
    const name = `${op}${nodes.length}`;
    nodes.push({ name, op, domain: '', inputs, outputs: [`${name}:y`], attributes });
    return `${name}:y`;
  };
  const window = (kernel: number, pad: number, stride = 1) => ({
    kernel_shape: intList([kernel, kernel]),
    pads: intList([pad, pad, pad, pad]),
    strides: intList([stride, stride]),
  });
  let x = node('Conv', ['image', weight('conv1', 8, 3, 3, 3), weight('bias1', 8)], window(3, 1));
  if (norm) {
    initializers.set('mean', floatTensor([8], new Float32Array(8)));
    initializers.set('variance', floatTensor([8], new Float32Array(8).fill(1)));
    const inputs = [x, weight('scale', 8), weight('shift', 8), 'mean', 'variance'];
    x = node('BatchNormalization', inputs, { momentum: float(0.8) });
  }
  x = node('Relu', [x]);
  const grouped = { ...window(3, 1), group: { type: 'int', value: 8 } as const };
  x = node('Add', [x, node('Conv', [x, weight('conv2', 8, 1, 3, 3)], grouped)]);
  x = node('MaxPool', [x], window(3, 1, 2));
  x = node('Relu', [node('Conv', [x, weight('conv3', 5, 8, 3, 3), weight('bias3', 5)], window(3, 1, 2))]);
  x = node('Flatten', [node('GlobalAveragePool', [x])]);
  x = node('Gemm', [x, weight('linear', 5, CLASSES), weight('bias4', CLASSES)]);
  return {
    name: 'small',
    inputs: [{ name: 'image', dtype: 'float32', shape: ['N', ...IMAGE] }],
    outputs: [{ name: x, dtype: 'float32', shape: ['N', CLASSES] }],
    nodes,
    initializers,
    declared: new Map(),
    source: newSource(15),
  };
}

const r = random(6);
const MOST = 70;
const images = Float32Array.from({ length: MOST * sizeOf(IMAGE) }, () => normal(r));
const labels = Int32Array.from({ length: MOST }, (_, n) => (n * 7) % CLASSES);
const first = (count: number) => images.subarray(0, count * sizeOf(IMAGE));

async function withNetwork<Result>(
  graph: Graph,
  body: (network: Network, machine: Machine) => Promise<Result>,
  threads = 2,
): Promise<Result> {
  const machine = await openMachine({ threads });
  try {
    return await body(loadNetwork(graph, { machine }), machine);
  } finally {
    await machine.close();
  }
}

interface Passed {
  loss: number;
  correct?: number;
  gradients: Map<string, Float32Array>;
  state: Map<string, Float32Array>;
}

/** One forward and backward pass of `count` samples. */
const pass = (graph: Graph, count: number, options: Partial<TrainingOptions> & { batch: number }) =>
  withNetwork(graph, async (network): Promise<Passed & { microBatch: number; peakBytes: number }> => {
    const training = network.training({ optimizer: 'sgd', ...options });
    const result = await training.gradients(first(count), labels.subarray(0, count), count, 0);
    await Promise.all([network.pull(), training.pull(['gradient'])]);
    return {
      ...result,
      gradients: new Map([...training.slots].map(([name, slot]) => [name, slot.gradient.slice()])),
      state: new Map([...network.state].map(([name, values]) => [name, values.slice()])),
      microBatch: training.microBatch,
      peakBytes: training.peakBytes,
    };
  });

function alike(a: Passed, b: Passed, tolerance: number): void {
  near([a.loss], [b.loss], 'loss', tolerance, 0);
  assert.equal(a.correct, b.correct);
  for (const [name, gradient] of b.gradients)
    near(a.gradients.get(name)!, gradient, `gradient of ${name}`, tolerance, 1e-7);
  for (const [name, values] of b.state) near(a.state.get(name)!, values, name, tolerance, 0);
}

test('lanes without a sample are not seen: a batch that is not full computes as one that is', async () => {
  for (const count of [1, 3, 16, 17, 33]) {
    const exact = await pass(smallGraph(), count, { batch: count });
    assert.ok(exact.loss > 0 && [...exact.gradients.values()].every((g) => g.some((x) => x !== 0)));
    alike(await pass(smallGraph(), count, { batch: 64 }), exact, 2e-6);
  }
});

test('what an earlier, fuller batch left behind is not seen either', () =>
  withNetwork(smallGraph({ norm: false }), async (network) => {
    const exact = await pass(smallGraph({ norm: false }), 5, { batch: 5 });
    const training = network.training({ batch: 48, optimizer: 'sgd' });
    await training.gradients(first(48), labels.subarray(0, 48), 48, 0);
    const { loss } = await training.gradients(first(5), labels.subarray(0, 5), 5, 1);
    near([loss], [exact.loss], 'loss');
    await training.pull(['gradient']);
    for (const [name, gradient] of exact.gradients)
      near(training.slots.get(name)!.gradient, gradient, name, 1e-5, 1e-7);
  }));

for (const optimizer of ['sgd', 'adam', 'adamw'] as const)
  test(`threads change nothing, to the bit: ${optimizer}`, async () => {
    const run = (threads: number) =>
      withNetwork(
        smallGraph(),
        async (network) => {
          const training = network.training({ batch: 40, optimizer, labelSmoothing: 0.1 });
          const losses: number[] = [];
          for (let step = 1; step <= 4; step++) {
            const count = step === 3 ? 21 : 40;
            const { loss } = await training.gradients(first(count), labels.subarray(0, count), count, step);
            losses.push(loss);
            await training.update({ learningRate: 0.01, weightDecay: 1e-3, momentum: 0.9, step });
          }
          await Promise.all([network.pull(), training.pull(['gradient'])]);
          const values = [...network.parameters].map(([name, { weight }]) => [name, weight.slice()]);
          const gradients = [...training.slots].map(([name, { gradient }]) => [name, gradient.slice()]);
          const inference = network.inference({ batch: 33 });
          const y = await inference.run({ image: first(33) }, 33);
          return { losses, values, gradients, y, state: [...network.state].map(([, s]) => s.slice()) };
        },
        threads,
      );
    const one = await run(1);
    assert.ok(one.losses.every(Number.isFinite) && one.losses[3] !== one.losses[0]);
    for (const threads of [2, 3]) assert.deepEqual(await run(threads), one);
  });

test('a batch that does not fit in memory is split, and its gradients are those of the whole', async () => {
  const graph = smallGraph({ norm: false });
  const whole = await pass(graph, 64, { batch: 64 });
  assert.equal(whole.microBatch, 64);
  for (const parts of [2, 4]) {
    const split = await pass(graph, 64, { batch: 64, memory: (whole.peakBytes / parts) * 1.2 });
    assert.equal(split.microBatch, 64 / parts);
    assert.ok(split.peakBytes < whole.peakBytes);
    alike(split, whole, 1e-5);
  }
  const alone = await pass(graph, 33, { batch: 64, memory: (whole.peakBytes / 2) * 1.2 });
  assert.equal(alone.microBatch, 32);
  alike(alone, await pass(graph, 33, { batch: 64 }), 1e-5);
  const uneven = await pass(graph, 41, { batch: 64, memory: whole.peakBytes / 2 });
  alike(uneven, await pass(graph, 41, { batch: 64 }), 1e-5);
});

test('what fits in no memory at all is refused', async () => {
  await assert.rejects(pass(smallGraph(), 64, { batch: 64, memory: 1000 }), (error) => {
    assert.ok(error instanceof UserError);
    assert.match(error.message, /even for 16 samples/);
    return true;
  });
});

test('an update of masked weights leaves them exactly 0, their state too', () =>
  withNetwork(smallGraph(), async (network) => {
    for (const optimizer of ['sgd', 'adam', 'adamw'] as const) {
      const training = network.training({ batch: 16, optimizer });
      const { mask, state } = training.slots.get('conv3')!;
      for (let i = 0; i < mask.length; i += 2) mask[i] = 0;
      training.push(['mask']);
      for (let step = 1; step < 3; step++) {
        await training.gradients(first(16), labels.subarray(0, 16), 16, step);
        await training.update({ learningRate: 0.1, weightDecay: 1e-2, momentum: 0.9, step });
      }
      const { weight } = network.parameters.get('conv3')!;
      await Promise.all([network.pull(['conv3']), training.pull(['state'], ['conv3'])]);
      for (const values of [weight, ...state]) {
        assert.ok(values.every((x, i) => i % 2 === 1 || x === 0));
        assert.ok(values.some((x) => x !== 0));
      }
      training.close();
    }
  }));

test('two parameters that are added to one another both get the gradient of their sum', () => {
  const graph = smallGraph({ norm: false });
  const delta = floatTensor([CLASSES], new Float32Array(CLASSES));
  graph.initializers.set('delta', delta);
  const gemm = graph.nodes.at(-1)!;
  const add: Node = {
    ...gemm,
    name: 'sum',
    op: 'Add',
    inputs: ['bias4', 'delta'],
    outputs: ['bias'],
    attributes: {},
  };
  gemm.inputs[2] = 'bias';
  graph.nodes.splice(-1, 0, add);
  return pass(graph, 20, { batch: 20 }).then(({ gradients }) => {
    assert.ok(gradients.get('bias4')!.some((x) => x !== 0));
    assert.deepEqual(gradients.get('delta'), gradients.get('bias4'));
  });
});

test('a model that gives its input out again', () =>
  withNetwork(smallGraph(), async (network, machine) => {
    const graph = { ...network.graph, nodes: [], initializers: new Map(), outputs: network.graph.inputs };
    const same = loadNetwork(graph, { machine }).inference({ batch: 20 });
    assert.deepEqual((await same.run({ image: first(18) }, 18)).image, first(18).slice());
  }));

test('inputs that are missing, too long or too many are refused in a sentence', () =>
  withNetwork(smallGraph(), async (network) => {
    const inference = network.inference({ batch: 2 });
    await assert.rejects(inference.run({}, 1), /The input 'image' is missing/);
    await assert.rejects(inference.run({ image: first(2) }, 1), /has 378 numbers, but 1 samples of 189/);
    await assert.rejects(
      inference.run({ image: first(3) }, 3),
      /3 samples were given to a program for at most 2/,
    );
    assert.throws(() => network.inference({ batch: 2, outputs: ['nothing'] }), /no value 'nothing'/);
  }));

test('a snapshot holds the weights as they are, in copies', () =>
  withNetwork(smallGraph(), async (network) => {
    const { weight } = network.parameters.get('conv1')!;
    weight[0] = 42;
    const tensor = network.snapshot().initializers.get('conv1')!;
    weight[0] = 43;
    assert.equal(tensor.data[0], 42);
    assert.deepEqual(tensor.shape, [8, 3, 3, 3]);
    assert.notEqual(network.graph.initializers.get('conv1')!.data[0], 42);
  }));

test('memory of closed programs and networks is given back', async () => {
  const machine = await openMachine({ threads: 1 });
  /** Where a block begins that fits only behind all that is taken. */
  const line = () => {
    const at = machine.allocate(1e8);
    machine.free(at);
    return at;
  };
  const before = line();
  const network = loadNetwork(smallGraph(), { machine });
  network.training({ batch: 40, optimizer: 'adam', memory: 200_000 });
  network.inference({ batch: 4 });
  assert.throws(() => network.training({ batch: 40, optimizer: 'adam', memory: 1000 }), UserError);
  network.close();
  assert.equal(line(), before);
  await machine.close();
});

test('closed programs and networks refuse to work, and take nothing from others', async () => {
  const machine = await openMachine({ threads: 2 });
  const network = loadNetwork(smallGraph(), { machine });
  const [inference, other] = [network.inference({ batch: 4 }), network.inference({ batch: 4 })];
  const expected = await other.run(first(4), 4);
  inference.close();
  const training = network.training({ batch: 4, optimizer: 'sgd' });
  inference.close();
  assert.throws(() => inference.run(first(4), 4), /This inference is closed/);
  assert.deepEqual(await other.run(first(4), 4), expected);
  const underWay = other.run(first(4), 4);
  network.close();
  network.close();
  const next = loadNetwork(smallGraph({ norm: false }), { machine });
  assert.deepEqual(await underWay, expected);
  for (const use of [
    () => training.gradients(first(4), labels, 4, 0),
    () => network.inference({ batch: 1 }),
    () => network.snapshot(),
  ])
    assert.throws(use, (error) => error instanceof UserError && /is closed/.test(error.message));
  await machine.close();
  next.close();
});

test('samples that meet are refused side by side, and right as one whole', async () => {
  const graph: Graph = {
    name: 'similarity',
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 2] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 'N'] }],
    nodes: [
      { name: 't', op: 'Transpose', domain: '', inputs: ['x'], outputs: ['t'], attributes: {} },
      { name: 'm', op: 'MatMul', domain: '', inputs: ['x', 't'], outputs: ['y'], attributes: {} },
    ],
    initializers: new Map(),
    declared: new Map(),
    source: newSource(17),
  };
  const machine = await openMachine({ threads: 1 });
  try {
    const network = loadNetwork(graph, { machine });
    assert.throws(
      () => network.inference({ batch: 3 }),
      /computes the samples of a run together.* inputShapes \{ x: \[3, 2\] \}/,
    );
    assert.throws(() => network.training({ batch: 3, optimizer: 'sgd' }), UserError);
    const whole = loadNetwork(graph, { machine, inputShapes: { x: [3, 2] } });
    const { y } = await whole.inference({ batch: 1 }).run(Float32Array.of(1, 0, 0, 1, 1, 1), 1);
    assert.deepEqual([...y], [1, 0, 1, 0, 1, 1, 1, 1, 2]);
  } finally {
    await machine.close();
  }
});

test('a file that fixes the number of samples takes any number of them in the engine', async () => {
  const given = smallGraph();
  const [input] = given.inputs;
  const [output] = given.outputs;
  const fixed = {
    ...given,
    inputs: [{ ...input, shape: [4, ...IMAGE] }],
    outputs: [{ ...output, shape: [4, CLASSES] }],
  };
  const machine = await openMachine({ threads: 1 });
  try {
    const data = Float32Array.from({ length: 5 * sizeOf(IMAGE) }, (_, i) => Math.sin(i));
    const answers = (graph: Graph) => loadNetwork(graph, { machine }).inference({ batch: 5 }).run(data, 5);
    assert.deepEqual(await answers(fixed), await answers(given));
    assert.deepEqual(loadNetwork(fixed, { machine }).inputs.get(input.name), IMAGE);
  } finally {
    await machine.close();
  }
});

test('ids that a table has no row for are refused, in any sample', async () => {
  const node = (op: string, inputs: string[], output: string): Node => ({
    ...{ name: output, op, domain: '', inputs, outputs: [output], attributes: {} },
  });
  const graph: Graph = {
    name: 'lookup',
    inputs: [{ name: 'ids', dtype: 'int64', shape: ['N', 3] }],
    outputs: [
      { name: 'y', dtype: 'float32', shape: ['N', 3, 2] },
      { name: 'plain', dtype: 'float32', shape: ['N', 3] },
    ],
    nodes: [node('Gather', ['table', 'ids'], 'y'), node('Cast', ['ids'], 'plain')],
    initializers: new Map([
      [
        'table',
        floatTensor(
          [5, 2],
          Array.from({ length: 10 }, (_, i) => i),
        ),
      ],
    ]),
    declared: new Map(),
    source: newSource(13),
  };
  graph.nodes[1].attributes = { to: { type: 'int', value: 1 } };
  await withNetwork(graph, async (network) => {
    const ids = (...wrong: number[]) => Float32Array.of(0, 1, 2, 3, 4, -1, ...wrong);
    const whole = network.inference({ batch: 20 });
    assert.deepEqual((await whole.run(ids(), 2)).y, Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 9));
    await assert.rejects(whole.run(ids(0, 5, 0), 3), /^UserError: The node 'y' looks up an index outside/);
    await assert.rejects(whole.run(ids(-6, 7, Number.NaN), 3), /'y' looks up 3 indices outside/);
    const plain = network.inference({ batch: 2, outputs: ['plain'] });
    assert.deepEqual(
      (
        await plain.run(
          ids().map((id) => 9 * id),
          2,
        )
      ).plain,
      ids().map((id) => 9 * id),
    );
  });
});
