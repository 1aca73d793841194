/** The weights of a network as plain arrays, and back into a graph. */
import { fail } from '../base/index.js';
import type { Network } from '../engine/index.js';
import { inferenceForm, quantizerOf } from '../graph/index.js';
import { floatsLike, type Graph } from '../onnx/index.js';

/** Copies of all that training changes, learnt parameters and running statistics by initialiser name: as the arrays have them, see `Network.pull`. */
export function weightsOf(network: Network): Map<string, Float32Array> {
  const weights = [...network.parameters].map(([name, { weight }]) => [name, weight.slice()] as const);
  const state = [...network.state].map(([name, values]) => [name, values.slice()] as const);
  return new Map([...weights, ...state]);
}

/**
 * The graph in inference form with other numbers in the initialisers named; shapes and types stay, and what is stored as whole numbers is
 * given as the real ones that they stand for.
 * @throws UserError when an initialiser is not there or has another size.
 */
export function withWeights(graph: Graph, weights: ReadonlyMap<string, Float32Array>): Graph {
  const initializers = new Map(graph.initializers);
  const quantizer = quantizerOf(graph);
  for (const [name, values] of weights) {
    const old = graph.initializers.get(name);
    if (old?.data.length !== values.length)
      fail(`The weights of ${name} do not fit the model; use the model that was trained.`);
    initializers.set(name, quantizer(name, values) ?? floatsLike(old, old.shape, values.slice()));
  }
  return { ...inferenceForm(graph), initializers };
}
