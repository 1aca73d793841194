import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { random, UserError, uniform } from '../base/index.js';
import { type OwnModel, ownModels } from '../onnx/own-models.test.fixture.js';
import { readModel } from './file.js';
import type { Value } from './model.js';
import { parseModel } from './parse.js';
import { serializeModel } from './serialize.js';
import { emptyData, sizeOf } from './tensor.js';

/** Models of others, where they lie beside the checkout. */
const shared = fileURLToPath(new URL('../../../shared', import.meta.url));
const files = ['models', 'weights'].flatMap((folder) => {
  const path = join(shared, folder);
  return existsSync(path)
    ? readdirSync(path)
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => join(path, name))
    : [];
});

/** Models of our own, in files that onnxruntime has written: with a writer of its own, it reads ours and writes what it has read. */
const folder = mkdtempSync(join(tmpdir(), 'espalier-roundtrip-'));
after(() => rmSync(folder, { recursive: true }));
async function rewritten({ name, file }: OwnModel): Promise<string> {
  const optimizedModelFilePath = join(folder, `${name}.onnx`);
  const options = { ...UNTOUCHED, optimizedModelFilePath };
  await (await InferenceSession.create(file, options)).release();
  return optimizedModelFilePath;
}

/** Models that are refused, and what the sentence says. */
const refusals: Record<string, RegExp> = { 'squeezenet_winml.onnx': /output loss is not a tensor/ };

/** Sizes for symbolic dimensions that cannot be 1. */
const symbols: Record<string, number> = { sequence: 512 };

/**
 * Without graph optimisation and repacking: both treat a weight that is no longer listed as an input better than one
 * that is, and then sums round differently.
 */
const UNTOUCHED = {
  graphOptimizationLevel: 'disabled',
  extra: { session: { disable_prepacking: '1' } },
  intraOpNumThreads: 1,
  logSeverityLevel: 3,
} as const;

const session = (model: string | Uint8Array) =>
  InferenceSession.create(model as string, UNTOUCHED).catch(() => undefined);

async function computesTheSame(t: TestContext, path: string): Promise<void> {
  const name = basename(path);
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
}

test('every model that is read and written again computes the same bits', async (t) => {
  for (const own of ownModels())
    await t.test(own.name, async (t) => computesTheSame(t, await rewritten(own)));
  for (const path of files) await t.test(basename(path), (t) => computesTheSame(t, path));
});

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
