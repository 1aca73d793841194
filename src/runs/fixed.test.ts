/** Models whose inputs say which of their branches is taken: pruned for one value of those, and exported with the inputs that they had. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { archive, reals } from '../data/npz.test.fixture.js';
import { withBranches } from '../graph/branch.test.fixture.js';
import { graphOf } from '../graph/graph.test.fixture.js';
import { intTensor, readModel, serializeModel, writeModel } from '../onnx/index.js';
import { inspectModel } from './inspect.js';
import { resolveRecipe } from './recipe.js';
import { startRun } from './run.js';

const root = mkdtempSync(join(tmpdir(), 'espalier-fixed-'));
after(() => rmSync(root, { recursive: true, force: true }));
const at = (name: string) => join(root, name);
const SAMPLES = 64;

/** One of two layers, by the rate; the axis in front of the answer goes where it is 1. */
before(async () => {
  const graph = graphOf({
    inputs: { sound: ['N', 'length'], rate: [] },
    nodes: [
      ['Equal', ['rate', 'high'], 'is high'],
      ['If', ['is high'], 'h'],
      ['Relu', ['h'], 'seen'],
      ['MatMul', ['seen', 'answer'], 'y'],
    ],
    outputs: { y: ['N', 3] },
    weights: { one: [8, 16], two: [8, 16], answer: [16, 3] },
    constants: { high: intTensor([], [16000]) },
    dtypes: { rate: 'int64' },
  });
  const branches = { h: { yes: ['MatMul', 'sound', 'one'], no: ['MatMul', 'sound', 'two'] } } as const;
  await writeModel(
    at('rates.onnx'),
    await withBranches(graph, { h: { yes: [...branches.h.yes], no: [...branches.h.no] } }),
  );
  const x = Array.from({ length: SAMPLES * 8 }, (_, i) => Math.sin(i * (1 + (i % 5))));
  writeFileSync(at('sound.npz'), archive({ sound: reals([SAMPLES, 8], x) }));
});

const settings = () => ({
  model: at('rates.onnx'),
  data: `npz:${at('sound.npz')}`,
  method: 'l1-filters',
  macs: 0.7,
});
const others = { roundTo: 1, epochs: 2, batch: 16, threads: 1 };

test('a model is pruned for one value of an input, which its file has still', async () => {
  const recipe = resolveRecipe('prune', { ...settings(), ...others, fix: 'rate=16000' }, '0');
  const { summary, folder } = await startRun(recipe, at('high'), {});
  const graph = await readModel(folder.model);
  assert.deepEqual(
    graph.nodes.map(({ op }) => op),
    ['MatMul', 'Relu', 'MatMul'],
  );
  assert.deepEqual(
    graph.inputs.map(({ name }) => name),
    ['sound', 'rate'],
  );
  assert.deepEqual([...graph.initializers.keys()].sort(), ['answer', 'one']);
  assert.ok(graph.initializers.get('one')!.shape[1] < 16);
  assert.match(summary!.export.check.by!, /^onnxruntime/);
  assert.ok(summary!.export.check.error! < 1e-4);
  const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
  const sound = new Tensor('float32', new Float32Array(16).fill(0.5), [2, 8]);
  const { y } = await session.run({ sound, rate: new Tensor('int64', BigInt64Array.of(16000n), []) });
  assert.deepEqual(y.dims, [2, 3]);
  await session.release();
  const { macs, unknown } = await inspectModel({ model: at('rates.onnx'), fix: 'rate=8000 sound=1,8' });
  assert.deepEqual([macs, unknown], [8 * 16 + 16 * 3, []]);
});

test('what cannot be fixed is said', async () => {
  const cases: [string, RegExp][] = [
    ['rate', /Cannot read "rate"; write --fix NAME=VALUE/],
    ['rate=', /Cannot read "rate="/],
    ['speed=3', /no input "speed" to fix; it has sound, rate/],
    ['rate=0.5', /rate takes whole numbers, and 0.5 is none/],
    ['sound=3', /sound is float32 \[N, length\]; --fix is for inputs of a single number/],
    ['sound=1,2,3', /sound is declared as \[N, length\], which \[1, 2, 3\] does not fit/],
  ];
  for (const [fix, message] of cases)
    await assert.rejects(inspectModel({ model: at('rates.onnx'), fix }), { name: 'UserError', message });
});
