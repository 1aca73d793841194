/** For tests: what a model of one input, x, computes, and whether the runtime does. */
import assert from 'node:assert/strict';
import { normal, type Random } from '../base/index.js';
import type { Machine } from '../engine/index.js';
import { expandModel, runCore, toLaned, toValue } from '../graph/index.js';
import { floatTensor, type Graph, sizeOf, type Tensor } from '../onnx/index.js';
import { modelOf } from './model.js';

/** The outputs in float64. */
export function meant(graph: Graph, x: Tensor): Float64Array[] {
  const { tape, values } = expandModel(graph);
  const known = new Map(
    [...graph.initializers].map(([name, tensor]) => [values.get(name)!, toValue(tensor)]),
  );
  for (const [name, { constant }] of tape.types) if (constant) known.set(name, toValue(constant));
  known.set(values.get('x')!, toLaned([x]));
  const all = runCore(tape.nodes, known);
  return graph.outputs.map(({ name }) => all.get(values.get(name)!)!.samples[0]);
}

/** Runs a model twice on random numbers; nothing may be off by more than `tolerance` of its output's largest number. */
export async function means(
  graph: Graph,
  { machine, draws, tolerance }: { machine: Machine; draws: Random; tolerance: number },
): Promise<void> {
  const shape = graph.inputs[0].shape as number[];
  const x = floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => normal(draws)),
  );
  const expected = meant(graph, x);
  const model = await modelOf(graph, { machine }, 0);
  for (let turn = 0; turn < 2; turn++) {
    const actual = await model.run({ x: x.data as Float32Array });
    for (const [i, { name }] of graph.outputs.entries()) {
      assert.equal(actual[name].length, expected[i].length);
      const scale = expected[i].reduce((most, e) => Math.max(most, Math.abs(e)), 1e-3);
      const worst = expected[i].reduce((most, e, k) => Math.max(most, Math.abs(e - actual[name][k])), 0);
      assert.ok(worst <= tolerance * scale, `${graph.name}, ${name}: off by ${worst} of ${scale}`);
    }
  }
  await model.close();
}
