/**
 * Learnt masks as a rewrite of the graph: an operator of our own (graph/ops/masks.ts) between a weight and the nodes that
 * use it, its scores and mask as further initialisers; and back again.
 */
import { fail } from '../../base/index.js';
import { summarize } from '../../graph/index.js';
import {
  floats,
  floatsLike,
  floatTensor,
  type Graph,
  type Node,
  sizeOf,
  type Tensor,
} from '../../onnx/index.js';

export type MaskOperator = 'ConcreteMask' | 'ThresholdMask' | 'ScoreMask';

/** The initialisers that belong to a weight. */
export const scoresOf = (weight: string): string => `espalier/scores/${weight}`;
export const maskOf = (weight: string): string => `espalier/mask/${weight}`;
/** The one that all probabilities share. */
export const TEMPERATURE = 'espalier/temperature';

const maskedOf = (weight: string): string => `espalier/masked/${weight}`;

/** Further inputs of each operator, after the weight. */
const operands: Record<MaskOperator, (weight: string) => string[]> = {
  ConcreteMask: (weight) => [scoresOf(weight), TEMPERATURE, maskOf(weight)],
  ThresholdMask: (weight) => [scoresOf(weight)],
  ScoreMask: (weight) => [scoresOf(weight), maskOf(weight)],
};

/** Whether a node is a mask between a weight and what uses it. */
export const isMask = ({ domain, op }: Node): boolean => domain === 'espalier' && op in operands;

/** The stored weights that pruning may set to zero, in the order of the graph: all of these count in the denominator. */
export function maskable(graph: Graph, inputShapes: Record<string, number[]> = {}): string[] {
  const { layers } = summarize(graph, { inputShapes });
  const names = new Set(layers.flatMap(({ prunable }) => prunable));
  return [...names].filter((name) => graph.initializers.has(name));
}

/**
 * The graph with a mask on each of the weights, all kept; `scores` gives those that training begins with: one for each
 * element, or for ThresholdMask a single one.
 * @throws UserError when there is nothing to mask, or the model has masks already.
 */
export function insertMasks(
  graph: Graph,
  weights: readonly string[],
  op: MaskOperator,
  scores: (name: string, weight: Tensor) => Float32Array,
): Graph {
  if (weights.length === 0) fail('The model has no weights that could be pruned; use another model.');
  const initializers = new Map(graph.initializers);
  const add = (name: string, shape: readonly number[], data: Float32Array) => {
    if (initializers.has(name)) fail(`The model has a value ${name}, a name that pruning needs; rename it.`);
    initializers.set(name, floatTensor(shape, data));
  };
  if (op === 'ConcreteMask') add(TEMPERATURE, [], Float32Array.of(1));
  const masks = weights.map((name): Node => {
    const weight = graph.initializers.get(name)!;
    const { shape } = weight;
    add(scoresOf(name), op === 'ThresholdMask' ? [] : shape, scores(name, weight));
    if (op !== 'ThresholdMask') add(maskOf(name), shape, new Float32Array(sizeOf(shape)).fill(1));
    const inputs = [name, ...operands[op](name)];
    const outputs = [maskedOf(name)];
    return { name: maskedOf(name), op, domain: 'espalier', inputs, outputs, attributes: {} };
  });
  const masked = new Set(weights);
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (masked.has(name) ? maskedOf(name) : name)),
  }));
  return { ...graph, nodes: [...masks, ...nodes], initializers };
}

/** The graph without masks: what they leave of each weight is in its initialiser, what they remove is exactly 0. */
export function bakeMasks(graph: Graph): Graph {
  const masks = graph.nodes.filter(isMask);
  const initializers = new Map(graph.initializers);
  for (const { op, inputs } of masks) {
    const [name, ...others] = inputs;
    const weight = graph.initializers.get(name)!;
    const values = baked[op as MaskOperator](
      floats(weight),
      ...others.map((other) => floats(graph.initializers.get(other)!)),
    );
    initializers.set(name, floatsLike(weight, weight.shape, values));
    for (const other of others) initializers.delete(other);
  }
  const weights = new Map(masks.map(({ inputs, outputs }) => [outputs[0], inputs[0]]));
  const nodes = graph.nodes
    .filter((node) => !isMask(node))
    .map((node) => ({ ...node, inputs: node.inputs.map((name) => weights.get(name) ?? name) }));
  return { ...graph, nodes, initializers };
}

const keep = (w: Float32Array, mask: Float32Array) => w.map((x, i) => (mask[i] === 0 ? 0 : x));

/** What each operator makes of a weight, given its further inputs. */
const baked: Record<MaskOperator, (w: Float32Array, ...others: Float32Array[]) => Float32Array> = {
  ConcreteMask: (w, _scores, _temperature, mask) => keep(w, mask),
  ThresholdMask: (w, [t]) => thresholded(w, t),
  ScoreMask: (w, _scores, mask) => keep(w, mask),
};

/** σ(t). */
export const thresholdAt = (t: number): number => 1 / (1 + Math.exp(-t));

/** sign(w)·relu(|w| − σ(t)). */
export function thresholded(w: Float32Array, t: number): Float32Array {
  const threshold = thresholdAt(t);
  return w.map((x) => Math.sign(x) * Math.max(0, Math.abs(x) - threshold) || 0);
}
