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
  dtype: DType;
  shape: number[];
  data: TensorData;
}

export type Attribute =
  | { type: 'int'; value: number }
  | { type: 'float'; value: number }
  | { type: 'string'; value: string }
  | { type: 'tensor'; value: Tensor }
  | { type: 'ints'; value: number[] }
  | { type: 'floats'; value: number[] }
  | { type: 'strings'; value: string[] }
  /** A subgraph, sparse tensor or type: carried through unread. */
  | { type: 'opaque'; value: unknown };

/** An operator at work. Optional inputs and outputs that are absent are ''. */
export interface Node {
  /** Unique and non-empty (given on reading where the file has none). */
  name: string;
  op: string;
  /** '' is ai.onnx. 'espalier' marks our own operators (gradients, losses), which never leave in an export. */
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Record<string, Attribute>;
}

/** A declared graph input or output; a dimension is a number, a symbol, or undefined where nothing is declared. */
export interface Value {
  name: string;
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
}

export interface Graph {
  name: string;
  /** Inputs that a caller must give (initialisers that are listed as inputs are not here). */
  inputs: Value[];
  outputs: Value[];
  /** In topological order. */
  nodes: Node[];
  initializers: Map<string, Tensor>;
  /** Declared types of intermediate values, by name; informative only. */
  declared: Map<string, Value>;
  source: Source;
}
