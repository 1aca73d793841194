import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNetwork, openMachine } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { floats, floatTensor, type Graph, serializeModel } from '../../onnx/index.js';
import { drawWeights } from './frozen.js';
import {
  bakeMasks,
  insertMasks,
  type MaskOperator,
  maskable,
  maskOf,
  scoresOf,
  thresholded,
} from './rewrite.js';

const network = (): Graph => buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 1, width: 0.5 });
const operators: MaskOperator[] = ['ConcreteMask', 'ThresholdMask', 'ScoreMask'];
const scores =
  (op: MaskOperator) =>
  (_: string, { shape }: { shape: number[] }) =>
    op === 'ThresholdMask'
      ? Float32Array.of(-3)
      : new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5);

test('first and last layers are maskable, biases and normalisation are not', () => {
  const names = maskable(network());
  assert.ok(names.includes('conv1.weight') && names.includes('linear.weight'));
  assert.ok(names.every((name) => !/bn|bias/.test(name)));
});

test('masks that keep everything leave no trace', () => {
  const graph = network();
  for (const op of ['ConcreteMask', 'ScoreMask'] as const) {
    const baked = bakeMasks(insertMasks(graph, maskable(graph), op, scores(op)));
    assert.deepEqual(serializeModel(baked), serializeModel(graph));
  }
});

test('the baked model computes what the masked one does, and holds nothing of ours', async () => {
  const graph = network();
  const names = maskable(graph);
  const machine = await openMachine({ threads: 1 });
  const image = Float32Array.from({ length: 3 * 64 }, (_, i) => Math.sin(i));
  const answer = async (model: Graph) => {
    const [output] = Object.values(
      await loadNetwork(model, { machine })
        .inference({ batch: 3 })
        .run({ [model.inputs[0].name]: image }, 3),
    );
    return output;
  };
  for (const op of operators) {
    const masked = insertMasks(graph, names, op, scores(op));
    for (const name of names) {
      const mask = masked.initializers.get(maskOf(name));
      if (mask) floats(mask).set(floats(mask).map((_, i) => (i % 3 === 0 ? 1 : 0)));
    }
    const baked = bakeMasks(masked);
    assert.deepEqual([...baked.initializers.keys()], [...graph.initializers.keys()]);
    assert.ok(baked.nodes.every(({ domain }) => domain === ''));
    const weight = floats(baked.initializers.get(names[1])!);
    const first = floats(graph.initializers.get(names[1])!);
    weight.forEach((x, i) => {
      if (op === 'ThresholdMask') assert.equal(x, thresholded(first, -3)[i]);
      else assert.ok(Object.is(x, i % 3 === 0 ? first[i] : 0));
    });
    const [was, is] = [await answer(masked), await answer(baked)];
    was.forEach((x, i) => {
      assert.ok(Math.abs(x - is[i]) < 1e-5, `${op}: ${x} and ${is[i]}`);
    });
  }
  await machine.close();
});

test('soft thresholds', () => {
  const half = thresholded(Float32Array.of(-0.75, -0.5, 0, 0.25, 0.75), 0);
  assert.deepEqual([...half], [-0.25, 0, 0, 0, 0.25]);
  assert.deepEqual(thresholded(Float32Array.of(-1e-6, 2), -3200), Float32Array.of(-1e-6, 2));
});

test('frozen weights: two values, scaled for the inputs kept', () => {
  const graph = network();
  const [name] = maskable(graph);
  const options = { frozenWeights: 'signed-constant', scaleFan: true, density: 0.25, seed: 3 } as const;
  const values = floats(drawWeights(graph, [name], options).initializers.get(name)!);
  const size = Math.fround(Math.sqrt(2 / 9 / 0.25));
  assert.ok(values.every((x) => Math.abs(Math.abs(x) - size) < 1e-6));
  assert.ok(values.some((x) => x > 0) && values.some((x) => x < 0));
});

test('a model without weights to prune, and one that has the names already', () => {
  const graph = network();
  const [name] = maskable(graph);
  assert.throws(
    () => insertMasks(graph, [], 'ScoreMask', scores('ScoreMask')),
    /no weights that could be pruned/,
  );
  const initializers = new Map(graph.initializers).set(scoresOf(name), floatTensor([], [0]));
  assert.throws(
    () => insertMasks({ ...graph, initializers }, [name], 'ScoreMask', scores('ScoreMask')),
    /a name that pruning needs/,
  );
});
