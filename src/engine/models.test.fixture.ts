/** For tests: what must come of a real model on the engine. */
import assert from 'node:assert/strict';
import type { Machine } from './index.js';
import { agreesWithin, type Compared, compare } from './onnxruntime.test.fixture.js';

const refused: Record<string, RegExp> = {
  silero_vad_16k: /^espalier does not know the operator of If/,
  squeezenet_winml: /output loss is not a tensor/,
};

/** 224 × 224 networks of 4 to 20 thousand million multiply-adds, in lanes of sixteen. */
export const large = [
  'light_vgg19',
  'light_resnet50',
  'densenet_small',
  'super_resolution_opset10',
  'light_densenet121',
];

/**
 * Rounding to 8 bits is not continuous: of the sums that lie half-way between two levels, a few in a hundred thousand are
 * rounded to the other one, and fifty layers spread that. Until the first such flip the networks agree.
 */
const quantized = ['mobilenetv2_int8_qdq', 'a quantized network'];

/** The model agrees with onnxruntime, or is refused in a sentence. */
export async function agrees(machine: Machine, model: Compared): Promise<void> {
  const { name } = model;
  const outcome = await compare(machine, model);
  if ('refused' in outcome) return assert.match(outcome.refused, refused[name] ?? /^never$/);
  assert.ok(!refused[name], 'it was expected to be refused');
  assert.ok(outcome.outputs.length > 0);
  for (const output of outcome.outputs) {
    const found = JSON.stringify(output);
    if (quantized.includes(name))
      assert.ok(output.samePeak && output.difference < 0.05 * output.scale, found);
    else assert.ok(agreesWithin(output), found);
  }
}
