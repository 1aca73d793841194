/** Models made by others, where they lie beside the checkout, and the zoo: what of them can go, and masked ≡ shrunk. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildNetwork, zoo } from '../nn/zoo/index.js';
import { readModel } from '../onnx/file.js';
import type { Graph } from '../onnx/model.js';
import { serializeModel } from '../onnx/serialize.js';
import { bytesIn, drawn, halved, type Setting, sameComputed } from './equivalence.test.fixture.js';
import { findChannels, withWeights } from './index.js';

interface Expected {
  groups: number;
  units: number;
  /** What keeps axes other than inputs and outputs of the model, with how many axes. */
  stays?: Record<string, number>;
  inputShapes?: Record<string, readonly number[]>;
  /** Its weights are all equal in the file, and drawn for the test. */
  drawn?: true;
}

const past = [0, 1, 2, 3, 4].map((i) => [`past_${i}`, [2, 1, 4, 2, 8]] as const);

const files: Record<string, Expected> = {
  'models/bert_toy_optimized': {
    groups: 16,
    units: 297,
    stays: { 'summed, averaged or compared by ReduceMean': 35, 'looked up by Gather': 1 },
    inputShapes: { input_ids: [1, 12], token_type_ids: [1, 12], input_mask: [1, 12] },
  },
  'models/carvana_unet_simp_small': {
    groups: 3,
    units: 256,
    stays: { 'summed, averaged or compared by Softmax': 1 },
  },
  'models/cifar10_resnet_2b': { groups: 5, units: 156 },
  'models/cifar_base_kw': { groups: 3, units: 124 },
  'models/collins_rul_full20': { groups: 5, units: 145, stays: { 'it has one position only': 1 } },
  'models/densenet_small': { groups: 20, units: 544 },
  'models/fastestdet': { groups: 37, units: 1416 },
  'models/light_densenet121': { groups: 120, units: 10240, drawn: true },
  'models/light_inception_v1': { groups: 55, units: 7024, stays: { 'mixed by LRN': 7 }, drawn: true },
  'models/light_resnet50': { groups: 37, units: 11456, drawn: true },
  'models/light_shufflenet': {
    groups: 12,
    units: 245,
    stays: { 'regrouped with other axes by Conv': 46 },
    drawn: true,
  },
  'models/light_vgg19': { groups: 18, units: 13696, drawn: true },
  'models/mnist_burn_opset16': { groups: 4, units: 80 },
  'models/mnist_cnn_pytorch_opset9': { groups: 3, units: 80 },
  'models/mobilenetv2_int8_qdq': { groups: 25, units: 9128 },
  'models/ppocr_cls_v2': { groups: 26, units: 1338, inputShapes: { x: [1, 3, 48, 192] } },
  'models/resnet20_cifar10': { groups: 12, units: 448 },
  'models/silero_vad_16k': {
    groups: 4,
    units: 385,
    stays: {
      'it is used by If, an operator that espalier does not know': 1,
      'it has one position only': 1,
      'Conv uses it together with a value of unknown shape': 1,
    },
    inputShapes: { input: [1, 512], state: [2, 1, 128] },
  },
  'models/super_resolution_opset10': {
    groups: 3,
    units: 160,
    stays: { 'regrouped with other axes by Reshape': 1 },
  },
  'models/tiny_random_gpt2_ortfused': {
    groups: 0,
    units: 0,
    stays: {
      'it is used by com.microsoft.EmbedLayerNormalization, an operator that espalier does not know': 4,
      'it is used by com.microsoft.Attention, an operator that espalier does not know': 10,
      'MatMul uses it together with a value of unknown shape': 32,
    },
    inputShapes: {
      input_ids: [1, 4],
      position_ids: [1, 4],
      attention_mask: [1, 6],
      ...Object.fromEntries(past),
    },
  },
  'models/ultraface_rfb_320': {
    groups: 25,
    units: 1716,
    stays: { 'regrouped with other axes by Reshape': 8 },
  },
  'models/unet_small': { groups: 12, units: 368, stays: { 'it has one position only': 1 } },
  'models/vit_pgd_2_3_16': { groups: 7, units: 304 },
  'models/yolo_fastestv2': { groups: 43, units: 1800 },
  'models/yunet_n_320': { groups: 16, units: 880, stays: { 'it has one position only': 12 } },
  'weights/resnet20_optionA_opset13': { groups: 12, units: 400 },
  'weights/resnet56_optionA_opset13': { groups: 30, units: 1072 },
};

const shared = (file: string) => fileURLToPath(new URL(`../../../shared/${file}.onnx`, import.meta.url));

const usual = /^its positions are an (input|output) of the model/;

/** "summed, averaged or compared by ReduceMean": reasons without the names of nodes. */
const inShort = (reason: string): string =>
  reason.replace(/ '[^']*'/g, '').replace(/^its positions are /, '');

for (const [file, { groups, units, stays = {}, inputShapes, drawn: draws }] of Object.entries(files)) {
  test(file, async (t) => {
    if (!existsSync(shared(file))) return t.skip(`${file}.onnx is not there`);
    const whole = withWeights(await readModel(shared(file)));
    const graph = draws ? drawn(whole) : whole;
    const channels = findChannels(graph, { inputShapes });
    assert.equal(channels.groups.length, groups);
    assert.equal(
      channels.groups.reduce((sum, { size }) => sum + size, 0),
      units,
    );
    const found: Record<string, number> = {};
    for (const { reason } of channels.frozen) {
      if (!usual.test(reason)) found[inShort(reason)] = (found[inShort(reason)] ?? 0) + 1;
    }
    assert.deepEqual(found, stays);
    await bothRoundings(graph, { inputShapes }, draws ? [8] : [1, 8]);
  });
}

/** Half of every group goes, to any number and to multiples of 8. */
async function bothRoundings(graph: Graph, setting: Setting, roundings = [1, 8]): Promise<void> {
  const channels = findChannels(graph, setting);
  for (const roundTo of roundings) {
    const smaller = await sameComputed(graph, channels, halved(channels, roundTo, 0.5, roundTo), setting);
    const saved = serializeModel(graph).length - serializeModel(smaller).length;
    assert.ok(saved >= 0.98 * (bytesIn(graph) - bytesIn(smaller)), 'the file shrinks as its weights do');
    assert.ok(channels.groups.length === 0 || saved > 0);
  }
}

for (const name of Object.keys(zoo)) {
  test(`${name} of the zoo`, async () => {
    const shape = name === 'lenet5' ? [1, 28, 28] : [3, 64, 64];
    const graph = drawn(
      buildNetwork(name, { shape: shape as [number, number, number], classes: 10, seed: 1, width: 0.25 }),
    );
    const stays = findChannels(graph).frozen.filter(({ reason }) => !usual.test(reason));
    assert.deepEqual(stays, []);
    await bothRoundings(graph, {});
  });
}
