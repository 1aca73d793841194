/** Checks of models that the engine cannot compute: onnxruntime by itself, or nobody. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { findChannels, type Selection, shrink } from '../../channels/index.js';
import { sketch } from '../../channels/sketch.test.fixture.js';
import { type Machine, openMachine } from '../../engine/index.js';
import { batchOf } from '../../graph/index.js';
import { floatTensor, type Graph, writeModel } from '../../onnx/index.js';
import { UncheckedError } from '../export.js';
import { randomSamples } from '../samples.js';
import { agreement } from '../structured/agree.js';
import { hindranceOf } from './alone.js';
import { checkFile } from './check.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-alone-'));
let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(async () => {
  await machine.close();
  rmSync(root, { recursive: true, force: true });
});

/** Two layers, and one more operator that the engine does not know. */
function withOperator(op: string): Graph {
  const s = sketch(13);
  const h = s.relu(s.linear(s.linear(s.input('x', [6]), 'a', 6, 8), 'b', 8, 8));
  return s.finish(s.op(op, [h]));
}

const options = () => ({ machine, inputShapes: {}, samples: randomSamples });

async function check(graph: Graph, original: Graph) {
  const path = join(root, 'model.onnx');
  await writeModel(path, graph);
  return checkFile(path, graph, { ...options(), original });
}

test('what the engine cannot compute is said as a clause', () => {
  const of = (graph: Graph) => hindranceOf(graph, batchOf(graph));
  assert.match(of(withOperator('Shrink'))!, /^espalier does not know the operator of Shrink 'Shrink\d+'$/);
  assert.equal(of(withOperator('Softmax')), undefined);
});

test('onnxruntime runs what the engine cannot', async () => {
  const graph = withOperator('Shrink');
  const { by, samples, error, note, refused } = await check(graph, graph);
  assert.match(by!, /^onnxruntime \d/);
  assert.deepEqual([samples, refused], [8, undefined]);
  assert.ok(error! < 1e-5);
  assert.match(
    note!,
    /cannot compute this model \(.*Shrink.*\); onnxruntime runs it, and gives what the engine gives for Relu\d+\.$/,
  );
});

test('what neither can run is not checked, unless onnxruntime could run the model that was given', async () => {
  const odd = withOperator('vendor.Swirl');
  const { by, samples, unchecked, refused } = await check(odd, odd);
  assert.deepEqual([by, samples, refused], [undefined, 0, undefined]);
  assert.match(unchecked!, /vendor\.Swirl.*, and neither can onnxruntime \(onnxruntime refuses sketch: /);
  const worse = await check(odd, withOperator('Shrink'));
  assert.match(worse.refused!, /^onnxruntime refuses sketch: /);
});

test('a network without its channels is compared with the masked one in onnxruntime', async () => {
  const graph = withOperator('Shrink');
  const channels = findChannels(graph);
  const selection: Selection = new Map(
    channels.groups.map(({ name, size }) => [name, Array.from({ length: size }, (_, i) => i % 2 === 0)]),
  );
  const smaller = shrink(graph, channels, selection);
  const path = join(root, 'shrunk.onnx');
  const compare = (other: Graph) =>
    agreement({ graph, smaller: other, channels, selection }, { ...options(), path });
  assert.ok((await compare(smaller))! < 1e-5);
  const weight = smaller.initializers.get('b')!;
  const wrong = floatTensor(
    weight.shape,
    Float32Array.from(weight.data as Float32Array, (x) => 1.01 * x),
  );
  const changed = { ...smaller, initializers: new Map(smaller.initializers).set('b', wrong) };
  await assert.rejects(compare(changed), UncheckedError);
  assert.ok(existsSync(join(root, 'shrunk.unchecked.onnx')));

  const odd = withOperator('vendor.Swirl');
  const oddChannels = findChannels(odd);
  const pair = { graph: odd, smaller: shrink(odd, oddChannels, selection), channels: oddChannels, selection };
  assert.equal(await agreement(pair, { ...options(), path }), undefined);
});
