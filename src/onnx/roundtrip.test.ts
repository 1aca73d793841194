import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { random, UserError, uniform } from '../base/index.js';
import { readModel } from './file.js';
import type { Value } from './model.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';
import { emptyData, sizeOf } from './tensor.js';

const shared = fileURLToPath(new URL('../../../shared', import.meta.url));
const files = ['models', 'weights'].flatMap((folder) => {
  const path = join(shared, folder);
  return existsSync(path)
    ? readdirSync(path)
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => join(path, name))
    : [];
});

/** Models that are refused, and what the sentence says. */
const refusals: Record<string, RegExp> = { 'squeezenet_winml.onnx': /output loss is not a tensor/ };

/** Sizes for symbolic dimensions that cannot be 1. */
const symbols: Record<string, number> = { sequence: 512 };

test('every model that is read and written again computes the same bits', async (t) => {
  if (files.length === 0) return t.skip('../shared/models is not there');
  for (const path of files) {
    const name = basename(path);
    await t.test(name, async (t) => {
      const before = await session(path);
      if (!before) return t.skip('onnxruntime does not load it');
      if (refusals[name])
        return assert.rejects(
          readModel(path),
          (error) => error instanceof UserError && refusals[name].test(error.message),
        );
      const graph = await readModel(path);
      const bytes = serializeModel(graph);
      assert.ok(isDeepStrictEqual(await parseModel(bytes), graph), 'what was written is what was read');
      const after = await session(bytes);
      assert.ok(after, 'onnxruntime loads what was written');
      const feeds = Object.fromEntries(graph.inputs.map((input) => [input.name, feed(input)]));
      const [expected, found] = [await before.run(feeds), await after.run(feeds)];
      for (const output of graph.outputs) {
        assert.deepEqual(found[output.name].dims, expected[output.name].dims);
        assert.ok(isDeepStrictEqual(found[output.name].data, expected[output.name].data), output.name);
      }
    });
  }
});

/**
 * Without graph optimisation and repacking: both treat a weight that is no longer listed as an input better than one
 * that is, and then sums round differently.
 */
const session = (model: string | Uint8Array) =>
  InferenceSession.create(model as string, {
    graphOptimizationLevel: 'disabled',
    extra: { session: { disable_prepacking: '1' } },
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  }).catch(() => undefined);

/** Random numbers; ones where integers are wanted, which may be indices or lengths. */
function feed({ name, dtype, shape }: Value): OrtTensor {
  const dims = (shape ?? []).map((dim) => (typeof dim === 'number' ? dim : (symbols[dim ?? ''] ?? 1)));
  const data = emptyData(dtype, sizeOf(dims));
  const stream = random(1, name);
  if (data instanceof Float32Array) for (let i = 0; i < data.length; i++) data[i] = uniform(stream);
  else if (data instanceof BigInt64Array) data.fill(1n);
  else (data as Int32Array).fill(1);
  return new OrtTensor(dtype as 'float32', data as Float32Array, dims);
}
