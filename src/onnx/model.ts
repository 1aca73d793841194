/**
 * What an ONNX model is, as plain data. Everything above this room works on these types; only this room knows bytes.
 *
 * The elements of float16 and bfloat16 tensors are held as float32, and rounded where they are written. A `Graph` owns its maps and arrays: functions that rewrite a
 * graph return a new one and share what they did not change.
 */

export type DType =
  | 'int4'
  | 'uint4'
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | string[];

/**
 * A dense row-major tensor. bool is held in a Uint8Array, floats of 16 bits in a Float32Array, integers of 4 bits, one to a byte, in an
 * Int8Array or Uint8Array.
 */
export interface Tensor {
  /** Element type. */
  dtype: DType;
  /** Size of each axis; [] for a scalar. */
  shape: number[];
  /** Elements, row-major. */
  data: TensorData;
}

interface AttributeValues {
  int: number;
  float: number;
  string: string;
  tensor: Tensor;
  ints: number[];
  floats: number[];
  strings: string[];
  /** What a Loop or Scan repeats. */
  body: Body;
  /** A subgraph of another operator, sparse tensor or type: carried through unread. */
  opaque: unknown;
}

/**
 * What a Loop or Scan repeats: nodes over values of their own. Weights and constants of it are initialisers of the graph around it. All that it
 * takes from there are inputs of the node, too, behind those that ONNX knows, so that whatever is said of inputs holds for them.
 */
export interface Body {
  /** Name of the graph in the file. */
  name: string;
  /** Values that each round is given, with what the file declares of them. */
  inputs: BodyValue[];
  /** Values that each round makes. */
  outputs: BodyValue[];
  /** In topological order. */
  nodes: Node[];
  /** What values from around it are called in it, in the order in which they end the node's inputs. */
  captures: string[];
}

/** An input or output of a body; exporters need not declare types of them. */
export type BodyValue = Pick<Value, 'name'> & Partial<Value>;

/** An attribute of a node, as ONNX defines it. */
export type Attribute = {
  [Type in keyof AttributeValues]: {
    /** Type of the value; `body` is what a Loop or Scan repeats, `opaque` another subgraph, sparse tensor or type, which is carried through unread. */
    type: Type;
    /** The value, as its type says. */
    value: AttributeValues[Type];
  };
}[keyof AttributeValues];

/** An operator at work. Optional inputs and outputs that are absent are ''. */
export interface Node {
  /** Unique and non-empty (given on reading where the file has none). */
  name: string;
  /** Operator, such as `Conv`. */
  op: string;
  /** '' is ai.onnx. 'espalier' marks our own operators (gradients, losses), which never leave in an export. */
  domain: string;
  /** Names of the values that it reads; '' for an optional one that is left out. */
  inputs: string[];
  /** Names of the values that it makes; '' for an optional one that is left out. */
  outputs: string[];
  /** Attributes by name. */
  attributes: Record<string, Attribute>;
}

/** A declared graph input or output; a dimension is a number, a symbol, or undefined where nothing is declared. */
export interface Value {
  /** Name of the value. */
  name: string;
  /** Element type. */
  dtype: DType;
  /** undefined: rank unknown. */
  shape?: (number | string | undefined)[];
}

/** What the file says about itself; kept for writing it again. */
export interface Source {
  irVersion: number;
  /** domain → version; '' is ai.onnx. */
  opsets: Record<string, number>;
  producerName: string;
  producerVersion: string;
  domain: string;
  modelVersion: number;
  doc: string;
  metadata: Record<string, string>;
  /** What a `Graph` has no word for (functions, notes on nodes and values), as protobuf; carried through unread. */
  carried?: Uint8Array;
  /** What stands before the graph in its file, and cannot be computed: the graph's inputs are what it makes. */
  front?: Pick<Graph, 'inputs' | 'outputs' | 'nodes' | 'initializers'>;
}

/** An ONNX model in memory. Plain data: change it freely, or build one with {@link builder}. */
export interface Graph {
  /** Name of the graph in the file. */
  name: string;
  /** Inputs that a caller must give (initialisers that are listed as inputs are not here). */
  inputs: Value[];
  /** Values that the model returns. */
  outputs: Value[];
  /** In topological order. */
  nodes: Node[];
  /** Weights and constants by name. */
  initializers: Map<string, Tensor>;
  /** Declared types of intermediate values, by name; informative only. */
  declared: Map<string, Value>;
  /** Versions and notes of the file that the model came from. */
  source: Source;
}
