/** Ifs whose conditions follow from shapes are decided, unless another size that the file leaves open says otherwise. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { type Sketch, sketch } from '../channels/sketch.test.fixture.js';
import type { Graph } from '../onnx/model.js';
import { serializeModel } from '../onnx/serialize.js';
import { withBranches } from './branch.test.fixture.js';
import { decideBranches } from './branches.js';

const shape = [2, 1, 6];

async function answers(graph: Graph): Promise<number[]> {
  const session = await InferenceSession.create(serializeModel(graph), { logSeverityLevel: 4 });
  const x = Float32Array.from({ length: 12 }, (_, i) => Math.sin(i));
  const results = await session.run({ x: new Tensor('float32', x, shape) });
  await session.release();
  return Array.from(Object.values(results)[0].data as Float32Array);
}

const opsOf = ({ nodes }: Graph) => nodes.map(({ op }) => op).join(' ');

/** Whether an axis is 1. */
const isOne = (s: Sketch, x: string, axis: number) =>
  s.op('Equal', [s.op('Gather', [s.op('Shape', [x]), s.index(axis)]), s.index(1)]);

/** Squeezes an axis where it is 1, as PyTorch exports it, and asks the rank of the result after that; a weight in either branch. */
async function squeezed(dims: (number | string)[], axis = 1): Promise<Graph> {
  const s = sketch(17);
  const x = s.input('x', [1, 6]);
  const first = s.op('If', [isOne(s, x, axis)]);
  const second = s.op('If', [s.op('Equal', [s.op('Size', [s.op('Shape', [first])]), s.index(2)])]);
  const graph = s.finish(s.op('Add', [second, s.weight('w', 6)]));
  const [axes, a, b] = [s.ints(1), s.weight('a', 6), s.weight('b', 6)];
  const built = await withBranches(
    { ...graph, inputs: [{ name: 'x', dtype: 'float32', shape: dims }] },
    {
      [first]: { yes: ['Squeeze', x, axes], no: ['Identity', x] },
      [second]: { yes: ['Mul', first, a], no: ['Mul', first, b] },
    },
  );
  return built;
}

test('what all shapes agree on is decided, one after another, and the rest is gone', async () => {
  const graph = await squeezed(['N', 1, 6]);
  const decided = await decideBranches(graph);
  assert.equal(opsOf(decided), 'Squeeze Mul Add');
  assert.deepEqual(
    [...decided.initializers.keys()].filter((name) => !name.startsWith('ints')),
    ['w', 'a'],
  );
  assert.deepEqual(decided.inputs, graph.inputs);
  assert.deepEqual(await answers(decided), await answers(graph));
});

test('what holds at one size only stays a question', async () => {
  const wide = await squeezed(['N', 'rows', 6]);
  assert.equal(await decideBranches(wide, { x: [1, 1, 6] }), wide);
  const batch = await squeezed(['N', 1, 6], 0);
  assert.equal(await decideBranches(batch), batch);
  assert.equal(await decideBranches(wide), wide, 'shapes that are not given are for others to ask for');
  const single = await decideBranches(await squeezed([2, 1, 6], 0));
  assert.equal(opsOf(single), 'Identity Mul Add');
});
