/** Recurrent operators on the engine: outputs and gradients beside PyTorch's (fixtures/recurrent), and any form beside float64. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { loopCases, readFrom } from '../graph/bodies/loops.test.fixture.js';
import { differentiate, expandModel } from '../graph/index.js';
import { given, modelOf } from '../graph/ops/against.test.fixture.js';
import { caseOf, formsOf, smooth } from '../graph/ops/recurrent.test.fixture.js';
import {
  type Attribute,
  float,
  floatTensor,
  type Graph,
  int,
  isFloat,
  newSource,
  sizeOf,
  string,
  stringList,
  type Tensor,
} from '../onnx/index.js';
import { loadNetwork, type Machine, openMachine } from './index.js';
import { agrees, emptyPlan, joined, masked, near, type Plan, runOnEngine } from './tape.test.fixture.js';

interface Values {
  shape: number[];
  data: number[];
}

interface Fixture {
  name: string;
  op: string;
  attributes: Record<string, number | string | string[]>;
  inputs: (Values & { name: string })[];
  lengths: number[] | null;
  outputs: Values[];
  dys: number[][];
  gradients: Record<string, Values>;
}

const folder = new URL('../../src/engine/fixtures/recurrent/', import.meta.url);
const fixtures: Fixture[] = readdirSync(folder).map((file) =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
);

const machines: Machine[] = [];
before(async () => {
  machines.push(await openMachine({ threads: 2 }), await openMachine({ engine: 'wasm', threads: 2 }));
});
after(() => Promise.all(machines.map((machine) => machine.close())));

const order = ['X', 'W', 'R', 'B', 'lengths', 'initial_h', 'initial_c', 'P'];

function attribute(name: string, value: number | string | string[]): Attribute {
  if (typeof value === 'string') return string(value);
  if (Array.isArray(value)) return stringList(value);
  return name === 'clip' ? float(value) : int(value);
}

/** A run of the fixture's batch is one sample; what is learnt is an initialiser. */
function graphOf({ name, op, attributes, inputs, lengths, outputs }: Fixture): Graph {
  const named = new Map(inputs.map((input) => [input.name, input]));
  const inputNames = order
    .slice(0, op === 'LSTM' ? 8 : 6)
    .map((name) => (named.has(name) || (name === 'lengths' && lengths) ? name : ''));
  const states = ['X', 'initial_h', 'initial_c'].filter((name) => named.has(name));
  const weights = [...named.keys()].filter((name) => !states.includes(name));
  const constants = new Map<string, Tensor>(
    weights.map((name) => [name, floatTensor(named.get(name)!.shape, named.get(name)!.data)]),
  );
  if (lengths)
    constants.set('lengths', { dtype: 'int32', shape: [lengths.length], data: Int32Array.from(lengths) });
  const node = {
    ...{ name, op, domain: '', inputs: inputNames },
    outputs: outputs.map((_, k) => `y${k}`),
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([key, value]) => [key, attribute(key, value)]),
    ),
  };
  return {
    ...{ name, nodes: [node], initializers: constants, declared: new Map(), source: newSource(14) },
    inputs: states.map((name) => ({ name, dtype: 'float32', shape: named.get(name)!.shape })),
    outputs: node.outputs.map((name) => ({ name, dtype: 'float32' })),
  };
}

for (const f of fixtures)
  test(`beside PyTorch: ${f.name}`, async () => {
    const { tape: t, values } = expandModel(graphOf(f), { training: true });
    const ys = f.outputs.map((_, k) => values.get(`y${k}`)!);
    const numbers = new Map(f.inputs.map(({ name, data }) => [name, [Float32Array.from(data)]]));
    f.outputs.forEach(({ shape }, k) => {
      t.declare(`dy${k}`, { dtype: 'float32', shape, laned: true });
      numbers.set(`dy${k}`, [Float32Array.from(f.dys[k])]);
    });
    const backwardFrom = t.nodes.length;
    const seeds = new Map(ys.map((y, k) => [y, masked(t, `dy${k}`)]));
    const gradients = differentiate(t, seeds, Object.keys(f.gradients));
    const outputs = [...ys, ...gradients.values()];
    for (const machine of machines) {
      const { results } = await runOnEngine(machine, {
        tape: t,
        given: numbers,
        outputs,
        count: 1,
        backwardFrom,
      });
      f.outputs.forEach(({ data }, k) => {
        near(joined(results.get(ys[k])!), data, `output ${k}`, 3e-6);
      });
      for (const [name, { data }] of Object.entries(f.gradients))
        near(joined(results.get(gradients.get(name)!)!), data, `gradient of ${name}`);
    }
  });

/** Numbers for the inputs, of every sample, and for what is learnt. */
function giveTo(
  plan: Plan,
  graph: Graph,
  learnt: Iterable<string>,
  draw: (input: string, sample: number, k: number) => Pick<Tensor, 'data'>,
): void {
  const real = ({ data }: Pick<Tensor, 'data'>) => Float32Array.from(data as Float32Array);
  for (const [k, { name }] of graph.inputs.entries())
    plan.given.set(
      name,
      Array.from({ length: plan.count }, (_, sample) => real(draw(name, sample, k))),
    );
  for (const name of learnt) plan.given.set(name, [real(graph.initializers.get(name)!)]);
}

test('any form, and its gradients, on the engine and in float64', async () => {
  await fc.assert(
    fc.asyncProperty(
      formsOf(smooth),
      fc.boolean(),
      fc.integer({ min: 1, max: 18 }),
      async (form, training, count) => {
        const one = caseOf(form);
        const graph = modelOf(one);
        const { tape: t, values, learnt } = expandModel(graph, { training });
        const plan: Plan = { ...emptyPlan(count), tape: t, batch: 20, backwardFrom: t.nodes.length };
        giveTo(plan, graph, learnt.keys(), (name, sample) => {
          const index = Number(name.slice(2));
          return given(one.inputs[index]!, 10 * sample + index);
        });
        const ys = graph.outputs.map(({ name }) => values.get(name)!);
        const real = graph.inputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name);
        // The sum of squares of all outputs.
        const gradients = differentiate(t, new Map(ys.map((y) => [y, masked(t, y)])), [
          ...real,
          ...learnt.keys(),
        ]);
        await agrees(machines[0], { ...plan, outputs: [...ys, ...gradients.values()] }, 5e-5, 1e-5);
      },
    ),
    { numRuns: 15, seed: 15 },
  );
});

for (const one of loopCases)
  test(`${one.name}: outputs and gradients on the engine and in float64`, async () => {
    const graph = await readFrom(one.sketch);
    const { tape: t, values, learnt, dtypes } = expandModel(graph, { training: true });
    const count = 5;
    const plan: Plan = { ...emptyPlan(count), tape: t, batch: 16, backwardFrom: t.nodes.length };
    giveTo(plan, graph, learnt.keys(), (name, sample, k) =>
      given({ shape: [...t.type(values.get(name)!).shape] }, 10 * sample + k),
    );
    const ys = graph.outputs.map(({ name }) => values.get(name)!);
    const real = graph.outputs.flatMap(({ name }) => (isFloat(dtypes.get(name)!) ? [values.get(name)!] : []));
    const varying = real.filter((y) => t.type(y).laned);
    const gradients = differentiate(t, new Map(varying.map((y) => [y, masked(t, y)])), [
      ...graph.inputs.map(({ name }) => name),
      ...learnt.keys(),
    ]);
    const outputs = [...ys.filter((y) => t.type(y).laned), ...gradients.values()];
    for (const machine of machines) await agrees(machine, { ...plan, outputs }, 5e-5, 1e-5);
  });

/** An LSTM over so many moments, the batch first, as PyTorch writes it. */
function lstm(steps: number, hidden: number): Graph {
  const weight = (...shape: number[]) =>
    floatTensor(
      shape,
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => 0.1 * Math.sin(i)),
    );
  const node = (
    op: string,
    inputs: string[],
    output: string,
    attributes: Record<string, Attribute> = {},
  ) => ({
    ...{ name: op, op, domain: '', inputs, outputs: [output], attributes },
  });
  return {
    ...{ name: 'lstm', declared: new Map(), source: newSource(17) },
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', steps, 8] }],
    outputs: [{ name: 'y', dtype: 'float32' }],
    nodes: [
      node('Transpose', ['x'], 't', { perm: { type: 'ints', value: [1, 0, 2] } }),
      node('LSTM', ['t', 'w', 'r', 'b'], 'all', { hidden_size: int(hidden) }),
      node('Gather', ['all', 'last'], 'y', { axis: int(0) }),
    ],
    initializers: new Map([
      ['w', weight(1, 4 * hidden, 8)],
      ['r', weight(1, 4 * hidden, hidden)],
      ['b', weight(1, 8 * hidden)],
      ['last', { dtype: 'int64', shape: [], data: BigInt64Array.of(-1n) }],
    ]),
  };
}

test('a loop takes as many steps of a program however long it is', () => {
  const [short, long] = [10, 400].map((steps) => {
    const network = loadNetwork(lstm(steps, 16), { machine: machines[0] });
    const training = network.training({ batch: 16, optimizer: 'sgd', loss: 'sum', output: 'y' });
    const made = { steps: training.steps().length, bytes: training.peakBytes };
    network.close();
    return made;
  });
  assert.equal(short.steps, long.steps);
  // Forward and back, a moment keeps four gates and their gradients, the two states, and the input's product.
  assert.ok(long.bytes < 400 * (4 * 16 * 3 + 8 * 16) * 16 * 4 + 2e6, `${long.bytes} bytes`);
});
