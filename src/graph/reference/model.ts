/** A whole model in double precision. */
import type { Graph, Tensor } from '../../onnx/index.js';
import { expandModel } from '../expand.js';
import { runCore } from './run.js';
import { toTensor, toValue } from './value.js';

/** Computes a model's outputs from one run of inputs, in the shapes that are given with them. */
export function answerInDoubles(
  graph: Graph,
  inputs: Readonly<Record<string, Pick<Tensor, 'data'> & { shape: readonly number[] }>>,
): Record<string, Tensor> {
  const inputShapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]));
  const { tape, values } = expandModel(graph, { inputShapes });
  const given = new Map(
    [...tape.types].flatMap(([name, { constant }]) => (constant ? [[name, toValue(constant)]] : [])),
  );
  for (const [name, tensor] of graph.initializers) given.set(values.get(name)!, toValue(tensor));
  for (const [name, { shape, data }] of Object.entries(inputs))
    given.set(name, { ...toValue({ dtype: 'float32', shape: [...shape], data }), laned: true });
  const found = runCore(tape.nodes, given);
  return Object.fromEntries(
    graph.outputs.map(({ name }) => [name, toTensor(found.get(values.get(name)!)!, 'float64')]),
  );
}
