import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Machine, openMachine } from '../engine/index.js';
import { floats, type Graph } from '../onnx/index.js';
import {
  answersOf,
  type Case,
  COUNT,
  cases,
  disturbed,
  samplesIn,
  withValues,
} from './cases.test.fixture.js';
import { reconstruct } from './reconstruct.js';

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const RIDGE = 1e-2;

const run = (graph: Graph, on = machine, order?: number[]) =>
  reconstruct(
    { teacher: graph, student: disturbed(graph) },
    { machine: on, samples: samplesIn(order), ridge: RIDGE },
  );

/** x of A x = b, by Gauss with pivots. */
function solved(matrix: number[][], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]]);
  const n = rows.length;
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let r = i + 1; r < n; r++) if (Math.abs(rows[r][i]) > Math.abs(rows[pivot][i])) pivot = r;
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (let r = i + 1; r < n; r++) {
      const factor = rows[r][i] / rows[i][i];
      for (let k = i; k <= n; k++) rows[r][k] -= factor * rows[i][k];
    }
  }
  const x = new Array<number>(n).fill(0);
  for (let i = n - 1; i >= 0; i--) {
    let sum = rows[i][n];
    for (let k = i + 1; k < n; k++) sum -= rows[i][k] * x[k];
    x[i] = sum / rows[i][i];
  }
  return x;
}

/**
 * What reconstruction is by its definition: how the target moves with each element of the weight is measured by setting that element
 * alone, and the changes that come nearest to what is missing, with the ridge, are solved for output by output.
 */
function byDefinition(
  { graph, weight, row, scale, target, shifted }: Case,
  student: Graph,
  mayChange = (_element: number) => true,
) {
  const size = floats(graph.initializers.get(weight)!).length;
  const outputs = Math.max(...Array.from({ length: size }, (_, i) => row(i))) + 1;
  const { shape } = graph.initializers.get(weight)!;
  const axis = target === 'y' && graph.nodes.some(({ op }) => op === 'MatMul') ? (shape[0] === 7 ? 2 : 3) : 1;
  const value = (of: Graph) => answersOf(of, target, { outputs, axis });
  const [wanted, there] = [value(graph), value(student)];
  const none = value(withValues(student, weight, new Float32Array(size)));
  const changes = new Float64Array(size);
  let least = 0;
  for (let o = 0; o < outputs; o++) {
    const elements = Array.from({ length: size }, (_, i) => i).filter((i) => row(i) === o && mayChange(i));
    const columns = elements.map((element) => {
      const alone = new Float32Array(size);
      alone[element] = 1;
      const moved = value(withValues(student, weight, alone))[o];
      return moved.map((x, i) => (x - none[o][i]) / scale(o));
    });
    const centred = (column: Float64Array) => {
      const mean = shifted ? column.reduce((sum, x) => sum + x, 0) / column.length : 0;
      return column.map((x) => x - mean);
    };
    const error = centred(wanted[o].map((x, i) => x - there[o][i]));
    const design = columns.map(centred);
    const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, i) => sum + x * b[i], 0);
    const gram = design.map((a) => design.map((b) => dot(a, b)));
    const ridge = (RIDGE * gram.reduce((sum, line, i) => sum + line[i], 0)) / gram.length;
    const found = solved(
      gram.map((line, i) => line.map((x, j) => (i === j ? x + ridge : x))),
      design.map((a) => dot(a, error)),
    );
    for (const [i, element] of elements.entries()) changes[element] = found[i] / scale(o);
    const left = error.map((x, i) => x - found.reduce((sum, f, j) => sum + f * design[j][i], 0));
    least += dot(left, left);
  }
  const old = floats(student.initializers.get(weight)!);
  return { weights: Array.from(old, (x, i) => x + changes[i]), changes, least, value, wanted };
}

for (const one of cases) {
  test(`${one.name}: the weights are those of a dense solver in double precision`, async () => {
    const { graph, layers, left } = await run(one.graph);
    assert.deepEqual([layers.map(({ weight }) => weight), left], [[one.weight], []]);
    const golden = byDefinition(one, disturbed(one.graph));
    const found = floats(graph.initializers.get(one.weight)!);
    const largest = golden.changes.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    assert.ok(largest > 0.01, 'there is something to change');
    for (const [i, x] of golden.weights.entries())
      assert.ok(Math.abs(found[i] - x) < 1e-3 * largest, `${i}: ${found[i]}, not ${x}`);
    const now = golden.value(graph);
    const error = now.reduce(
      (sum, values, o) => sum + values.reduce((part, x, i) => part + (golden.wanted[o][i] - x) ** 2, 0),
      0,
    );
    assert.ok(Math.abs(error - golden.least) < 1e-3 * golden.least, `${error}, not ${golden.least}`);
    assert.ok(layers[0].after < layers[0].before);
  });
}

/** With every third weight of the layer at 0. */
const thinned = ({ graph, weight }: Case): Graph =>
  withValues(
    graph,
    weight,
    Float32Array.from(floats(graph.initializers.get(weight)!), (x, i) => (i % 3 === 1 ? 0 : x)),
  );

for (const one of cases) {
  test(`${one.name}: of a layer that has lost weights those that are left are solved for`, async () => {
    const student = thinned(one);
    const how = { machine, samples: samplesIn(), ridge: RIDGE, keepZeros: true };
    const { graph, layers } = await reconstruct({ teacher: one.graph, student }, how);
    assert.deepEqual(
      layers.map(({ weight }) => weight),
      [one.weight],
    );
    const before = floats(student.initializers.get(one.weight)!);
    const golden = byDefinition(one, student, (i) => before[i] !== 0);
    const found = floats(graph.initializers.get(one.weight)!);
    const largest = golden.changes.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    assert.ok(largest > 0.01, 'there is something to change');
    for (const [i, x] of golden.weights.entries()) {
      assert.ok(Math.abs(found[i] - x) < 1e-3 * largest, `${i}: ${found[i]}, not ${x}`);
      if (before[i] === 0) assert.equal(found[i], 0);
    }
    assert.ok(layers[0].after < layers[0].before);
  });
}

test('the same bits on one thread and on two; in another order of the samples the same up to rounding', async () => {
  const alone = await openMachine({ threads: 1 });
  try {
    for (const { graph, weight } of cases.slice(3, 6)) {
      const [one, two] = [await run(graph, alone), await run(graph)];
      assert.deepEqual(one.graph.initializers, two.graph.initializers);
      assert.deepEqual(one.layers, two.layers);
      const order = Array.from({ length: COUNT }, (_, i) => (i * 5) % COUNT);
      const other = floats((await run(graph, machine, order)).graph.initializers.get(weight)!);
      for (const [i, x] of floats(two.graph.initializers.get(weight)!).entries())
        assert.ok(Math.abs(other[i] - x) < 1e-4, `${other[i]}, not ${x}`);
    }
  } finally {
    await alone.close();
  }
});

test('a normalisation behind the layer gets the statistics of what it reads then', async () => {
  const { graph } = await run(cases[cases.length - 1].graph);
  const values = answersOf(graph, 'c', { outputs: 4, axis: 1 });
  const [mean, variance] = ['mean', 'variance'].map((name) => floats(graph.initializers.get(name)!));
  for (const [o, row] of values.entries()) {
    const average = row.reduce((sum, x) => sum + x, 0) / row.length;
    const spread = row.reduce((sum, x) => sum + (x - average) ** 2, 0) / row.length;
    assert.ok(Math.abs(mean[o] - average) < 1e-4 && Math.abs(variance[o] - spread) < 1e-3 * spread);
  }
});

test('a network that is the same as its teacher stays as it is', async () => {
  const { graph } = cases[0];
  const { graph: result, layers } = await reconstruct(
    { teacher: graph, student: graph },
    { machine, samples: samplesIn() },
  );
  assert.deepEqual([layers, result.initializers], [[], graph.initializers]);
});
