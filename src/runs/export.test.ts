import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDataset } from '../data/index.js';
import { openMachine } from '../engine/index.js';
import { buildNetwork } from '../nn/index.js';
import { floats, type Graph, readModel } from '../onnx/index.js';
import { exportModel, flushSubnormals, UncheckedError } from './export.js';
import { samplesOf } from './samples.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-export-'));
after(() => rmSync(root, { recursive: true, force: true }));

const network = (): Graph => buildNetwork('resnet8', { shape: [1, 8, 8], classes: 10, seed: 0, width: 0.25 });

/** The graph with other values at the start of one weight. */
function spoilt(graph: Graph, name: string, ...values: number[]): Graph {
  const tensor = graph.initializers.get(name)!;
  const data = floats(tensor).slice();
  data.set(values);
  return { ...graph, initializers: new Map(graph.initializers).set(name, { ...tensor, data }) };
}

test('an export is checked, its sub-normal weights are zero, and nothing else is left behind', async () => {
  const machine = await openMachine({ threads: 1 });
  try {
    const dataset = await openDataset('digits');
    const graph = spoilt(network(), 'conv1.weight', 1e-40, -1e-42, 2 ** -126, 0);
    const path = join(root, 'model.onnx');
    const { flushed, check, bytes } = await exportModel(path, graph, {
      machine,
      samples: samplesOf(dataset),
      inputShapes: {},
    });
    assert.equal(flushed, 2);
    assert.match(check.by!, /^onnxruntime \d/);
    assert.equal(check.samples, 8);
    assert.ok(check.error! < 1e-4);
    assert.ok(bytes.gzip < bytes.raw);
    const written = floats((await readModel(path)).initializers.get('conv1.weight')!);
    assert.deepEqual([...written.subarray(0, 4)], [0, 0, 2 ** -126, 0]);
    assert.deepEqual(readdirSync(root), ['model.onnx']);

    const broken = spoilt(network(), 'conv1.weight', Number.NaN);
    const refused = exportModel(join(root, 'broken.onnx'), broken, {
      machine,
      samples: samplesOf(dataset),
      inputShapes: {},
    });
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof UncheckedError);
      assert.match(
        error.message,
        /broken\.unchecked\.onnx instead: .*'logits' are not as many, or not all numbers/,
      );
      return true;
    });
    assert.deepEqual(readdirSync(root).sort(), ['broken.unchecked.onnx', 'model.onnx']);
  } finally {
    await machine.close();
  }
});

test('a graph without sub-normal weights stays the same object', () => {
  const graph = network();
  assert.equal(flushSubnormals(graph).graph, graph);
});
