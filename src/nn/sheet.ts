/** A graph while it is written: names that are taken, first values of parameters, nodes. */
import { fail } from '../base/index.js';
import {
  type Attribute,
  floatTensor,
  type Graph,
  intList,
  intTensor,
  newSource,
  sizeOf,
} from '../onnx/index.js';
import { he, type Initialization, type Initialize, initialized } from './initialize.js';

/** A value in the making; `shape` is without the batch: [C, H, W], or [F] once flattened. */
export interface Signal {
  name: string;
  shape: number[];
}

export interface BuilderOptions {
  /** The graph's name, used in messages too. */
  name: string;
  /** Seed of the first weights. */
  seed: number;
  /** First values of weights and biases; {@link he} if left out. BatchNormalization begins as the identity. */
  initialization?: Initialization;
}

/** A graph to be written on. */
export interface Sheet {
  graph: Graph;
  initialization: Initialization;
  seed: number;
  /** Names that nodes and inputs have already. */
  taken: Set<string>;
}

/** The largest tensor a protobuf file can hold, in float32 values. */
const LARGEST_TENSOR = 2 ** 29 - 1024;

export const newSheet = ({ name, seed, initialization = he }: BuilderOptions): Sheet => ({
  graph: {
    name,
    inputs: [],
    outputs: [],
    nodes: [],
    initializers: new Map(),
    declared: new Map(),
    source: newSource(17),
  },
  initialization,
  seed,
  taken: new Set(),
});

/** The name that is wanted, with a number behind it where it is taken: it is then taken. */
export function uniqueName({ taken }: Sheet, wanted: string): string {
  let name = wanted;
  for (let i = 2; taken.has(name); i++) name = `${wanted}.${i}`;
  taken.add(name);
  return name;
}

/** Adds an initialiser with first values; returns its name. */
export function addParameter(
  { graph, seed }: Sheet,
  name: string,
  { shape, initialize }: { shape: number[]; initialize: Initialize },
): string {
  if (sizeOf(shape) > LARGEST_TENSOR)
    fail(
      `The network ${graph.name} would need ${shape.join(' × ')} values in ${name}, more than an ONNX file can hold; make it narrower or its images smaller.`,
    );
  graph.initializers.set(name, initialized(name, shape, seed, initialize));
  return name;
}

/** Adds a list of whole numbers, as the inputs of some operators are; returns its name. */
export function addIntegers({ graph }: Sheet, name: string, values: number[]): string {
  graph.initializers.set(name, intTensor([values.length], values));
  return name;
}

/** Adds a number without dimensions; returns its name. */
export function addScalar({ graph }: Sheet, name: string, value: number): string {
  graph.initializers.set(name, floatTensor([], [value]));
  return name;
}

export interface NewNode {
  op: string;
  name: string;
  inputs: string[];
  /** Of its result, without the batch. */
  shape: number[];
  attributes?: Record<string, Attribute>;
}

/** Adds a node with one output that bears the node's name. */
export function addNode({ graph }: Sheet, { op, name, inputs, shape, attributes = {} }: NewNode): Signal {
  graph.nodes.push({ name, op, domain: '', inputs, outputs: [name], attributes });
  return { name, shape };
}

/** [top, left, bottom, right], or one number for all. */
export type Padding = number | [number, number, number, number];

export interface WindowOptions {
  kernel: number | [number, number];
  /** Default: 1 for a convolution, the kernel for pooling. */
  stride?: number | [number, number];
  pad?: Padding;
  name?: string;
}

export const pair = (value: number | [number, number]): [number, number] =>
  typeof value === 'number' ? [value, value] : value;

/** The image [H', W'] that a sliding window leaves of x, and the attributes that describe the window. */
export function slideOver(
  sheet: Sheet,
  x: Signal,
  { kernel, stride = 1, pad = 0, dilation = 1, name }: WindowOptions & { dilation?: number },
): { image: number[]; attributes: Record<string, Attribute> } {
  const kernelShape = pair(kernel);
  const strides = pair(stride);
  const pads = typeof pad === 'number' ? [pad, pad, pad, pad] : pad;
  const image = kernelShape.map((length, axis) => {
    const padded = x.shape[1 + axis] + pads[axis] + pads[2 + axis];
    const reach = dilation * (length - 1) + 1;
    return Math.floor((padded - reach) / strides[axis]) + 1;
  });
  if (Math.min(...image) < 1) refuseImage(sheet, x, name);
  const attributes = {
    kernel_shape: intList(kernelShape),
    strides: intList(strides),
    pads: intList(pads),
  };
  return { image, attributes };
}

function refuseImage({ graph }: Sheet, x: Signal, layer: string | undefined): never {
  const images = graph.inputs[0].shape?.slice(1).join('×');
  fail(
    `The images (${images}) are too small for the network ${graph.name}: at ${layer} only ${x.shape.slice(1).join('×')} is left of them; use larger images or a network with fewer strides.`,
  );
}
