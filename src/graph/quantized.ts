/**
 * Weights that a file holds as whole numbers q, of which DequantizeLinear makes (q − zero point) · scale. Training moves real numbers, so
 * they are *opened*: the initialiser holds the real numbers, and a node of our own, QuantizedWeight, gives what DequantizeLinear would give
 * once they are stored again with the file's own scales and zero points. What training evaluates is thus what the file will compute.
 */
import {
  attr,
  emptyData,
  floats,
  type Graph,
  int,
  isFloat,
  type Node,
  sizeOf,
  type Tensor,
  usedValues,
} from '../onnx/index.js';
import { rangeOfIntegers } from './ops/quantize.js';

/** A number for a whole tensor, or for each position or block of an axis. */
export interface Along {
  values: ArrayLike<number>;
  axis: number;
  /** Positions of the axis that share one; 0 where each has its own. */
  block: number;
}

/** Gives the number that goes with element `i` of a tensor in row-major order. */
export function valueAt({ values, axis, block }: Along, shape: readonly number[]): (i: number) => number {
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

/** The axis that a node's scales lie along, and how many positions of it share one. */
export function alongOf(node: Node, shape: readonly number[]): Pick<Along, 'axis' | 'block'> {
  const axis = attr.int(node, 'axis', 1);
  return { axis: axis < 0 ? axis + shape.length : axis, block: attr.int(node, 'block_size', 0) };
}

/** How whole numbers stand for real ones. */
interface Steps {
  node: Node;
  tensor: Tensor;
  scale: Tensor;
  zero?: Tensor;
}

const keyOf = ({ attributes, inputs }: Node): string =>
  JSON.stringify([inputs.slice(1), attributes.axis, attributes.block_size]);

/** Initialisers of whole numbers that nodes only read dequantised, and all of them in the same way. */
function quantizedIn({ nodes, initializers, outputs }: Graph): Map<string, Steps> {
  const constant = constantsOf({ nodes, initializers });
  const found = new Map<string, Steps>();
  const mixed = new Set(outputs.map(({ name }) => name));
  for (const node of nodes) {
    const reads = node.op === 'DequantizeLinear' && node.domain === '' ? node.inputs[0] : '';
    for (const [i, name] of usedValues(node).entries()) if (i > 0 || name !== reads) mixed.add(name);
    const tensor = initializers.get(reads);
    const [scale, zero] = [constant(node.inputs[1] ?? ''), constant(node.inputs[2] ?? '')];
    if (!tensor || isFloat(tensor.dtype)) continue;
    const known = found.get(reads);
    if (!scale || (node.inputs[2] && !zero) || (known && keyOf(known.node) !== keyOf(node))) mixed.add(reads);
    else found.set(reads, { node, tensor, scale, zero });
  }
  for (const name of mixed) found.delete(name);
  return found;
}

/** Gives the constant behind a name, which exporters hide behind an Identity. */
export function constantsOf({ nodes, initializers }: Pick<Graph, 'nodes' | 'initializers'>) {
  const passed = new Map(
    nodes.flatMap(({ op, domain, inputs, outputs }) =>
      op === 'Identity' && domain === '' ? [[outputs[0], inputs[0]] as const] : [],
    ),
  );
  return (name: string): Tensor | undefined => {
    let at: string | undefined = name;
    while (at !== undefined && !initializers.has(at)) at = passed.get(at);
    return at === undefined ? undefined : initializers.get(at);
  };
}

/** The real numbers that an initialiser of whole numbers stands for. */
export function dequantized({ node, tensor, scale, zero }: Steps): Tensor {
  const { shape } = tensor;
  const along = alongOf(node, shape);
  const scaleAt = valueAt({ values: floats(scale), ...along }, shape);
  const zeroAt = valueAt({ values: zero ? floats(zero) : [0], ...along }, shape);
  const data = Float32Array.from(
    tensor.data as ArrayLike<number>,
    (x, i) => (Number(x) - zeroAt(i)) * scaleAt(i),
  );
  return { dtype: scale.dtype, shape: [...shape], data };
}

/** The graph to train in the place of a graph: weights of whole numbers are real ones, under the same names. */
export function openQuantized(graph: Graph): Graph {
  const quantized = quantizedIn(graph);
  if (quantized.size === 0) return graph;
  const nodes = graph.nodes.map((node): Node => {
    const steps = node.op === 'DequantizeLinear' && node.domain === '' && quantized.get(node.inputs[0]);
    if (!steps) return node;
    const [least, most] = rangeOfIntegers(steps.tensor.dtype)!;
    const attributes = { ...node.attributes, least: int(least), most: int(most) };
    return { ...node, op: 'QuantizedWeight', domain: 'espalier', attributes };
  });
  const opened = [...quantized].map(([name, steps]) => [name, dequantized(steps)] as const);
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...opened]) };
}

/** Gives real numbers as the whole numbers that stand for them in an initialiser; undefined where it holds none. */
export function quantizerOf(graph: Graph): (name: string, values: Float32Array) => Tensor | undefined {
  const quantized = quantizedIn(graph);
  return (name, values) => {
    const steps = quantized.get(name);
    if (!steps) return undefined;
    const { node, tensor, scale, zero } = steps;
    const { dtype, shape } = tensor;
    const along = alongOf(node, shape);
    const scaleAt = valueAt({ values: floats(scale), ...along }, shape);
    const zeroAt = valueAt({ values: zero ? floats(zero) : [0], ...along }, shape);
    const [least, most] = rangeOfIntegers(dtype)!;
    const data = emptyData(dtype, values.length) as Int8Array;
    for (const [i, value] of values.entries()) {
      const level = toEven(Math.fround(value / scaleAt(i))) + zeroAt(i);
      data[i] = Math.max(least, Math.min(most, level));
    }
    return { dtype, shape: [...shape], data };
  };
}

/** The nearest whole number, of two the even one. */
function toEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/** Gives for an input of a node the initialiser that holds its numbers, opened or as they are, where nothing else reads them. */
export function weightsBehind({ nodes, initializers }: Graph): (name: string) => string {
  const uses = new Map<string, number>();
  for (const node of nodes) for (const name of usedValues(node)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const makers = new Map(
    nodes.flatMap((node) =>
      node.domain === 'espalier' && node.op === 'QuantizedWeight' ? [[node.outputs[0], node] as const] : [],
    ),
  );
  return (name) => {
    const [from] = makers.get(name)?.inputs ?? [];
    return from !== undefined && uses.get(name) === 1 && initializers.has(from) ? from : name;
  };
}
