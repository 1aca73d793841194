/**
 * Weights as the numbers that they stand for: integers that a DequantizeLinear reads are (q − zero point) · scale. So what stands for 0
 * is the zero point, which need not be a stored 0.
 */
import { type Along, alongOf, constantsOf, dequantized, findOperator, valueAt } from '../../graph/index.js';
import { floats, type Graph, isFloat, type Node, type Tensor, usedValues } from '../../onnx/index.js';

/** Gives an initialiser with real numbers, dequantised where a node does that; undefined where there is none. */
export function realWeights(graph: Graph): (name: string) => Tensor | undefined {
  const { nodes, initializers } = graph;
  const constant = constantsOf(graph);
  const readers = new Map(
    nodes.filter(({ op }) => op === 'DequantizeLinear').map((node) => [node.inputs[0], node] as const),
  );
  return (name) => {
    const [tensor, node] = [initializers.get(name), readers.get(name)];
    if (!tensor || isFloat(tensor.dtype) || !node) return tensor;
    const [scale, zero] = [constant(node.inputs[1]), constant(node.inputs[2] ?? '')];
    return scale ? dequantized({ tensor, scale, zero, along: alongOf(node, tensor.shape) }) : tensor;
  };
}

/** What stands for the number 0 in a tensor of integers: one for the tensor, or one for each position or block of an axis. */
export type Nought = Along;

/** Gives the stored number that is 0 at element `i` of a tensor in row-major order. */
export const noughtAt = valueAt;

/** Of every initialiser that nodes only read dequantised, and all of them with the same zero points: what stands for 0 in it. */
export function noughtsOf(graph: Graph): Map<string, Nought> {
  const { nodes, initializers, outputs } = graph;
  const constant = constantsOf(graph);
  const found = new Map<string, Nought>();
  const mixed = new Set(outputs.map(({ name }) => name));
  for (const node of nodes) {
    for (const [i, name] of usedValues(node).entries()) {
      const tensor = initializers.get(name);
      if (!tensor || isFloat(tensor.dtype)) continue;
      const nought =
        findOperator(node)?.roles?.[i]?.is === 'integers' ? noughtOf(node, tensor, constant) : undefined;
      const known = found.get(name);
      if (!nought || (known && !sameNought(known, nought))) mixed.add(name);
      else found.set(name, nought);
    }
  }
  for (const name of mixed) found.delete(name);
  return found;
}

function noughtOf(
  node: Node,
  { shape }: Tensor,
  constant: (name: string) => Tensor | undefined,
): Nought | undefined {
  const name = node.inputs[2] ?? '';
  const zero = constant(name);
  const along = alongOf(node, shape);
  if (name === '') return { values: [0], ...along };
  if (!zero || (zero.shape.length > 1 && along.block === 0)) return undefined;
  return { values: floats(zero), ...along };
}

const sameNought = (a: Nought, b: Nought): boolean =>
  a.values.length === b.values.length &&
  (a.values.length === 1 || (a.axis === b.axis && a.block === b.block)) &&
  Array.prototype.every.call(a.values, (value, i) => value === b.values[i]);
