/**
 * Weights that a file holds as whole numbers q, of which DequantizeLinear makes (q − zero point) · scale. Training moves real numbers, so
 * they are *opened*: the initialiser holds the real numbers, and a node of our own, QuantizedWeight, gives what DequantizeLinear would give
 * once they are stored again with the file's own scales and zero points. What training evaluates is thus what the file will compute.
 */
import {
  attr,
  dtypeOf,
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
import { findOperator } from './ops/index.js';
import { rangeOfIntegers } from './ops/quantize.js';
import { outputAxisOf } from './roles.js';

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

/** How whole numbers stand for real ones: (q − zero) · scale. */
interface Steps {
  tensor: Tensor;
  /** Absent: 1. */
  scale?: Tensor;
  /** Absent: 0. */
  zero?: Tensor;
  along: Pick<Along, 'axis' | 'block'>;
  /** The operator takes whole numbers as they are, so that no real ones can stand in their place. */
  stored?: boolean;
}

const sameSteps = (a: Steps, b: Steps): boolean =>
  a.scale === b.scale &&
  a.zero === b.zero &&
  a.stored === b.stored &&
  a.along.axis === b.along.axis &&
  a.along.block === b.along.block;

/** Initialisers of whole numbers that nodes only read as real ones, and all of them in the same way. */
function quantizedIn({ nodes, initializers, outputs }: Graph): Map<string, Steps> {
  const constant = constantsOf({ nodes, initializers });
  const found = new Map<string, Steps>();
  const mixed = new Set(outputs.map(({ name }) => name));
  for (const node of nodes) {
    const reads = new Map<string, Steps | undefined>();
    for (const [i, name] of node.inputs.entries()) {
      const tensor = initializers.get(name);
      if (tensor && !isFloat(tensor.dtype)) reads.set(name, stepsAt(node, i, tensor, constant));
    }
    for (const name of new Set(usedValues(node))) {
      const [steps, known] = [reads.get(name), found.get(name)];
      if (!steps || (known && !sameSteps(known, steps))) mixed.add(name);
      else found.set(name, steps);
    }
  }
  for (const name of mixed) found.delete(name);
  return found;
}

/** How a node reads whole numbers at an input as real ones; undefined where it does not, or not in a way that is known before a run. */
function stepsAt(
  node: Node,
  index: number,
  tensor: Tensor,
  constant: (name: string) => Tensor | undefined,
): Steps | undefined {
  const operator = findOperator(node);
  const role = operator?.roles?.[index];
  const stored = role?.is === 'weight' ? role.stored : undefined;
  const places = role?.is === 'integers' ? { scale: 1, zero: 2 } : stored;
  if (!places || !rangeOfIntegers(tensor.dtype)) return undefined;
  const at = (place: number | undefined) => node.inputs[place ?? -1] ?? '';
  const [scale, zero] = [constant(at(places.scale)), constant(at(places.zero))];
  if ((at(places.scale) !== '' && !scale) || (at(places.zero) !== '' && !zero)) return undefined;
  if (scale && !floats(scale).every((step) => Number.isFinite(1 / step) && step !== 1 / 0)) return undefined;
  const axis = outputAxisOf(operator, node, index, tensor.shape.length);
  const along = stored ? { axis, block: 0 } : alongOf(node, tensor.shape);
  return { tensor, scale, zero, along, ...(stored && { stored: true }) };
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
export function dequantized({ tensor, scale, zero, along }: Steps): Tensor {
  const { shape } = tensor;
  const { scaleAt, zeroAt } = ladder({ scale, zero, along }, shape);
  const data = Float32Array.from(
    tensor.data as ArrayLike<number>,
    (x, i) => (Number(x) - zeroAt(i)) * scaleAt(i),
  );
  return { dtype: scale?.dtype ?? 'float32', shape: [...shape], data };
}

/** Scale and zero point of every element. */
function ladder({ scale, zero, along }: Pick<Steps, 'scale' | 'zero' | 'along'>, shape: readonly number[]) {
  return {
    scaleAt: valueAt({ values: scale ? floats(scale) : [1], ...along }, shape),
    zeroAt: valueAt({ values: zero ? floats(zero) : [0], ...along }, shape),
  };
}

/** The graph to train in the place of a graph: weights of whole numbers are real ones, under the same names. */
export function openQuantized(graph: Graph): Graph {
  const quantized = new Map([...quantizedIn(graph)].filter(([, { stored }]) => !stored));
  if (quantized.size === 0) return graph;
  const nodes = graph.nodes.map((node): Node => {
    const steps = quantized.get(node.inputs[0]);
    if (!steps) return node;
    const [least, most] = rangeOfIntegers(steps.tensor.dtype)!;
    const attributes = { ...node.attributes, least: int(least), most: int(most) };
    return { ...node, op: 'QuantizedWeight', domain: 'espalier', attributes };
  });
  const opened = [...quantized].map(([name, steps]) => [name, dequantized(steps)] as const);
  return { ...graph, nodes, initializers: new Map([...graph.initializers, ...opened]) };
}

/**
 * The graph to look at in the place of a graph: as {@link openQuantized}, and weights that operators take as whole numbers are real ones,
 * too. Nothing computes it.
 */
export function inRealNumbers(graph: Graph): Graph {
  const stored = [...quantizedIn(graph)].filter(([, steps]) => steps.stored);
  const opened = openQuantized(graph);
  if (stored.length === 0) return opened;
  const real = stored.map(([name, steps]) => [name, dequantized(steps)] as const);
  return { ...opened, initializers: new Map([...opened.initializers, ...real]) };
}

/** Gives real numbers as the whole numbers that stand for them in an initialiser; undefined where it holds none. */
export function quantizerOf(graph: Graph): (name: string, values: Float32Array) => Tensor | undefined {
  const quantized = quantizedIn(graph);
  return (name, values) => {
    const steps = quantized.get(name);
    if (!steps) return undefined;
    const { dtype, shape } = steps.tensor;
    const { scaleAt, zeroAt } = ladder(steps, shape);
    const [least, most] = rangeOfIntegers(dtype)!;
    const data = emptyData(dtype, values.length) as Int8Array;
    for (const [i, value] of values.entries()) {
      const level = toEven(Math.fround(value / scaleAt(i))) + zeroAt(i);
      data[i] = Math.max(least, Math.min(most, level));
    }
    return { dtype, shape: [...shape], data };
  };
}

/**
 * Gives for an initialiser of whole numbers the number nearest to a real one that can be stored at element `i`, of those that are not 0 unless
 * the real one is; undefined for other initialisers.
 */
export function nearestStored(
  graph: Graph,
): (name: string) => ((value: number, i: number) => number) | undefined {
  const quantized = quantizedIn(graph);
  return (name) => {
    const steps = quantized.get(name);
    if (!steps) return undefined;
    const { scaleAt, zeroAt } = ladder(steps, steps.tensor.shape);
    const [least, most] = rangeOfIntegers(steps.tensor.dtype)!;
    return (value, i) => {
      if (value === 0) return 0;
      const [low, high] = [least - zeroAt(i), most - zeroAt(i)];
      const level = Math.max(low, Math.min(high, toEven(value / scaleAt(i))));
      const other = value * scaleAt(i) > 0 ? 1 : -1;
      const nonzero = level !== 0 ? level : other >= low && other <= high ? other : -other;
      return Math.fround(nonzero * scaleAt(i));
    };
  };
}

/** The nearest whole number, of two the even one. */
function toEven(x: number): number {
  const down = Math.floor(x);
  const rest = x - down;
  if (rest !== 0.5) return rest < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}

/**
 * Gives for an input of a node the initialiser that holds its numbers, in their order, where nothing else reads them: as they are, opened, or
 * behind a Cast, an Identity or a Reshape.
 */
export function weightsBehind({ nodes, initializers }: Graph): (name: string) => string {
  const uses = new Map<string, number>();
  for (const node of nodes) for (const name of usedValues(node)) uses.set(name, (uses.get(name) ?? 0) + 1);
  const makers = new Map(nodes.filter(hands).map((node) => [node.outputs[0], node.inputs[0]] as const));
  return (name) => {
    let at = name;
    for (let from = makers.get(at); from !== undefined && uses.get(at) === 1; from = makers.get(at))
      at = from;
    const tensor = initializers.get(at);
    return tensor && isFloat(tensor.dtype) ? at : name;
  };
}

/** Whether a node's result holds the real numbers of its first input. */
function hands(node: Node): boolean {
  if (node.domain === 'espalier' && node.op === 'QuantizedWeight') return true;
  if (!findOperator(node)?.carries) return false;
  if (node.op === 'CastLike') return false;
  return node.op !== 'Cast' || isFloat(dtypeOf(attr.int(node, 'to', 0)) ?? 'string');
}
