/**
 * The small language that every ONNX graph is brought into before it is differentiated and compiled.
 *
 * ONNX has some 190 operators in 22 versions; about twenty *core* operators say all of it. An operator's file in `ops/`
 * expands it into these, so that gradients and kernels are written for the core alone.
 *
 * **One sample at a time.** A core graph describes a single sample: the model's declared batch dimension stands as 1 (or
 * as the fixed number that the file says). The engine runs sixteen samples side by side in the lanes of its registers
 * and as many blocks of sixteen as the batch has, so no core operator knows of the batch, models exported with a fixed
 * batch of 1 train in any batch, and shapes are plain numbers. A value that depends on the model's inputs differs from
 * sample to sample and is *laned*; weights and what is computed from them alone are not. Where samples meet (statistics
 * of BatchNorm, the mean loss, the gradient of a weight), the operator says `across`.
 */
import type { Node, Tensor } from '../onnx/index.js';
import type { Expression } from './expression.js';

/** What is known of a value. */
export interface Type {
  /** The engine computes in float32 whatever this says; integers and bools are exact up to 2^24 there. */
  dtype: Tensor['dtype'];
  /** Per sample. */
  shape: readonly number[];
  /** Differs from sample to sample. */
  laned: boolean;
  /** The contents, where compile time knows them. */
  constant?: Tensor;
}

/** Geometry of a convolution or pool, one number per spatial axis. */
export interface Window {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  padsBefore: readonly number[];
  padsAfter: readonly number[];
}

/**
 * Core operators: name → options. Each has a file in core/ that says everything about it. Shapes: B is the (per-sample) leading dimension of convolutions, usually 1.
 *
 * | operator | inputs → outputs |
 * |---|---|
 * | elementwise | operands, broadcast as in NumPy → result |
 * | reduce | x → x with `axes` reduced to 1 (kept); `across`: also over samples, result not laned (sum only) |
 * | reshape, transpose, slice, pad, concat, expand | as in NumPy; slice takes `sizes` elements from `starts` by `steps` (may be negative) |
 * | conv | x [B, C, …], w [O, C/groups, …kernel], optional bias [O], w and bias not laned → [B, O, …] |
 * | convInput | dy [B, O, …], w → x-shaped [B, C, …spatial]: the transpose of conv |
 * | convWeight | x, dy → w-shaped, summed over samples where x is laned |
 * | matmul | a [..., M, K], b [..., K, N] → [..., M, N] (equal leading dimensions) |
 * | maxPool | x [B, C, …] → y, and which tap of the window won (laned like x) |
 * | maxPoolInput | dy, winners → x-shaped |
 * | positions | x [R, P, I] → [R, Q, I]: out[r, q, i] = Σ_k weight[k] · x[r, from[k], i], k from start[q] to start[q+1] |
 * | normalize | x, scale, bias, running mean, running variance → a, b [C] with y = a·x + b, mean, 1/√(var+ε): batch statistics over samples and space; updates the running ones |
 * | normalizeInput | Σdy, Σdy·x̂ [C], and normalize's a, mean, inv → p, q [C] with dx = a·dy + p·x + q |
 * | gather | x, indices (laned or not) along axis 0: x [V, D], indices [n] → [n, D] |
 * | scatterSum | dy [n, D], indices → [V, D] summed over samples |
 * | uniform | → uniform numbers in [0,1) from the program's seed; laned or not |
 * | scan | initial states, items [T, …], whole values → of each state [T + 1, …] with the initial one, of each value given out [T, …]: a loop over the first axis of the items |
 * | crossEntropy | logits [K], labels [1], optional teacher's logits [K] → loss [1] (mean over valid samples), correct [1] (count), dlogits [K] |
 */
export interface CoreOptions {
  elementwise: { expression: Expression };
  reduce: { how: 'sum' | 'max'; axes: readonly number[]; across?: boolean };
  reshape: { shape: readonly number[] };
  transpose: { order: readonly number[] };
  slice: { starts: readonly number[]; steps: readonly number[]; sizes: readonly number[] };
  pad: { before: readonly number[]; after: readonly number[]; value: number };
  concat: { axis: number };
  expand: { shape: readonly number[] };
  conv: { window: Window; groups: number };
  convInput: { window: Window; groups: number; spatial: readonly number[] };
  convWeight: { window: Window; groups: number };
  matmul: Record<string, never>;
  maxPool: { window: Window; ceil: boolean };
  maxPoolInput: { window: Window; ceil: boolean; spatial: readonly number[] };
  positions: { start: Int32Array; from: Int32Array; weight: Float32Array };
  /** `momentum` is ONNX's: the share of the old running value that is kept. */
  normalize: { epsilon: number; momentum: number };
  /** `count`: how many elements each channel has in one sample. */
  normalizeInput: { count: number };
  gather: Record<string, never>;
  scatterSum: { rows: number };
  uniform: { shape: readonly number[]; laned: boolean; stream: number };
  scan: Scan;
  /** `teacher` weighs the third input in: (1 − weight)·cross-entropy + weight·T²·KL(teacher/T ‖ logits/T). */
  crossEntropy: { smoothing: number; teacher?: { temperature: number; weight: number } };
}

/**
 * A loop. Its body is core operators over values of its own: at every moment it is given the states, an item of each list and the whole
 * values, in the order of the operator's inputs, and makes the next states and what is given out. Moments are counted from the front
 * whichever way the loop runs: state t stands before moment t and state t + 1 behind it, or the other way round in reverse.
 */
export interface Scan {
  length: number;
  reverse: boolean;
  states: readonly { name: string; next: string }[];
  items: readonly string[];
  whole: readonly string[];
  gives: readonly string[];
  nodes: readonly CoreNode[];
  /** Of all values of the body. */
  types: ReadonlyMap<string, Type>;
  /** Additions and multiplications of one round. */
  work: number;
}

export type CoreName = keyof CoreOptions;

export interface CoreNode<Name extends CoreName = CoreName> {
  op: Name;
  inputs: readonly string[];
  outputs: readonly string[];
  options: CoreOptions[Name];
  /** A gradient that stands for the operator's own: given ∂L/∂(output 0), emits ∂L/∂(input i), undefined where none. */
  gradient?: (build: Build, dy: string) => (string | undefined)[];
  /** Name of the model's node that it is a part of, or the gradient of one. */
  layer?: string;
}

/** A node as it was written: its types, and the core values that it takes ('' where absent) and makes. */
export interface Told {
  opset: number;
  types: readonly (Type | undefined)[];
  inputs: readonly string[];
  outputs: readonly string[];
}

/** Writes a core graph node by node; what is constant is computed at once and emits nothing. */
export interface Build {
  /** Emits an operator and returns the names of its outputs. */
  emit<Name extends CoreName>(
    op: Name,
    inputs: readonly string[],
    options: CoreOptions[Name],
    gradient?: CoreNode['gradient'],
  ): string[];
  /** Has nodes written that are not a part of the graph but the body of a loop. */
  inside<Result>(write: () => Result): { nodes: CoreNode[]; result: Result };
  /** Declares a value that the body of a loop is given. */
  given(type: Type): string;
  /** The type of a value. */
  type(name: string): Type;
  /** A constant as a value. */
  constant(tensor: Tensor): string;
  /** Says that nobody uses the gradient of a value where another, of the same shape, is 0. */
  pattern(value: string, pattern: string): void;
  /** Is told what became of a node that a body holds, as often as it is written: the last time is what holds. */
  tell?(node: Node, told: Told): void;
  /** Whether BatchNorm uses batch statistics and Dropout drops. */
  readonly training: boolean;
}
