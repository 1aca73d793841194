/** Distillation of a network with outputs of every kind, on the engine. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { normal, random } from '../base/index.js';
import { type Image, memorySplit, type Split } from '../data/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { builder } from '../nn/index.js';
import {
  distillation,
  graphToTrain,
  headsOf,
  innerValues,
  keepAnswers,
  measureScales,
  onRunningStatistics,
  valuesToMatch,
} from '../objectives/index.js';
import { floats, floatTensor, type Graph, int, sizeOf } from '../onnx/index.js';
import { evaluate, trainNetwork, weightsOf } from './index.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const ENDS = [
  ['map', 'Sigmoid'],
  ['classes', 'Softmax'],
  ['vector', 'Identity'],
  ['best', 'ArgMax'],
] as const;

/** A map of yes and no, probabilities of 5 classes, 3 numbers, and the number of the best class. */
function several(seed: number): Graph {
  const b = builder({ name: 'several', seed });
  const x = b.relu(b.conv(b.input('x', [1, 6, 6]), { out: 8, kernel: 3, pad: 1, name: 'body' }));
  const map = b.conv(x, { out: 2, kernel: 1, name: 'maps' });
  const flat = b.flatten(b.globalAveragePool(x));
  const classes = b.linear(flat, { out: 5, name: 'logits' });
  const vector = b.linear(flat, { out: 3, name: 'numbers' });
  const graph = b.finish({});
  const from = { map: map.name, classes: classes.name, vector: vector.name, best: classes.name };
  const nodes = ENDS.map(([name, op]) => ({
    ...{ name, op, domain: '', inputs: [from[name]], outputs: [name] },
    attributes: op === 'ArgMax' ? { axis: int(1), keepdims: int(0) } : {},
  }));
  return {
    ...graph,
    nodes: [...graph.nodes, ...nodes],
    outputs: ENDS.map(([name, op]) => ({
      name,
      dtype: op === 'ArgMax' ? 'int64' : 'float32',
      shape: undefined,
    })),
  } as Graph;
}

const draw = random(5, 'pixels');
const pixels = (count: number) => Float32Array.from({ length: count * 36 }, () => normal(draw));
const split = (count: number) => memorySplit(pixels(count), new Int32Array(count).fill(-1), [1, 6, 6]);
const data = { train: split(96), test: split(40), mean: [0], std: [1], scale: 1 };

async function learn() {
  const teacher = several(1);
  const scales = await measureScales(teacher, data.train, { machine, normalize: data });
  return { teacher, scales, objective: distillation(teacher, scales) };
}

test('what the outputs are is seen from the graph', () => {
  assert.deepEqual(
    headsOf(several(1)).map(({ output, kind }) => [output, kind]),
    [
      ['map', 'truths'],
      ['classes', 'classes'],
      ['vector', 'numbers'],
      ['best', 'whole'],
    ],
  );
});

test('a network learns what its teacher answers, and is as good as it when it is the same', async () => {
  const { teacher, objective } = await learn();
  const same = loadNetwork(teacher, { machine });
  const perfect = await evaluate(same, data.test, { normalize: data, objective });
  assert.ok(Math.abs(perfect.loss) < 1e-6, `${perfect.loss}`);
  assert.equal(perfect.metrics!.error, 0);
  assert.equal(perfect.metrics!['agreement best'], 1);
  assert.equal(perfect.metrics!['iou map'], 1);
  const network = loadNetwork(several(2), { machine });
  const before = await evaluate(network, data.test, { normalize: data, objective });
  const { epochs } = await trainNetwork({
    ...{ network, data, objective, epochs: 20, batch: 16, seed: 1 },
    ...{ optimizer: { kind: 'adam' }, schedule: { kind: 'cosine', learningRate: 0.02 } },
  });
  const after = epochs.at(-1)!.test!;
  assert.ok(after.loss < before.loss / 4, `${before.loss} → ${after.loss}`);
  assert.ok(after.metrics!.error < before.metrics!.error / 2, JSON.stringify([before, after]));
  assert.equal(epochs[0].accuracy, undefined);
});

test('decisions that are the same for every sample do not outweigh the other outputs', async () => {
  const whole = several(1);
  const [name, weight] = [...whole.initializers].find(([name]) => name.startsWith('maps'))!;
  const faint = floatTensor(
    weight.shape,
    floats(weight).map((x) => 1e-3 * x),
  );
  const initializers = new Map([...whole.initializers, [name, faint] as const]);
  const teacher = { ...whole, initializers };
  const scales = await measureScales(teacher, data.train, { machine, normalize: data });
  const [map, classes] = ['map', 'classes'].map((output) => scales.get(output)!);
  assert.deepEqual([map.steady, map.unit, classes.steady], [true, 1e-4, undefined]);
  const network = loadNetwork(several(2), { machine });
  const objective = distillation(teacher, scales);
  const { loss, metrics } = await evaluate(network, data.test, { normalize: data, objective });
  const figure = (name: string) => metrics![`error ${name}`];
  assert.ok(figure('map') > 50 * metrics!.error, JSON.stringify(metrics));
  const others = Math.sqrt((figure('classes') ** 2 + figure('vector') ** 2) / 2);
  assert.ok(Math.abs(metrics!.error - others) < 1e-6 * others);
  assert.ok(Number.isFinite(loss));
  const alone = { ...teacher, outputs: teacher.outputs.filter((output) => output.name === 'map') };
  const own = await measureScales(alone, data.train, { machine, normalize: data });
  assert.equal(own.get('map')!.steady, undefined);
  assert.ok(own.get('map')!.unit < 1e-4);
});

test('the loss that is trained is the loss that is measured, in parts of a batch as well', async () => {
  const { objective } = await learn();
  const network = loadNetwork(several(2), { machine });
  const { loss } = await evaluate(network, data.test, { normalize: data, objective });
  const inputs = new Float32Array(40 * 36);
  for (let i = 0; i < 40; i++) inputs.set((data.test.arrays[0].at(i) as Image).data, i * 36);
  const gradients: Float32Array[] = [];
  for (const memory of [undefined, 200e3]) {
    const training = network.training({
      batch: 40,
      optimizer: 'sgd',
      memory,
      ...objective.loss(network.graph, 'training'),
    });
    const batch = { index: 0, inputs, labels: new Int32Array(40), count: 40 };
    const result = await training.gradients(inputs, objective.targets(batch), 40, 1);
    assert.ok(Math.abs(result.loss - loss) < 1e-4 * loss, `${result.loss} ${loss}`);
    await training.pull(['gradient']);
    gradients.push(training.slots.get('body.weight')!.gradient.slice());
    training.close();
  }
  for (const [i, g] of gradients[0].entries())
    assert.ok(Math.abs(g - gradients[1][i]) < 1e-5 + 1e-4 * Math.abs(g), `${g} ${gradients[1][i]}`);
});

test('scores of a network that is its own teacher see its gradients', async () => {
  const { teacher, objective } = await learn();
  const network = loadNetwork(teacher, { machine });
  const norms = [];
  for (const use of ['training', 'scoring'] as const) {
    const training = network.training({ batch: 16, optimizer: 'sgd', ...objective.loss(teacher, use) });
    const batch = { index: 0, inputs: pixels(16), labels: new Int32Array(16), count: 16 };
    await training.gradients(batch.inputs, objective.targets(batch), 16, 1);
    norms.push(await training.gradientNorm());
  }
  assert.ok(norms[0] < 1e-4 && norms[1] > 1e-2, `${norms}`);
});

test('answers that are kept, in memory or in a file, teach the same as those that are given anew', async () => {
  const { teacher, scales } = await learn();
  const folder = mkdtempSync(join(tmpdir(), 'espalier-answers-'));
  const ends = [];
  for (const where of ['anew', 'memory', 'file']) {
    const kept = where !== 'anew';
    const objective = distillation(teacher, scales, { kept });
    const how = { teacher, values: objective.reads(teacher), machine, normalize: data };
    const keep = (split: Split) =>
      keepAnswers(split, { ...how, folder: where === 'file' ? folder : undefined });
    const own = kept ? { ...data, train: await keep(data.train), test: await keep(data.test) } : data;
    const network = loadNetwork(several(2), { machine });
    const { epochs } = await trainNetwork({
      ...{ network, data: own, objective, epochs: 3, batch: 16, seed: 1 },
      ...{ optimizer: { kind: 'adam' }, schedule: { kind: 'cosine', learningRate: 0.02 } },
    });
    ends.push(epochs.map(({ loss, test }) => ({ loss, test })));
  }
  const [anew, memory, file] = ends;
  assert.deepEqual(memory, file);
  assert.deepEqual(readdirSync(folder), []);
  for (const [e, { loss, test: is }] of anew.entries()) {
    assert.ok(Math.abs(loss - memory[e].loss) < 1e-4 * loss, `${loss} ${memory[e].loss}`);
    assert.ok(Math.abs(is!.metrics!.error - memory[e].test!.metrics!.error) < 1e-4);
  }
});

test('inner values are learnt too, by networks that have them in the shape of the teacher', async () => {
  const teacher = several(1);
  const inner = [...innerValues(teacher).keys()];
  assert.deepEqual(valuesToMatch(['body*relu', 'body'], inner), ['body.relu', 'body']);
  assert.throws(() => valuesToMatch(['none*'], inner), /The teacher has no inner value none\*/);
  const match = ['body.relu'];
  const scales = await measureScales(teacher, data.train, { machine, normalize: data, match });
  const objective = distillation(teacher, scales, { match });
  const lossOf = async (graph: Graph) => {
    const network = loadNetwork(graph, { machine });
    const { goal } = objective.loss(network.graph, 'training');
    const training = network.training({ batch: 16, optimizer: 'sgd', goal });
    const batch = { index: 0, inputs: pixels(16), labels: new Int32Array(16), count: 16 };
    const { loss } = await training.gradients(batch.inputs, objective.targets(batch), 16, 1);
    const { loss: plain } = await network
      .training({ batch: 16, optimizer: 'sgd', ...distillation(teacher, scales).loss(graph, 'training') })
      .gradients(batch.inputs, objective.targets(batch), 16, 1);
    network.close();
    return { loss, plain };
  };
  const other = await lossOf(several(2));
  assert.ok(other.loss > other.plain + 0.1, JSON.stringify(other));
  const narrow = several(2);
  const weights = ['body.weight', 'maps.weight', 'logits.weight', 'numbers.weight'] as const;
  for (const name of weights) {
    const tensor = narrow.initializers.get(name)!;
    const shape = name === 'body.weight' ? [4, 1, 3, 3] : [tensor.shape[0], 4, ...tensor.shape.slice(2)];
    narrow.initializers.set(name, floatTensor(shape, floats(tensor).slice(0, sizeOf(shape))));
  }
  const few = await lossOf(narrow);
  assert.equal(few.loss, few.plain);
});

test('outputs that cannot be learnt are named', async () => {
  const { scales } = await learn();
  const whole = several(1);
  const only = { ...whole, outputs: whole.outputs.slice(3) };
  assert.throws(() => distillation(only, scales), /outputs only integers \(best\), which have no gradient/);
  const { objective } = await learn();
  const fewer = { ...whole, outputs: whole.outputs.slice(1) };
  assert.throws(
    () => objective.reads(fewer),
    /The teacher has an output map but the model has classes, vector, best;/,
  );
});

test('a student drops nothing, so that it can answer as its teacher does', async () => {
  const { teacher, objective } = await learn();
  const [body, ...others] = teacher.nodes;
  const dropping = {
    ...teacher,
    nodes: [
      { ...body, outputs: ['undropped'] },
      { ...body, name: 'drop', op: 'Dropout', inputs: ['undropped'], outputs: body.outputs, attributes: {} },
      ...others,
    ],
  };
  const network = loadNetwork(graphToTrain(dropping, objective), { machine });
  const training = network.training({
    ...{ batch: 16, optimizer: 'sgd' },
    ...objective.loss(network.graph, 'training'),
  });
  const batch = { index: 0, inputs: pixels(16), labels: new Int32Array(16), count: 16 };
  const { loss } = await training.gradients(batch.inputs, objective.targets(batch), 16, 1);
  assert.ok(Math.abs(loss) < 1e-5, `${loss}`);
});

test('a network that goes by its running statistics is trained as it is measured, and leaves them', async () => {
  const b = builder({ name: 'normed', seed: 3 });
  const x = b.conv(b.input('x', [1, 6, 6]), { out: 4, kernel: 3, pad: 1, name: 'body' });
  const flat = b.flatten(b.globalAveragePool(b.relu(b.batchNorm(x, 'norm'))));
  const model = b.linear(flat, { out: 3, name: 'numbers' });
  const graph = b.finish({ y: model });
  const scales = await measureScales(graph, data.train, { machine, normalize: data });
  const usual = distillation(graph, scales);
  const change = async (objective: typeof usual) => {
    const network = loadNetwork(graphToTrain(graph, objective), { machine });
    const { epochs } = await trainNetwork({
      ...{ network, data, objective, epochs: 1, batch: 4, seed: 1 },
      ...{ optimizer: { kind: 'adam' }, schedule: { kind: 'cosine', learningRate: 1e-6 } },
    });
    const weights = weightsOf(network);
    network.close();
    const moved = [...network.state.keys()].some((name) =>
      weights.get(name)!.some((value, i) => value !== Number(graph.initializers.get(name)!.data[i])),
    );
    return { loss: epochs[0].loss, moved };
  };
  const [batch, running] = [await change(usual), await change(onRunningStatistics(usual))];
  assert.ok(batch.moved && batch.loss > 1e-3, JSON.stringify(batch));
  assert.ok(!running.moved && running.loss < 1e-5, JSON.stringify(running));
});
