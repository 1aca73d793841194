/** For tests: small models, written down in a few lines. */
import { normal, random } from '../base/index.js';
import {
  type Attribute,
  type DType,
  floatTensor,
  type Graph,
  intTensor,
  newSource,
  sizeOf,
  type Tensor,
  type Value,
} from '../onnx/index.js';

export interface Sketch {
  inputs: Record<string, NonNullable<Value['shape']>>;
  /** Operator, inputs, output or outputs, attributes. */
  nodes: [op: string, inputs: string[], outputs: string | string[], attributes?: Record<string, Attribute>][];
  /** With the shapes that the file declares; float32 unless `dtypes` says otherwise. */
  outputs: Record<string, Value['shape']>;
  /** Shapes of weights with random numbers, */
  weights?: Record<string, number[]>;
  /** and other initialisers. */
  constants?: Record<string, Tensor>;
  /** Of inputs and outputs. */
  dtypes?: Record<string, DType>;
  opset?: number;
}

export function graphOf({
  inputs,
  nodes,
  outputs,
  weights = {},
  constants = {},
  dtypes = {},
  opset = 17,
}: Sketch): Graph {
  const values = (declared: Record<string, Value['shape']>): Value[] =>
    Object.entries(declared).map(([name, shape]) => ({ name, dtype: dtypes[name] ?? 'float32', shape }));
  const drawn = Object.entries(weights).map(([name, shape]) => [name, randomTensor(name, shape)] as const);
  return {
    name: 'sketch',
    inputs: values(inputs),
    outputs: values(outputs),
    nodes: nodes.map(([op, given, made, attributes = {}]) => ({
      ...{ op, domain: '', inputs: given, attributes },
      name: `${op} ${[made].flat()[0]}`,
      outputs: [made].flat(),
    })),
    initializers: new Map([...drawn, ...Object.entries(constants)]),
    declared: new Map(),
    source: newSource(opset),
  };
}

/** Normal numbers, scaled as weights are. */
function randomTensor(name: string, shape: number[]): Tensor {
  const stream = random(1, name);
  const scale = Math.sqrt(2 / Math.max(1, sizeOf(shape.slice(1))));
  return floatTensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => scale * normal(stream)),
  );
}

/** Whole numbers for shapes and axes. */
export const wholes = (...values: number[]): Tensor => intTensor([values.length], values);
