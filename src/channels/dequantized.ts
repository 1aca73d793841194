/** Weights as the numbers that they stand for: integers that a DequantizeLinear reads are (q − zero point) · scale. */
import { attr } from '../onnx/attributes.js';
import type { Graph, Node, Tensor } from '../onnx/model.js';
import { floats, floatTensor, isFloat, sizeOf } from '../onnx/tensor.js';

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
  /** One for the tensor, or for each position of the node's axis. */
  scale: Float32Array;
  zero?: Float32Array;
}

function dequantized(tensor: Tensor, { node, scale, zero }: Step): Tensor {
  const { shape } = tensor;
  const axis = attr.int(node, 'axis', 1);
  const inner = sizeOf(shape.slice(axis < 0 ? axis + shape.length + 1 : axis + 1));
  const values = Float32Array.from(tensor.data as ArrayLike<number>);
  for (let from = 0, step = 0; from < values.length; from += inner, step++) {
    const own = scale[step % scale.length];
    const nought = zero?.[step % zero.length] ?? 0;
    for (let i = from; i < from + inner; i++) values[i] = (values[i] - nought) * own;
  }
  return floatTensor(shape, values);
}
