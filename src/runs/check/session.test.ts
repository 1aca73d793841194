/** The check of exports where onnxruntime-node is not installed: this process cannot import it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { register } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openMachine } from '../../engine/index.js';
import { buildNetwork } from '../../nn/index.js';
import { floats, writeModel } from '../../onnx/index.js';
import { onnxruntime } from '../onnxruntime.js';
import { randomSamples } from '../samples.js';
import { checkFile } from './check.js';
import { checkerName } from './session.js';

const hook = `export async function resolve(name, context, next) {
  if (name === 'onnxruntime-node') throw new Error('not installed');
  return next(name, context);
}`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);

const root = mkdtempSync(join(tmpdir(), 'espalier-session-'));
after(() => rmSync(root, { recursive: true, force: true }));

test('onnxruntime-web checks in its place, and refuses what differs', async (t) => {
  assert.equal(await onnxruntime(), undefined);
  const name = await checkerName();
  if (!name) return t.skip('onnxruntime-web is not installed');
  const machine = await openMachine({ threads: 1 });
  const graph = buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 0, width: 0.25 });
  const path = join(root, 'model.onnx');
  const check = () => checkFile(path, graph, { machine, inputShapes: {}, samples: randomSamples });
  await writeModel(path, graph);
  const { by, error, samples, refused } = await check();
  assert.match(by!, /^onnxruntime-web \d/);
  assert.equal(refused, undefined);
  assert.ok(error! < 1e-5 && samples === 8, `${error}`);
  const tensor = graph.initializers.get('conv1.weight')!;
  const data = floats(tensor).map((x) => x * 1.01);
  const initializers = new Map(graph.initializers).set('conv1.weight', { ...tensor, data });
  await writeModel(path, { ...graph, initializers });
  assert.match((await check()).refused!, /the answers of 'logits' differ/);
  await machine.close();
});
