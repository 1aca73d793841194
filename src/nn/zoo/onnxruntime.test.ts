import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { normal, random } from '../../base/index.js';
import { type Graph, readModel, serializeModel } from '../../onnx/index.js';
import { buildNetwork, zoo } from './index.js';

/** What onnxruntime answers for three random images, one row of logits each. */
async function logits(graph: Graph): Promise<number[][]> {
  const [input] = graph.inputs;
  const shape = [3, ...(input.shape!.slice(1) as number[])];
  const stream = random(0, 'images');
  const images = Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => normal(stream));
  const session = await InferenceSession.create(serializeModel(graph), { intraOpNumThreads: 1 });
  const answer = await session.run({ [input.name]: new Tensor('float32', images, shape) });
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

test('resnet20 with published weights computes what the published file does', async (t) => {
  const file = new URL('../../../../shared/weights/resnet20_optionA_opset13.onnx', import.meta.url);
  if (!existsSync(file)) return t.skip('shared/weights is not there');
  const published = await readModel(fileURLToPath(file));
  const graph = buildNetwork('resnet20', { shape: [3, 32, 32], classes: 10, seed: 0 });
  const renamed: Record<string, string> = { 'linear.weight': 'lw', 'linear.bias': 'lb' };
  for (const [name, { dtype }] of graph.initializers)
    if (dtype === 'float32') {
      const given = published.initializers.get(renamed[name] ?? name);
      assert.ok(given, `${name} is not in the published file`);
      graph.initializers.set(name, given);
    }
  const [ours, theirs] = [(await logits(graph)).flat(), (await logits(published)).flat()];
  for (const [i, value] of ours.entries())
    assert.ok(
      Math.abs(value - theirs[i]) < 1e-4 * Math.max(1, Math.abs(theirs[i])),
      `${value} is not ${theirs[i]}`,
    );
});
