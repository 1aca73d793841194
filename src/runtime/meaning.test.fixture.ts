/** For tests: what a model of one input, x, computes. */
import { expandModel } from '../graph/expand.js';
import { runCore } from '../graph/reference/run.js';
import { toLaned, toValue } from '../graph/reference/value.js';
import type { Graph, Tensor } from '../onnx/index.js';

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
