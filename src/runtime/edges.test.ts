/** Models at the edge of what is valid, in the runtime and in the engine, against the reference in float64. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { random } from '../base/index.js';
import { loadNetwork, type Machine, openMachine } from '../engine/index.js';
import { floatTensor, type Graph, newSource, sizeOf, type Tensor } from '../onnx/index.js';
import { means, meant } from './meaning.test.fixture.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 1 });
});
after(() => machine.close());

const ints = (...values: bigint[]): Tensor => ({
  dtype: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values),
});

/** Nodes from x on, each with the one before as its first input. */
function chain(
  shape: number[],
  nodes: (Pick<Graph['nodes'][number], 'op'> & Partial<Graph['nodes'][number]>)[],
  constants: Record<string, Tensor> = {},
): Graph {
  const value = (i: number) => (i < 0 ? 'x' : `y${i}`);
  return {
    name: 'chain',
    inputs: [{ name: 'x', dtype: 'float32', shape }],
    outputs: [{ name: value(nodes.length - 1), dtype: 'float32' }],
    nodes: nodes.map(({ op, inputs = [], attributes = {} }, i) => ({
      ...{ name: `node${i}`, op, domain: '', attributes },
      ...{ inputs: [value(i - 1), ...inputs], outputs: [value(i)] },
    })),
    initializers: new Map(Object.entries(constants)),
    declared: new Map(),
    source: newSource(14),
  };
}

/** The same numbers from the reference, the runtime and the engine. */
async function everywhere(graph: Graph, tolerance = 1e-5): Promise<void> {
  await means(graph, { machine, draws: random(3, 'edges'), tolerance });
  const shape = graph.inputs[0].shape as number[];
  const x = floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => 1 + Math.sin(i) / 4),
  );
  const [expected] = meant(graph, x);
  const network = loadNetwork(graph, { machine });
  const run = network.inference({ batch: shape[0] });
  const [found] = Object.values(await run.run({ x: x.data as Float32Array }, shape[0]));
  expected.forEach((value, i) => {
    assert.ok(
      Math.abs(found[i] - value) <= tolerance * Math.max(1, Math.abs(value)),
      `${found[i]}, ${value}`,
    );
  });
  network.close();
}

for (const count of [1, 12, 13, 16, 64, 1000])
  test(`the product of ${count} numbers`, async () => {
    const axes = { type: 'ints' as const, value: [1] };
    await everywhere(chain([1, count], [{ op: 'ReduceProd', attributes: { axes } }]));
    await everywhere(chain([2, count, 3], [{ op: 'ReduceProd', attributes: { axes } }]));
  });

test('a step beyond all memory, where one element is taken', async () => {
  const constants = {
    from: ints(0n),
    to: ints(1n),
    axes: ints(1n),
    by: ints(2n ** 63n - 1n),
    back: ints(-(2n ** 63n)),
  };
  for (const step of ['by', 'back']) {
    const start = step === 'by' ? 'from' : 'to';
    const end = step === 'by' ? 'to' : 'from';
    await everywhere(chain([2, 2, 7], [{ op: 'Slice', inputs: [start, end, 'axes', step] }], constants));
  }
});

test('a value added to itself again and again', () => {
  const nodes = Array.from({ length: 60 }, (_, i) => ({ op: 'Add', inputs: [i === 0 ? 'x' : `y${i - 1}`] }));
  return everywhere(chain([1, 4], nodes));
});

test('sums, products and extremes of more inputs than a formula takes', async () => {
  for (const op of ['Sum', 'Mean', 'Max', 'Min'])
    await everywhere(
      chain(
        [2, 5],
        [{ op: 'Relu' }, { op, inputs: Array.from({ length: 40 }, (_, i) => (i % 3 ? 'x' : 'y0')) }],
      ),
    );
});

test('more axes than the map kernel has', async () => {
  const perm = { type: 'ints' as const, value: [6, 4, 2, 0, 1, 3, 5, 7] };
  const axes = { type: 'ints' as const, value: [1, 3, 5, 7] };
  const shape = [1, 2, 3, 2, 2, 3, 2, 2];
  await everywhere(chain(shape, [{ op: 'Transpose', attributes: { perm } }, { op: 'Relu' }]));
  await everywhere(chain(shape, [{ op: 'ReduceMean', attributes: { axes } }]));
  await everywhere(
    chain(shape, [
      { op: 'Transpose', attributes: { perm } },
      { op: 'ReduceMax', attributes: { axes } },
    ]),
  );
});

test('images with numbers for their rows, columns or pixels that all channels share', async () => {
  const pool = { op: 'MaxPool', attributes: { kernel_shape: { type: 'ints' as const, value: [2, 2] } } };
  await everywhere(chain([1, 3, 6, 5], [pool, { op: 'Trilu' }]));
  for (const shape of [[4], [5, 1], [5, 4], [1, 5, 1], [3, 1, 1], [1, 3, 5, 4]]) {
    const w = floatTensor(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => i + 1),
    );
    for (const op of ['Mul', 'Add'])
      await everywhere(chain([1, 3, 6, 5], [pool, { op, inputs: ['w'] }], { w }));
  }
});

test('norms of the images that a convolution without padding makes', () => {
  const w = floatTensor(
    [2, 3, 2, 2],
    Float32Array.from({ length: 24 }, (_, i) => Math.cos(3 * i)),
  );
  return everywhere(chain([1, 3, 5, 5], [{ op: 'Conv', inputs: ['w'] }, { op: 'GlobalLpPool' }], { w }));
});
