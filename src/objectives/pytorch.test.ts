/** Fifty steps of every objective, beside PyTorch's from the same weights and batches (scripts/fixtures/objectives.py). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { batches, numbers, type Split } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { type Builder, builder, type Signal } from '../nn/index.js';
import { type Attribute, floatTensor, type Graph, int, intList, intTensor, sizeOf } from '../onnx/index.js';
import {
  classification,
  dense,
  distillation,
  inGraph,
  measureScales,
  multiLabel,
  type Objective,
  regression,
  severalOutputs,
} from './index.js';

interface Values {
  shape: number[];
  data: number[];
}

interface Fixture {
  name: string;
  network: keyof typeof networks;
  objective: {
    learn: string;
    labelSmoothing?: number;
    classWeights?: number[];
    end?: 'numbers' | 'classes' | 'truths';
  };
  optimiser: { kind: 'sgd' | 'adam'; rate: number };
  inputs: Values;
  targets: Record<string, Values>;
  teacher: Record<string, Values> | null;
  initial: Record<string, Values>;
  losses: number[];
  final: Record<string, Values>;
}

const folder = new URL('../../src/engine/fixtures/objectives/', import.meta.url);
const fixtures = readdirSync(folder).map(
  (file): Fixture => JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
);

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

/** Adds a node of any operator to a graph that a builder has written. */
const append = (
  graph: Graph,
  op: string,
  inputs: string[],
  outputs: string[],
  attributes: Record<string, Attribute> = {},
) => graph.nodes.push({ name: outputs.find(Boolean)!, op, domain: '', inputs, outputs, attributes });

function hidden(b: Builder): Signal {
  return b.relu(b.linear(b.input('x', [6]), { out: 8, name: '0' }));
}

const networks = {
  vector(b: Builder): Graph {
    return b.finish({ z: b.linear(hidden(b), { out: 4, name: '2' }) });
  },
  map(b: Builder): Graph {
    const how = { kernel: 3, pad: 1, bias: true };
    const x = b.relu(b.conv(b.input('x', [1, 6, 6]), { out: 4, ...how, name: '0' }));
    return b.finish({ z: b.conv(x, { out: 3, ...how, name: '2' }) });
  },
  two(b: Builder): Graph {
    const x = b.relu(b.linear(b.input('x', [6]), { out: 8, name: 'body' }));
    const [place, kinds] = [
      ['place', 3],
      ['kinds', 4],
    ].map(([name, out]) => b.linear(x, { out: out as number, name: name as string }));
    return b.finish({ place, kinds });
  },
  graded(b: Builder): Graph {
    b.input('should', [4]);
    const graph = networks.vector(b);
    graph.inputs.reverse();
    const constants = { one: 1, half: 0.5 };
    for (const [name, value] of Object.entries(constants))
      graph.initializers.set(name, floatTensor([], [value]));
    append(graph, 'Sub', ['z', 'should'], ['off']);
    append(graph, 'Abs', ['off'], ['far']);
    append(graph, 'Mul', ['off', 'off'], ['square']);
    append(graph, 'Mul', ['square', 'half'], ['parabola']);
    append(graph, 'Sub', ['far', 'half'], ['line']);
    append(graph, 'Greater', ['far', 'one'], ['isFar']);
    append(graph, 'Where', ['isFar', 'line', 'parabola'], ['hubers']);
    append(graph, 'ReduceMean', ['hubers'], ['loss'], { axes: intList([1]), keepdims: int(0) });
    return { ...graph, outputs: [{ name: 'loss', dtype: 'float32', shape: ['N'] }] };
  },
  sequence(b: Builder): Graph {
    b.input('x', [5, 4]);
    const graph = b.finish({});
    const zeros = (...shape: number[]) => floatTensor(shape, new Float32Array(sizeOf(shape)));
    const weights = {
      ...{ 'lstm.W': zeros(1, 24, 4), 'lstm.R': zeros(1, 24, 6), 'lstm.B': zeros(1, 48) },
      ...{ 'fc.weight': zeros(4, 6), 'fc.bias': zeros(4), axes: intTensor([1], [0]) },
    };
    for (const [name, tensor] of Object.entries(weights)) graph.initializers.set(name, tensor);
    append(graph, 'Transpose', ['x'], ['steps'], { perm: intList([1, 0, 2]) });
    append(graph, 'LSTM', ['steps', 'lstm.W', 'lstm.R', 'lstm.B'], ['', 'last'], { hidden_size: int(6) });
    append(graph, 'Squeeze', ['last', 'axes'], ['state']);
    append(graph, 'Gemm', ['state', 'fc.weight', 'fc.bias'], ['z'], { transB: int(1) });
    return { ...graph, outputs: [{ name: 'z', dtype: 'float32', shape: ['N', 4] }] };
  },
};

const ENDS = { numbers: undefined, classes: 'Softmax', truths: 'Sigmoid' };

function graphOf({ name, network, objective }: Fixture, weights: Record<string, Values>): Graph {
  const graph = networks[network](builder({ name, seed: 1 }));
  for (const [weight, { shape, data }] of Object.entries(weights))
    graph.initializers.set(weight, floatTensor(shape, data));
  const end = ENDS[objective.end ?? 'numbers'];
  if (!end) return graph;
  append(graph, end, ['z'], ['end']);
  return { ...graph, outputs: [{ name: 'end', dtype: 'float32', shape: undefined }] };
}

function splitOf({ network, objective, inputs, targets }: Fixture): Split {
  const [length, ...shape] = inputs.shape;
  const array = ({ shape: own, data }: Values, name?: string) =>
    numbers(Float32Array.from(data), own.slice(1), name);
  const labels = objective.learn === 'classification' ? targets.y.data : new Array(length).fill(-1);
  const arrays = [numbers(Float32Array.from(inputs.data), shape, network === 'graded' ? 'x' : undefined)];
  if (network === 'graded') arrays.push(array(targets.should, 'should'));
  return {
    ...{ length, labels: Int32Array.from(labels), arrays },
    targets: Object.entries(targets).map(([name, values]) => array(values, name)),
  };
}

async function objectiveOf(fixture: Fixture, split: Split): Promise<Objective> {
  const { learn, labelSmoothing, classWeights } = fixture.objective;
  switch (learn) {
    case 'classification':
      return classification({ labelSmoothing, classWeights });
    case 'squared':
    case 'absolute':
    case 'huber':
      return regression([4], learn);
    case 'multi-label':
      return multiLabel([4]);
    case 'dense':
      return dense([6, 6]);
    case 'loss':
      return inGraph();
    case 'distillation': {
      const teacher = graphOf(fixture, fixture.teacher!);
      return distillation(teacher, await measureScales(teacher, split, { machine, normalize: plain }));
    }
    default:
      return severalOutputs([
        { output: 'place', objective: regression([3], 'huber'), weight: 0.5 },
        { output: 'kinds', objective: multiLabel([4]), weight: 2 },
      ]);
  }
}

const plain = { mean: [0], std: [1] };
const MOMENTS = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
const BATCH = 8;
const EPOCHS = 10;

for (const fixture of fixtures)
  test(`${fixture.name}: losses of fifty steps, and the weights after them`, async () => {
    const split = splitOf(fixture);
    const objective = await objectiveOf(fixture, split);
    const graph = graphOf(fixture, fixture.initial);
    const network = loadNetwork(objective.form?.(graph) ?? graph, { machine });
    const { kind, rate: learningRate } = fixture.optimiser;
    const training = network.training({
      ...{ batch: BATCH, optimizer: kind, ...objective.loss(network.graph, 'training') },
    });
    const own = kind === 'sgd' ? { momentum: 0.9 } : MOMENTS;
    let step = 0;
    for (let epoch = 0; epoch < EPOCHS; epoch++)
      for await (const batch of batches(split, { batch: BATCH, normalize: plain })) {
        const answers = objective.targets(batch);
        const { loss } = await training.gradients(batch.inputs, answers, batch.count, step + 1);
        const should = fixture.losses[step++];
        assert.ok(Math.abs(loss - should) <= 1e-3 * Math.max(1, should), `step ${step}: ${loss} ${should}`);
        await training.update({ ...own, learningRate, weightDecay: 0, step }, kind);
      }
    assert.equal(step, fixture.losses.length);
    for (const [name, { data }] of Object.entries(fixture.final)) {
      const { weight } = network.parameters.get(name)!;
      for (const [i, w] of weight.entries())
        assert.ok(Math.abs(w - data[i]) < 1e-3, `${name}[${i}]: ${w} ${data[i]}`);
    }
    network.close();
  });
