/** Every objective with targets: fifty steps on the engine beside the same steps worked out in double precision. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { batches, numbers, type Split } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { builder } from '../nn/index.js';
import { averagePrecision, dense, multiLabel, type Objective, regression } from '../objectives/index.js';
import { floats, type Graph, intTensor } from '../onnx/index.js';
import { evaluate, trainNetwork } from './index.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const [INPUTS, OUTPUTS, COUNT, BATCH, STEPS] = [6, 12, 64, 16, 50];
const [CLASSES, POSITIONS] = [3, 4];

/** z = W x + b, as a map of classes by positions where that is asked for. */
function linear(map: boolean): Graph {
  const b = builder({ name: 'linear', seed: 3 });
  const graph = b.finish({ z: b.linear(b.input('x', [INPUTS]), { out: OUTPUTS, name: 'fc' }) });
  if (!map) return graph;
  return {
    ...graph,
    nodes: [
      ...graph.nodes,
      { name: 'map', op: 'Reshape', domain: '', inputs: ['z', 'shape'], outputs: ['map'], attributes: {} },
    ],
    initializers: new Map(graph.initializers).set('shape', intTensor([3], [-1, CLASSES, POSITIONS])),
    outputs: [{ name: 'map', dtype: 'float32', shape: ['N', CLASSES, POSITIONS] }],
  };
}

/** Loss of a sample and its slope by z, and how much the sample counts. */
type Formula = (z: Float64Array, y: Float32Array) => { loss: number; slope: Float64Array; weight: number };

const byElement =
  (loss: (off: number) => number, slope: (off: number) => number): Formula =>
  (z, y) => ({
    loss: z.reduce((sum, x, i) => sum + loss(x - y[i]), 0) / OUTPUTS,
    slope: z.map((x, i) => slope(x - y[i]) / OUTPUTS),
    weight: 1,
  });

const perPosition: Formula = (z, y) => {
  const slope = new Float64Array(OUTPUTS);
  let [loss, weight] = [0, 0];
  for (let p = 0; p < POSITIONS; p++) {
    if (y[p] === 255 || y[p] < 0) continue;
    weight++;
    const of = (c: number) => Math.exp(z[c * POSITIONS + p]);
    const sum = of(0) + of(1) + of(2);
    loss -= Math.log(of(y[p]) / sum);
    for (let c = 0; c < CLASSES; c++) slope[c * POSITIONS + p] = of(c) / sum - (c === y[p] ? 1 : 0);
  }
  return { loss: loss / Math.max(1, weight), slope: slope.map((x) => x / Math.max(1, weight)), weight };
};

const sign = Math.sign;
const cases: {
  name: string;
  objective: Objective;
  formula: Formula;
  draw: (r: () => number) => number;
  shape: number[];
}[] = [
  {
    name: 'squared',
    objective: regression([OUTPUTS]),
    formula: byElement(
      (d) => d * d,
      (d) => 2 * d,
    ),
    draw: (r) => 2 * r(),
    shape: [OUTPUTS],
  },
  {
    name: 'absolute',
    objective: regression([OUTPUTS], 'absolute'),
    formula: byElement(Math.abs, sign),
    draw: (r) => 2 * r(),
    shape: [OUTPUTS],
  },
  {
    ...{ name: 'huber', objective: regression([OUTPUTS], 'huber'), draw: (r) => 2 * r(), shape: [OUTPUTS] },
    formula: byElement(
      (d) => (Math.abs(d) > 1 ? Math.abs(d) - 0.5 : (d * d) / 2),
      (d) => (Math.abs(d) > 1 ? sign(d) : d),
    ),
  },
  {
    ...{
      name: 'multi-label',
      objective: multiLabel([OUTPUTS]),
      draw: (r) => (r() > 0 ? 1 : 0),
      shape: [OUTPUTS],
    },
    formula: (z, y) => ({
      loss: z.reduce((sum, x, i) => sum + Math.log1p(Math.exp(x)) - y[i] * x, 0) / OUTPUTS,
      slope: z.map((x, i) => (1 / (1 + Math.exp(-x)) - y[i]) / OUTPUTS),
      weight: 1,
    }),
  },
  {
    ...{ name: 'dense', objective: dense([POSITIONS]), formula: perPosition, shape: [POSITIONS] },
    draw: (r) => [0, 1, 2, 255, -1][Math.floor(Math.abs(100 * r())) % 5],
  },
];

function samples(draw: (r: () => number) => number, shape: number[]): Split {
  const r = random(9, 'targets');
  const of = () => normal(r);
  const size = shape.reduce((product, dim) => product * dim, 1);
  return {
    length: COUNT,
    labels: new Int32Array(COUNT).fill(-1),
    arrays: [numbers(Float32Array.from({ length: COUNT * INPUTS }, of), [INPUTS])],
    targets: [
      numbers(
        Float32Array.from({ length: COUNT * size }, () => draw(of)),
        shape,
        'y',
      ),
    ],
  };
}

const settings = {
  batch: BATCH,
  seed: 1,
  optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 } as const,
};
const RATE = 0.05;

for (const { name, objective, formula, draw, shape } of cases)
  test(`${name}: the losses of fifty steps, and the weights after them`, async () => {
    const train = samples(draw, shape);
    const plain = { mean: [0], std: [1] };
    const graph = linear(name === 'dense');
    const weights = Float64Array.from(floats(graph.initializers.get('fc.weight')!));
    const bias = Float64Array.from(floats(graph.initializers.get('fc.bias')!));
    const moments = [weights, bias].map(({ length }) => new Float64Array(length));
    const epochs = Math.ceil((STEPS * BATCH) / COUNT);
    const expected: number[] = [];
    for (let epoch = 0; epoch < epochs; epoch++) {
      let sum = 0;
      const how = { batch: BATCH, seed: 1, epoch, shuffle: true, normalize: plain };
      for await (const { inputs, targets, count } of batches(train, how)) {
        const slopes = [weights, bias].map(({ length }) => new Float64Array(length));
        const rows = Array.from({ length: count }, (_, n) => {
          const x = (inputs as Float32Array).subarray(n * INPUTS, (n + 1) * INPUTS);
          const z = bias.map((b, o) => x.reduce((all, value, i) => all + weights[o * INPUTS + i] * value, b));
          const size = targets!.y.length / count;
          return { x, ...formula(z, targets!.y.subarray(n * size, (n + 1) * size)) };
        });
        const whole = rows.reduce((all, { weight }) => all + weight, 0);
        for (const { x, loss, slope, weight } of rows) {
          sum += ((loss * weight) / whole) * count;
          slope.forEach((s, o) => {
            slopes[1][o] += (s * weight) / whole;
            for (let i = 0; i < INPUTS; i++) slopes[0][o * INPUTS + i] += (s * x[i] * weight) / whole;
          });
        }
        for (const [k, values] of [weights, bias].entries())
          for (let i = 0; i < values.length; i++) {
            moments[k][i] = 0.9 * moments[k][i] + slopes[k][i];
            values[i] -= RATE * moments[k][i];
          }
      }
      expected.push(sum / COUNT);
    }
    const network = loadNetwork(graph, { machine });
    const { epochs: is } = await trainNetwork({
      ...{ ...settings, network, objective, epochs, data: { ...plain, train, test: train } },
      schedule: { kind: 'constant', learningRate: RATE },
    });
    for (const [e, { loss }] of is.entries())
      assert.ok(Math.abs(loss - expected[e]) < 1e-3 * expected[e], `epoch ${e + 1}: ${loss} ${expected[e]}`);
    const trained = network.parameters.get('fc.weight')!.weight;
    for (const [i, w] of trained.entries()) assert.ok(Math.abs(w - weights[i]) < 1e-3, `${w} ${weights[i]}`);
    const measured = await evaluate(network, train, { normalize: plain, objective });
    assert.deepEqual(measured.metrics, is.at(-1)!.test!.metrics);
    assert.ok(is.at(-1)!.loss < is[0].loss);
    for (const value of Object.values(measured.metrics!)) assert.ok(Number.isFinite(value));
  });

test('metrics worked out by hand', async () => {
  const rows = [
    { score: 3, truth: true },
    { score: 2, truth: false },
    { score: 1, truth: true },
    { score: 0, truth: false },
  ];
  assert.ok(Math.abs(averagePrecision(rows) - (1 + 2 / 3) / 2) < 1e-12);
  assert.equal(averagePrecision(rows.map(({ truth }) => ({ score: 1, truth }))), 0.5);
  const shapes = new Map([['z', [3, 2]]]);
  const graph = { ...linear(false), outputs: [{ name: 'z', dtype: 'float32', shape: undefined }] } as Graph;
  const judge = dense([2]).judge(graph, shapes);
  // Positions: class 0 said 0, class 1 said 2; and one that does not count.
  const z = Float32Array.of(9, 0, 0, 0, 0, 9, 9, 9, 0, 0, 0, 0);
  const batch = {
    index: 0,
    inputs: z,
    labels: new Int32Array(2),
    count: 2,
    targets: { y: Float32Array.of(0, 1, 0, 255) },
  };
  judge.add({ z }, batch, {});
  const { metrics } = judge.figures();
  assert.equal(metrics!['accuracy of positions'], 2 / 3);
  assert.equal(metrics!['mean IoU'], (1 + 0 + 0) / 3);
  const numbersOf = regression([1]).judge({ ...graph }, new Map([['z', [1]]]));
  const y = Float32Array.of(1, 2, 3, 6);
  numbersOf.add({ z: Float32Array.of(1, 2, 3, 2) }, { ...batch, count: 4, targets: { y } }, {});
  assert.deepEqual(numbersOf.figures().metrics, { rmse: 2, mae: 1, r2: 1 - 16 / 14 });
});

test('targets that do not fit are refused in a sentence', async () => {
  const network = loadNetwork(linear(false), { machine });
  const train = samples((r) => r(), [5]);
  const run = (objective: Objective) =>
    trainNetwork({
      ...{ ...settings, network, objective, epochs: 1, data: { mean: [0], std: [1], train } },
      schedule: { kind: 'constant', learningRate: RATE },
    });
  const is = (message: RegExp) => ({ name: 'UserError', message });
  await assert.rejects(
    run(regression([5])),
    is(/The model outputs 12 numbers but y has 5 for a sample \(\[5\]\)/),
  );
  await assert.rejects(
    run(multiLabel([5])),
    is(/outputs 12 numbers but y has 5 for a sample; give a 0 or 1 for each/),
  );
  await assert.rejects(
    run(dense([5])),
    is(/The output is \[12\] for a sample but y is \[5\]; y needs the shape/),
  );
});
