/** Every operator with options, its output and gradients, and the loss, beside PyTorch's (fixtures/, made by scripts/fixtures). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { differentiate, expandModel, tape } from '../graph/index.js';
import { type Attribute, floatTensor, type Graph, type Node, newSource, sizeOf } from '../onnx/index.js';
import { type Machine, openMachine } from './index.js';
import { joined, masked, type Numbers, near, runOnEngine } from './tape.test.fixture.js';

interface Values {
  shape: number[];
  data: number[];
}

interface OperatorFixture {
  name: string;
  op: string;
  attributes: Record<string, number | string | number[]>;
  inputs: (Values & { name: string })[];
  output: Values;
  dy: number[];
  gradients: Record<string, Values>;
  running?: { mean: Values; var: Values };
}

const folder = new URL('../../src/engine/fixtures/', import.meta.url);
const fixtures = <T>(kind: string): T[] =>
  readdirSync(new URL(kind, folder)).map((file) =>
    JSON.parse(readFileSync(new URL(`${kind}/${file}`, folder), 'utf8')),
  );

let machine: Machine;
before(async () => {
  machine = await openMachine({ threads: 2 });
});
after(() => machine.close());

const floating = new Set(['alpha', 'beta', 'epsilon', 'momentum', 'cubic_coeff_a']);

function attribute(name: string, value: number | string | number[]): Attribute {
  if (typeof value === 'string') return { type: 'string', value };
  if (Array.isArray(value)) return { type: 'ints', value };
  return floating.has(name) ? { type: 'float', value } : { type: 'int', value };
}

/** Whether the fixture's samples may run side by side: not where they meet a matrix with a row for each. */
const isBatched = (f: OperatorFixture): boolean =>
  f.op !== 'Gemm' || (!f.attributes.transA && f.inputs[2]?.shape.length !== 2);

/** The numbers of each sample; all of them in one where samples cannot be taken apart. */
function samples({ shape, data }: Values, batched = true): Float32Array[] {
  const count = batched ? shape[0] : 1;
  const size = sizeOf(shape) / count;
  return Array.from({ length: count }, (_, n) => Float32Array.from(data.slice(n * size, (n + 1) * size)));
}

/** A model of the one node, for one sample; only the first input differs from sample to sample. */
function modelOf(f: OperatorFixture): Graph {
  const [x, ...rest] = f.inputs;
  const attributes = Object.entries(f.attributes).map(([name, value]) => [name, attribute(name, value)]);
  const node: Node = {
    name: f.name,
    op: f.op,
    domain: '',
    inputs: f.inputs.map((i) => i.name),
    outputs: ['y'],
    attributes: Object.fromEntries(attributes),
  };
  return {
    name: f.name,
    inputs: [{ name: x.name, dtype: 'float32', shape: isBatched(f) ? [1, ...x.shape.slice(1)] : x.shape }],
    outputs: [{ name: 'y', dtype: 'float32' }],
    nodes: [node],
    initializers: new Map(rest.map(({ name, shape, data }) => [name, floatTensor(shape, data)])),
    declared: new Map(),
    source: newSource(22),
  };
}

const operators = fixtures<OperatorFixture>('operators');

test('there are operators to compare', () => assert.ok(operators.length > 80));

for (const f of operators) {
  test(`operator ${f.name}`, async () => {
    const { tape: t, values } = expandModel(modelOf(f), { training: f.running !== undefined });
    const [x, ...rest] = f.inputs;
    const y = values.get('y')!;
    const given: Numbers = new Map([[x.name, samples(x, isBatched(f))]]);
    for (const { name, data } of rest) if (!t.type(name).constant) given.set(name, [Float32Array.from(data)]);
    given.set('dy', samples({ shape: f.output.shape, data: f.dy }, isBatched(f)));
    t.declare('dy', { dtype: 'float32', shape: t.type(y).shape, laned: true });
    const backwardFrom = t.nodes.length;
    const gradients = differentiate(t, new Map([[y, masked(t, 'dy')]]), Object.keys(f.gradients));
    const count = given.get(x.name)!.length;
    const outputs = [y, ...gradients.values()];
    const { results, state } = await runOnEngine(machine, { tape: t, given, outputs, count, backwardFrom });
    near(joined(results.get(y)!), f.output.data, 'output', 3e-6);
    for (const [name, { data }] of Object.entries(f.gradients)) {
      const core = gradients.get(name);
      assert.ok(core, `${name} has a gradient`);
      near(joined(results.get(core)!), data, `gradient of ${name}`);
    }
    if (!f.running) return;
    near(state.get(f.inputs[3].name)!, f.running.mean.data, 'running mean');
    near(state.get(f.inputs[4].name)!, f.running.var.data, 'running variance');
  });
}

interface LossFixture {
  name: string;
  labelSmoothing: number;
  logits: Values;
  labels: number[];
  loss: number;
  gradient: Values;
}

for (const f of fixtures<LossFixture>('losses')) {
  test(`cross-entropy ${f.name}`, async () => {
    const t = tape();
    t.declare('logits', { dtype: 'float32', shape: [1, f.logits.shape[1]], laned: true });
    t.declare('labels', { dtype: 'float32', shape: [1], laned: true });
    const given: Numbers = new Map([
      ['logits', samples(f.logits)],
      ['labels', f.labels.map((label) => Float32Array.of(label))],
    ]);
    const outputs = t.emit('crossEntropy', ['logits', 'labels'], { smoothing: f.labelSmoothing });
    const { results } = await runOnEngine(machine, { tape: t, given, outputs, count: f.labels.length });
    const [loss, correct, gradient] = outputs.map((name) => joined(results.get(name)!));
    near(loss, [f.loss], 'loss');
    near(gradient, f.gradient.data, 'gradient', 1e-5, 1e-7);
    const answers = samples(f.logits).map((z) => z.indexOf(Math.max(...z)));
    assert.equal(correct[0], answers.filter((answer, n) => answer === f.labels[n]).length);
  });
}
