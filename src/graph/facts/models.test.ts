/** Models of our own, and those made by others where they lie beside the checkout: their shapes, their sizes, what they compute. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type Graph, readModel, serializeModel, type Tensor } from '../../onnx/index.js';
import { ownModel, ownModels } from '../../onnx/own-models.test.fixture.js';
import { expandModel, sampleShape } from '../expand.js';
import { agrees, given } from '../ops/against.test.fixture.js';
import { inferTypes } from './infer.js';
import { summarize } from './summary.js';

const shared = (file: string) => fileURLToPath(new URL(`../../../../shared/${file}.onnx`, import.meta.url));

/** Models made by others of these names, as far as they are there. */
const there = (files: readonly string[]): string[] => files.filter((file) => existsSync(shared(file)));

const inputShapes: Record<string, Record<string, number[]>> = {
  'models/ppocr_cls_v2': { x: [1, 3, 48, 192] },
  'models/bert_toy_optimized': { input_ids: [1, 16], token_type_ids: [1, 16], input_mask: [1, 16] },
};

/** Parameters and MACs as published or as follows from the architecture; undefined where nobody says. */
const sizes: Record<string, [params?: number, macs?: number]> = {
  'models/bert_toy_optimized': [],
  'models/carvana_unet_simp_small': [],
  'models/cifar10_resnet_2b': [112006],
  'models/cifar_base_kw': [105966],
  'models/collins_rul_full20': [62446],
  'models/densenet_small': [],
  'models/fastestdet': [],
  'models/light_densenet121': [],
  'models/light_inception_v1': [6998552],
  'models/light_resnet50': [25557032, 4089184256],
  'models/light_shufflenet': [],
  'models/light_vgg19': [143667240, 19632062464],
  'models/mnist_burn_opset16': [],
  'models/mnist_cnn_pytorch_opset9': [21840],
  'models/mobilenetv2_int8_qdq': [3487816],
  'models/ppocr_cls_v2': [],
  'models/resnet20_cifar10': [272474],
  'models/super_resolution_opset10': [59657],
  'models/ultraface_rfb_320': [],
  'models/unet_small': [116753],
  'models/vit_pgd_2_3_16': [],
  'models/yolo_fastestv2': [],
  'models/yunet_n_320': [],
  'weights/resnet20_optionA_opset13': [269722, 40551040],
  'weights/resnet56_optionA_opset13': [853018, 125485696],
};

/** A model, and what is known of it. */
interface Known {
  name: string;
  read(): Promise<Graph>;
  params?: number;
  macs?: number;
}

const ours: Known[] = ownModels();
const theirs = (files: readonly string[]): Known[] =>
  there(files).map((name) => {
    const [params, macs] = sizes[name];
    return { name, read: () => readModel(shared(name)), params, macs };
  });

function inputsOf(graph: Graph, name: string): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map((value, index) => {
      const shape = sampleShape(value, inputShapes[name]);
      return [value.name, given({ shape, dtype: value.dtype, between: [0, 1.99] }, index)];
    }),
  );
}

for (const { name, read, params, macs } of [...ours, ...theirs(Object.keys(sizes))]) {
  test(`shapes of ${name} are onnxruntime's`, async () => {
    const graph = await read();
    const options = { inputShapes: inputShapes[name] };
    const { types } = inferTypes(graph, options);
    const watched = [...types].filter(
      ([name, type]) => type.laned && !graph.inputs.some((input) => input.name === name),
    );
    const outputs = watched.map(([name, { dtype }]) => ({ name, dtype }));
    const bytes = serializeModel({ ...graph, outputs });
    const session = await InferenceSession.create(bytes, {
      logSeverityLevel: 4,
      graphOptimizationLevel: 'basic',
    });
    const feeds = Object.entries(inputsOf(graph, name)).map(([name, { dtype, data, shape }]) => [
      name,
      new OrtTensor(dtype as 'float32', data as Float32Array, shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds));
    for (const [name, { shape, dtype }] of watched) {
      assert.deepEqual([...shape], [...results[name].dims], name);
      assert.equal(dtype, results[name].type, name);
    }
    await session.release();
    const summary = summarize(graph, options);
    if (params) assert.equal(summary.params, params);
    if (macs) assert.equal(summary.macs, macs);
    assert.deepEqual(summary.unknown, []);
  });
}

const small = [
  'bert_toy_optimized',
  'cifar10_resnet_2b',
  'cifar_base_kw',
  'collins_rul_full20',
  'mnist_burn_opset16',
  'mnist_cnn_pytorch_opset9',
  'vit_pgd_2_3_16',
].map((name) => `models/${name}`);

/** Of the model of 8 bits: a sum half-way between two levels, 0.01 apart, may go to either. */
const toleranceOf = (name: string): number => (name === 'a quantized network' ? 0.0101 : 1e-4);

for (const { name, read } of [...ours, ...theirs(small)])
  test(`${name} computes what onnxruntime computes`, async () => {
    const graph = await read();
    await agrees(graph, inputsOf(graph, name), toleranceOf(name), inputShapes[name]);
  });

test('models with operators that are not known are refused by name', async () => {
  const graph = await ownModel('a plain CNN');
  graph.nodes[1].op = 'Mystery';
  assert.throws(() => expandModel(graph), { name: 'UserError', message: /Mystery / });
  for (const file of there(['models/silero_vad_16k'])) {
    const silero = await readModel(shared(file));
    assert.throws(() => expandModel(silero), { name: 'UserError', message: /If '/ });
  }
});
