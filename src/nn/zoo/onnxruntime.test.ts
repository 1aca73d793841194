import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { normal, random } from '../../base/index.js';
import { floatTensor, type Graph, readModel, serializeModel, sizeOf, type Tensor } from '../../onnx/index.js';
import { sketch } from '../../onnx/sketch.test.fixture.js';
import { buildNetwork, zoo } from './index.js';

/** What onnxruntime answers for three random images, one row of logits each. */
async function logits(graph: Graph): Promise<number[][]> {
  const [input] = graph.inputs;
  const shape = [3, ...(input.shape!.slice(1) as number[])];
  const stream = random(0, 'images');
  const images = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => normal(stream));
  const session = await InferenceSession.create(serializeModel(graph), { intraOpNumThreads: 1 });
  const answer = await session.run({ [input.name]: new OrtTensor('float32', images, shape) });
  const { data, dims } = answer[graph.outputs[0].name];
  await session.release();
  return Array.from({ length: dims[0] }, (_, i) =>
    [...(data as Float32Array)].slice(i * dims[1], (i + 1) * dims[1]),
  );
}

test('onnxruntime runs every network, and its answers depend on the image', async () => {
  const digits = Object.keys(zoo).filter((name) => name.startsWith('resnet'));
  const cases = [
    ...Object.keys(zoo).map((name) => ({ name, shape: [3, 32, 32] as const })),
    ...digits.map((name) => ({ name, shape: [1, 8, 8] as const })),
    { name: 'lenet5', shape: [1, 28, 28] as const },
    { name: 'resnet32', shape: [3, 33, 47] as const, shortcut: 'B' as const },
    { name: 'resnet20', shape: [3, 33, 47] as const },
    { name: 'resnet50', shape: [3, 72, 96] as const },
    { name: 'mobilenetv2', shape: [3, 72, 96] as const },
  ];
  for (const { name, shape, ...options } of cases) {
    const graph = buildNetwork(name, { ...options, shape: [...shape], classes: 7, seed: 1, width: 0.25 });
    const rows = await logits(graph);
    assert.deepEqual(
      rows.map((row) => row.length),
      [7, 7, 7],
      name,
    );
    assert.ok(rows.flat().every(Number.isFinite), name);
    assert.notDeepEqual(rows[0], rows[1], name);
  }
});

/** Asserts that both models give the same logits, but for rounding. */
async function answerAlike(one: Graph, other: Graph): Promise<void> {
  const [ours, theirs] = [(await logits(one)).flat(), (await logits(other)).flat()];
  for (const [i, value] of ours.entries())
    assert.ok(
      Math.abs(value - theirs[i]) < 1e-4 * Math.max(1, Math.abs(theirs[i])),
      `${value} is not ${theirs[i]}`,
    );
}

/** The zoo's resnet20 for CIFAR with the weights and statistics that `given` has for their names. */
function withWeights(given: (name: string, tensor: Tensor) => Tensor): Graph {
  const graph = buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 0 });
  for (const [name, tensor] of graph.initializers)
    if (tensor.dtype === 'float32') graph.initializers.set(name, given(name, tensor));
  return graph;
}

/**
 * ResNet-20 as its paper describes it, with these weights, by other operators than the zoo's: the shortcut of option A is a convolution
 * with a 1 for every channel that goes on, and the mean is a reduction.
 */
function fromThePaper(weights: Graph['initializers']): Graph {
  const s = sketch();
  const conv = (x: string, name: string, strides: number) =>
    s.op('Conv', [x, `${name}.weight`], { pads: [1, 1, 1, 1], strides: [strides, strides] });
  const norm = (x: string, name: string) =>
    s.op(
      'BatchNormalization',
      [x, ...['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${name}.${part}`)],
      { epsilon: 1e-5 },
    );
  let x = s.relu(norm(conv(s.input('image', [3, 32, 32]), 'conv1', 1), 'bn1'));
  for (const [stage, channels] of [16, 32, 64].entries())
    for (const block of [0, 1, 2]) {
      const name = `layer${stage + 1}.${block}`;
      const strides = stage > 0 && block === 0 ? 2 : 1;
      const inner = s.relu(norm(conv(x, `${name}.conv1`, strides), `${name}.bn1`));
      const y = norm(conv(inner, `${name}.conv2`, 1), `${name}.bn2`);
      if (strides === 2) {
        weights.set(`${name}.onward`, onward(channels / 2, channels));
        x = s.op('Conv', [x, `${name}.onward`], { strides: [2, 2] });
      }
      x = s.relu(s.op('Add', [x, y]));
    }
  const mean = s.op('ReduceMean', [x], { axes: [2, 3], keepdims: 0 });
  const graph = s.finish(s.op('Gemm', [mean, 'linear.weight', 'linear.bias'], { transB: 1 }));
  return { ...graph, initializers: weights };
}

/** [to, from, 1, 1]: every channel goes on, with as many new channels before them as behind them. */
function onward(from: number, to: number): Tensor {
  const data = new Float32Array(to * from);
  for (let channel = 0; channel < from; channel++) data[((to - from) / 2 + channel) * from + channel] = 1;
  return floatTensor([to, from, 1, 1], data);
}

test('resnet20 computes what its paper describes, by the names of PyTorch', async () => {
  const drawn = withWeights((name, { shape }) => {
    const stream = random(1, name);
    const scale = shape.length > 1 ? 1 / Math.sqrt(sizeOf(shape.slice(1))) : 0.3;
    const around = name.endsWith('running_var') || /bn\d\.weight$/.test(name) ? 1 : 0;
    const data = Float32Array.from({ length: sizeOf(shape) }, () => scale * normal(stream));
    return floatTensor(
      shape,
      data.map((x) => (around ? around + Math.abs(x) : x)),
    );
  });
  await answerAlike(drawn, fromThePaper(new Map(drawn.initializers)));
});

const published = fileURLToPath(
  new URL('../../../../shared/weights/resnet20_optionA_opset13.onnx', import.meta.url),
);
if (existsSync(published))
  test('resnet20 with published weights computes what the published file does', async () => {
    const theirs = await readModel(published);
    const renamed: Record<string, string> = { 'linear.weight': 'lw', 'linear.bias': 'lb' };
    const ours = withWeights((name) => {
      const given = theirs.initializers.get(renamed[name] ?? name);
      assert.ok(given, `${name} is not in the published file`);
      return given;
    });
    await answerAlike(ours, theirs);
  });
