/** Networks to measure: pruned by magnitude, layer by layer, and not trained. */
import { expandModel } from '../dist/graph/expand.js';

/**
 * The network with that share of each prunable weight at 0. What is left is scaled up, so that signals stay as strong: sub-normal
 * numbers would slow other runtimes down.
 */
export function pruned(graph, sparsity) {
  const initializers = new Map(graph.initializers);
  // The networks are untrained: with biases of 0, what is left of their weights would let all signals die.
  for (const [name, tensor] of initializers)
    if (tensor.shape.length === 1 && tensor.data.every((x) => x === 0))
      initializers.set(name, { ...tensor, data: tensor.data.map((_, i) => 0.1 * Math.sin(1 + i)) });
  for (const name of sparsity > 0 ? expandModel(graph).prunable.keys() : []) {
    const tensor = initializers.get(name);
    const order = tensor.data.map(Math.abs).sort();
    const least = order[Math.floor(order.length * sparsity)];
    const kept = tensor.data.map((x) => (Math.abs(x) < least ? 0 : x));
    const norm = (data) => Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));
    const scale = norm(tensor.data) / norm(kept);
    initializers.set(name, { ...tensor, data: kept.map((x) => x * scale) });
  }
  return { ...graph, initializers };
}
