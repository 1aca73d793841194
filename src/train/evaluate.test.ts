import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memorySplit } from '../data/index.js';
import { byName, type Network } from '../engine/index.js';
import { trainingGraph } from '../objectives/index.js';
import { evaluate } from './evaluate.js';
import { linearData, linearNetwork } from './linear.test.fixture.js';
import { weightsOf, withWeights } from './weights.js';

/** A network that puts out its input, after `ops`. */
function echo(classes: number, ops: string[], map = (row: Float32Array): Float32Array => row): Network {
  const graph = {
    ...linearNetwork().graph,
    outputs: [{ name: `v${ops.length}`, dtype: 'float32' as const }],
  };
  const network: Partial<Network> = {
    graph: {
      ...graph,
      nodes: ops.map((op, i) => ({
        ...{ name: `${op}${i}`, op, domain: '', inputs: [`v${i}`], outputs: [`v${i + 1}`], attributes: {} },
      })),
    },
    inputs: new Map([['x', [1, 1, classes]]]),
    inference: ({ batch, outputs = [`v${ops.length}`] }) => ({
      batch,
      peakBytes: 0,
      outputs: new Map(outputs.map((name) => [name, [classes, 1, 1]])),
      async run(inputs, count) {
        const { x } = byName(inputs, ['x']);
        const rows = Array.from({ length: count }, (_, i) => map(x.subarray(i * classes, (i + 1) * classes)));
        const answers = Float32Array.from(rows.flatMap((row) => [...row]));
        return Object.fromEntries(outputs.map((name) => [name, answers]));
      },
      profile: () => new Map(),
      steps: () => [],
      close() {},
    }),
  };
  return network as Network;
}

const rows = (classes: number, labels: number[], ...values: number[]) =>
  memorySplit(Float32Array.from(values), Int32Array.from(labels), [1, 1, classes]);
const normalize = { mean: [0], std: [1], scale: 1 };

test('loss and accuracy of logits, also huge ones', async () => {
  const split = rows(3, [0, 2, 1], 1, 2, 3, 0, 0, 0, 5, 1000, 6);
  const { loss, accuracy, top5, count } = await evaluate(echo(3, ['Gemm']), split, { normalize, batch: 2 });
  const expected = (Math.log(1 + Math.E + Math.E ** 2) + Math.log(3) + 0) / 3;
  assert.ok(Math.abs(loss - expected) < 1e-6, `${loss} is not ${expected}`);
  assert.deepEqual({ accuracy, top5, count }, { accuracy: 1 / 3, top5: undefined, count: 3 });
});

test('a model that ends in Softmax or LogSoftmax has the same loss', async () => {
  const split = rows(3, [0, 1], 1, 2, 3, -1, 4, 0);
  const softmax = (row: Float32Array) => {
    const sum = row.reduce((total, x) => total + Math.exp(x), 0);
    return row.map((x) => Math.exp(x) / sum);
  };
  const plain = await evaluate(echo(3, ['Gemm']), split, { normalize });
  const probabilities = echo(3, ['Gemm', 'Softmax', 'Flatten'], softmax);
  const logarithms = echo(3, ['Gemm', 'LogSoftmax'], (row) => softmax(row).map(Math.log));
  for (const network of [probabilities, logarithms]) {
    const { loss, accuracy } = await evaluate(network, split, { normalize });
    assert.ok(Math.abs(loss - plain.loss) < 1e-6);
    assert.equal(accuracy, plain.accuracy);
  }
});

test('top-5 counts from ten classes on; ties go to the lower class, and NaN is never right', async () => {
  const ascending = Array.from({ length: 10 }, (_, i) => i);
  const split = rows(10, [5, 4, 0, 1], ...ascending, ...ascending, ...Array(20).fill(0));
  const { accuracy, top5 } = await evaluate(echo(10, []), split, { normalize });
  assert.deepEqual({ accuracy, top5 }, { accuracy: 1 / 4, top5: 3 / 4 });
  const broken = rows(10, [0, 1], ...Array(20).fill(Number.NaN));
  assert.deepEqual((await evaluate(echo(10, []), broken, { normalize })).top5, 0);
  const half = rows(3, [0, 1], 1, Number.NaN, 0, 0, Number.NaN, 1);
  assert.equal((await evaluate(echo(3, []), half, { normalize })).accuracy, 0);
});

test('it tells how far it is and can be stopped', async () => {
  const data = linearData();
  const seen: number[] = [];
  await evaluate(linearNetwork(), data.train, {
    normalize,
    batch: 20,
    onProgress: (done) => seen.push(done),
  });
  assert.deepEqual(seen, [20, 40, 50]);
  const stop = new AbortController();
  const network = linearNetwork();
  const stopped = evaluate(network, data.train, {
    normalize,
    batch: 20,
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  await assert.rejects(stopped, { name: 'AbortError' });
  assert.equal(network.open(), 0);
});

test('what is no classifier of these images is said', async () => {
  const network = linearNetwork();
  const { train } = linearData();
  const two = { ...network, inputs: new Map([...network.inputs, ['z', [1]]]) };
  await assert.rejects(evaluate(two, train, { normalize }), /has 2 inputs \(x, z\)/);
  const outputs = [...network.graph.outputs, { name: 'z', dtype: 'float32' as const }];
  const forked = { ...network, graph: { ...network.graph, outputs } };
  await assert.rejects(evaluate(forked, train, { normalize }), /has 2 outputs \(y, z\)/);
  await assert.rejects(
    evaluate(network, rows(4, [0], 1, 2, 3, 4), { normalize }),
    /the data have \[1, 1, 4\]/,
  );
});

test('the training graph has logits, and its weights go back into the original', () => {
  const { graph } = linearNetwork();
  assert.equal(trainingGraph(graph), graph);
  const nodes = graph.nodes.map((node) => (node.name === 'y' ? { ...node, outputs: ['z'] } : node));
  const softmax = { ...graph.nodes[0], name: 's', op: 'Softmax', inputs: ['z'], outputs: ['y'] };
  const ending = { ...graph, nodes: [...nodes, softmax] };
  const training = trainingGraph(ending);
  assert.deepEqual(
    training.nodes.map(({ op }) => op),
    ['Flatten', 'Gemm', 'Identity'],
  );
  const weights = weightsOf(linearNetwork(2));
  const restored = withWeights(ending, weights);
  assert.deepEqual(restored.nodes, ending.nodes);
  assert.deepEqual(restored.initializers.get('w')!.data, weights.get('w'));
  assert.deepEqual(restored.initializers.get('w')!.shape, [3, 4]);
  assert.throws(() => withWeights(graph, new Map([['w', new Float32Array(3)]])), /weights of w do not fit/);
});

test('answers that give no finite loss are counted', async () => {
  const rows = [
    [1, 2, 0],
    [Number.NaN, 0, 0],
    [Number.POSITIVE_INFINITY, 0, 0],
    [0, 0, Number.NEGATIVE_INFINITY],
  ];
  const split = memorySplit(Float32Array.from(rows.flat()), new Int32Array(4), [1, 1, 3]);
  const result = await evaluate(echo(3, []), split, { normalize: { mean: [0], std: [1], scale: 1 } });
  assert.equal(result.notFinite, 2);
  assert.ok(Number.isNaN(result.loss));
  const { notFinite, loss } = await evaluate(
    echo(3, []),
    memorySplit(Float32Array.from(rows[3]), new Int32Array(1), [1, 1, 3]),
    { normalize: { mean: [0], std: [1], scale: 1 } },
  );
  assert.equal(notFinite, undefined);
  assert.ok(Number.isFinite(loss));
});

test('every class is counted by itself where that is asked for', async () => {
  const split = rows(3, [0, 2, 2], 9, 0, 0, 0, 0, 9, 9, 0, 0);
  const { byClass } = await evaluate(echo(3, ['Gemm']), split, { normalize, byClass: true });
  assert.deepEqual(byClass, { samples: [1, 0, 2], right: [1, 0, 1] });
  assert.equal((await evaluate(echo(3, ['Gemm']), split, { normalize })).byClass, undefined);
});
