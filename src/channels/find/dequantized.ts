/**
 * Weights as the numbers that they stand for: integers that a DequantizeLinear reads are (q − zero point) · scale. So what stands for 0
 * is the zero point, which need not be a stored 0.
 */
import { findOperator } from '../../graph/index.js';
import {
  attr,
  floats,
  floatTensor,
  type Graph,
  isFloat,
  type Node,
  sizeOf,
  type Tensor,
  usedValues,
} from '../../onnx/index.js';

/** Gives an initialiser with real numbers, dequantised where a node does that; undefined where there is none. */
export function realWeights({ nodes, initializers }: Graph): (name: string) => Tensor | undefined {
  const readers = new Map(
    nodes.filter(({ op }) => op === 'DequantizeLinear').map((node) => [node.inputs[0], node] as const),
  );
  return (name) => {
    const [tensor, node] = [initializers.get(name), readers.get(name)];
    if (!tensor || isFloat(tensor.dtype) || !node) return tensor;
    const [scale, zero] = [initializers.get(node.inputs[1]), initializers.get(node.inputs[2] ?? '')];
    return scale ? dequantized(tensor, { node, scale: floats(scale), zero: zero && floats(zero) }) : tensor;
  };
}

interface Step {
  node: Node;
  /** One for the tensor, or for each position of the node's axis, or each block of it. */
  scale: Float32Array;
  zero?: Float32Array;
}

function dequantized(tensor: Tensor, { node, scale, zero }: Step): Tensor {
  const { shape } = tensor;
  const along = alongOf(node, shape);
  const scaleAt = valueAt({ values: scale, ...along }, shape);
  const zeroAt = valueAt({ values: zero ?? [0], ...along }, shape);
  const values = Float32Array.from(tensor.data as ArrayLike<number>, (x, i) => (x - zeroAt(i)) * scaleAt(i));
  return floatTensor(shape, values);
}

/** The axis that values lie along, and how many positions of it share one; 0 where each has its own. */
function alongOf(node: Node, shape: readonly number[]): { axis: number; block: number } {
  const axis = attr.int(node, 'axis', 1);
  return { axis: axis < 0 ? axis + shape.length : axis, block: attr.int(node, 'block_size', 0) };
}

/** Gives the value that goes with element `i` of a tensor in row-major order. */
function valueAt({ values, axis, block }: Nought, shape: readonly number[]): (i: number) => number {
  if (values.length === 1) return () => values[0];
  const [size, inside] = [shape[axis], sizeOf(shape.slice(axis + 1))];
  if (block === 0) return (i) => values[Math.floor(i / inside) % values.length];
  const blocks = Math.ceil(size / block);
  return (i) => {
    const run = Math.floor(i / inside);
    const row = Math.floor(run / size) * blocks + Math.floor((run % size) / block);
    return values[row * inside + (i % inside)];
  };
}

/** What stands for the number 0 in a tensor of integers: one for the tensor, or one for each position or block of an axis. */
export interface Nought {
  values: ArrayLike<number>;
  axis: number;
  /** Positions that share one; 0 where each has its own. */
  block: number;
}

/** Gives the stored number that is 0 at element `i` of a tensor in row-major order. */
export const noughtAt = valueAt;

/** Of every initialiser that nodes only read dequantised, and all of them with the same zero points: what stands for 0 in it. */
export function noughtsOf({ nodes, initializers, outputs }: Graph): Map<string, Nought> {
  const found = new Map<string, Nought>();
  const mixed = new Set(outputs.map(({ name }) => name));
  for (const node of nodes) {
    for (const [i, name] of usedValues(node).entries()) {
      const tensor = initializers.get(name);
      if (!tensor || isFloat(tensor.dtype)) continue;
      const nought =
        findOperator(node)?.roles?.[i]?.is === 'integers' ? noughtOf(node, tensor, initializers) : undefined;
      const known = found.get(name);
      if (!nought || (known && !sameNought(known, nought))) mixed.add(name);
      else found.set(name, nought);
    }
  }
  for (const name of mixed) found.delete(name);
  return found;
}

function noughtOf(node: Node, { shape }: Tensor, initializers: Graph['initializers']): Nought | undefined {
  const name = node.inputs[2] ?? '';
  const zero = initializers.get(name);
  const along = alongOf(node, shape);
  if (name === '') return { values: [0], ...along };
  if (!zero || (zero.shape.length > 1 && along.block === 0)) return undefined;
  return { values: floats(zero), ...along };
}

const sameNought = (a: Nought, b: Nought): boolean =>
  a.values.length === b.values.length &&
  (a.values.length === 1 || (a.axis === b.axis && a.block === b.block)) &&
  Array.prototype.every.call(a.values, (value, i) => value === b.values[i]);
