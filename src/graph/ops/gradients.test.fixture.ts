/** For tests: the gradient of an operator, through its expansion, against central differences in float64. */
import assert from 'node:assert/strict';
import { type Graph, isFloat, type Tensor } from '../../onnx/index.js';
import { differentiate } from '../differentiate.js';
import { expandModel } from '../expand.js';
import { runCore } from '../reference/run.js';
import { type ReferenceValue, toLaned, toValue } from '../reference/value.js';
import { type Case, given, modelOf, valuesFor } from './against.test.fixture.js';

const samples = 3;
const step = 1e-5;

/** Σ dy·y over samples and elements. */
const product = (y: ReferenceValue, dy: ReferenceValue): number =>
  y.samples.reduce(
    (sum, sample, s) => sum + sample.reduce((part, v, k) => part + v * dy.samples[dy.laned ? s : 0][k], 0),
    0,
  );

/**
 * Compares the gradients of a model of one node, of all its outputs together, with differences.
 * @param most numbers of each value that are looked at.
 */
export function checkGradients(one: Case, most = 24): void {
  const of = (name: string) => Number(name.slice(2));
  gradientsAgree(modelOf(one), (name, s) => given(one.inputs[of(name)]!, 10 * s + of(name)), most);
}

/**
 * The same of any model.
 * @param sample what an input is given for each sample.
 */
export function gradientsAgree(
  graph: Graph,
  sample: (input: string, sample: number) => Tensor,
  most = 24,
): void {
  const expanded = expandModel(graph, { training: true });
  const { tape, values, dtypes } = expanded;
  const ys = graph.outputs.flatMap(({ name }) => (isFloat(dtypes.get(name)!) ? [values.get(name)!] : []));
  const laned = Object.fromEntries(
    graph.inputs.map(({ name }) => [name, Array.from({ length: samples }, (_, s) => sample(name, s))]),
  );
  const dys = ys.map((y, k) => {
    const shape = [...tape.type(y).shape];
    return toLaned(Array.from({ length: samples }, (_, s) => given({ shape }, 100 + 10 * k + s)));
  });
  const forward = [...tape.nodes];
  const real = graph.inputs.filter(({ dtype }) => isFloat(dtype)).map(({ name }) => name);
  const wanted = [...real, ...expanded.learnt.keys()].map((name) => values.get(name)!);
  const seeds = ys.map((y, k) => {
    return [y, tape.declare(`dy${k}`, { dtype: 'float32', shape: tape.type(y).shape, laned: true })] as const;
  });
  const gradients = differentiate(tape, new Map(seeds), wanted);
  const start = valuesFor(graph, expanded, laned);
  for (const [name, { constant }] of tape.types) if (constant) start.set(name, toValue(constant));
  const results = runCore(tape.nodes, new Map([...start, ...dys.map((dy, k) => [`dy${k}`, dy] as const)]));
  const loss = () => {
    const found = runCore(forward, new Map(start));
    return ys.reduce((sum, y, k) => sum + product(found.get(y)!, dys[k]), 0);
  };
  assert.ok(gradients.size > 0, 'nothing has a gradient');
  for (const [name, gradient] of gradients) {
    const found = results.get(gradient)!;
    const value = start.get(name)!;
    assert.deepEqual(found.shape, value.shape, `shape of the gradient of ${name}`);
    assert.equal(found.laned, value.laned);
    for (const [s, data] of value.samples.entries()) {
      for (let k = 0; k < data.length; k += Math.ceil(data.length / most)) {
        const old = data[k];
        data[k] = old + step;
        const more = loss();
        data[k] = old - step;
        const expected = (more - loss()) / (2 * step);
        data[k] = old;
        const actual = found.samples[s][k];
        assert.ok(
          Math.abs(actual - expected) < 1e-6 * Math.max(1, Math.abs(expected)),
          `∂/∂${name}[${k}] of sample ${s} is ${actual}, differences say ${expected}`,
        );
      }
    }
  }
}
