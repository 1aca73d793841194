/** Masks that a program computes, on a GPU: memory that the plan gives to others is read in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openGpu } from '../../engine/gpu.test.fixture.js';
import { openMachine } from '../../engine/index.js';
import { maskedStep } from './masked-step.test.fixture.js';

const largest = (values: Float32Array) => values.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

test('a step over learnt masks on a GPU and on the CPU', async (t) => {
  const gpu = await openGpu();
  if (typeof gpu === 'string') return t.skip(gpu);
  const cpu = await openMachine({ engine: 'wasm', threads: 1 });
  for (const op of ['ConcreteMask', 'ThresholdMask', 'ScoreMask'] as const) {
    const options = { temperature: 1, dense: false };
    const [theirs, ours] = [await maskedStep(cpu, op, options), await maskedStep(gpu, op, options)];
    const off = Math.abs(ours.loss / theirs.loss - 1);
    assert.ok(off < 1e-5, `${op}: a loss of ${ours.loss}, not ${theirs.loss}`);
    for (const [i, [name, wanted]] of theirs.gradients.entries()) {
      const error = largest(ours.gradients[i][1].map((x, k) => x - wanted[k]));
      assert.ok(error <= 1e-4 * largest(wanted), `${op}: the gradient of ${name} is off by ${error}`);
    }
  }
  await Promise.all([cpu.close(), gpu.close()]);
});
