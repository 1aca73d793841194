/** Models made by others, where they lie beside the checkout: their shapes, their sizes, what they compute. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type Graph, readModel, serializeModel, type Tensor } from '../../onnx/index.js';
import { expandModel, sampleShape } from '../expand.js';
import { agrees, given } from '../ops/against.test.fixture.js';
import { inferTypes } from './infer.js';
import { summarize } from './summary.js';

const shared = (file: string) => fileURLToPath(new URL(`../../../../shared/${file}.onnx`, import.meta.url));

/** Reads a model, or skips the test where it is not there. */
async function read(t: TestContext, file: string): Promise<Graph | undefined> {
  if (existsSync(shared(file))) return readModel(shared(file));
  t.skip(`${file}.onnx is not there`);
  return undefined;
}

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

function inputsOf(graph: Graph, file: string): Record<string, Tensor> {
  return Object.fromEntries(
    graph.inputs.map((value, index) => {
      const shape = sampleShape(value, inputShapes[file]);
      return [value.name, given({ shape, dtype: value.dtype, between: [0, 1.99] }, index)];
    }),
  );
}

for (const [file, [params, macs]] of Object.entries(sizes)) {
  test(`shapes of ${file} are onnxruntime's`, async (t) => {
    const graph = await read(t, file);
    if (!graph) return;
    const { types } = inferTypes(graph, { inputShapes: inputShapes[file] });
    const watched = [...types].filter(
      ([name, type]) => type.laned && !graph.inputs.some((input) => input.name === name),
    );
    const outputs = watched.map(([name, { dtype }]) => ({ name, dtype }));
    const bytes = serializeModel({ ...graph, outputs });
    const session = await InferenceSession.create(bytes, {
      logSeverityLevel: 4,
      graphOptimizationLevel: 'basic',
    });
    const feeds = Object.entries(inputsOf(graph, file)).map(([name, { dtype, data, shape }]) => [
      name,
      new OrtTensor(dtype as 'float32', data as Float32Array, shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds));
    for (const [name, { shape, dtype }] of watched) {
      assert.deepEqual([...shape], [...results[name].dims], name);
      assert.equal(dtype, results[name].type, name);
    }
    await session.release();
    const summary = summarize(graph, { inputShapes: inputShapes[file] });
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

for (const file of small) {
  test(`${file} computes what onnxruntime computes`, async (t) => {
    const graph = await read(t, file);
    if (graph) await agrees(graph, inputsOf(graph, file), 1e-4, inputShapes[file]);
  });
}

test('models with operators that are not known are refused by name', async (t) => {
  const silero = await read(t, 'models/silero_vad_16k');
  if (silero) assert.throws(() => expandModel(silero), { name: 'UserError', message: /If '/ });
});
