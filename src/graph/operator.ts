/**
 * What is known about an ONNX operator: one object per operator, all facts together, one file per family in `ops/`.
 */
import { fail, UserError } from '../base/index.js';
import { type Attribute, type DType, ints, type Node, type Tensor } from '../onnx/index.js';
import type { Build, Type } from './core.js';
import type { InputRoles } from './roles.js';

/** What is left for the constants of a graph: additions and multiplications, and elements. */
export interface Budget {
  work: number;
  elements: number;
}

/** An operator at its place in a graph. */
export interface Site {
  node: Node;
  /** Version of the node's operator set. */
  opset: number;
  /** Types of the inputs; undefined where an optional one is absent. */
  inputs: readonly (Type | undefined)[];
}

/** Of a value whose channels are being removed: the positions that stay, for every axis. */
export type Kept = readonly (readonly number[])[];

/** What a node must say once channels are removed from its operands and results. */
export interface Resized {
  /** Attributes to set; undefined for one to drop. */
  attributes?: Record<string, Attribute | undefined>;
  /** New contents of settings, by input. Entries that grow with the batch are those of a batch of one. */
  settings?: Record<number, { dtype?: DType; shape: readonly number[]; values: readonly number[] }>;
  /** Elements to choose from the node's result where its settings cannot say which stay. */
  picks?: readonly { axis: number; indices: readonly number[] }[];
}

/** A node of a body, and what stays of its operands and results; undefined for what is absent. */
export interface Inside {
  site: Site;
  operator: Operator;
  inputs: readonly (KeptValue | undefined)[];
  outputs: readonly (KeptValue | undefined)[];
}

export interface KeptValue {
  kept: Kept;
  /** All of it stays. */
  whole: boolean;
}

export interface Operator {
  /** Its inputs and outputs, as ops/signature.ts reads it. */
  takes: string;
  /** Whatever else must hold for the operator to be what ONNX says. @throws UserError naming the node. */
  check?(site: Site): void;
  /**
   * Types of the outputs (as many as the node has). `constant` may be set where shapes alone determine the contents.
   * @throws UserError naming the node when the inputs do not fit.
   */
  infer(site: Site): Omit<Type, 'laned'>[];
  /** The outputs' contents when all inputs are constant: what makes shape arithmetic disappear. None where that is too much. */
  evaluate?(site: Site, left: Budget): Tensor[] | undefined;
  /** Multiply-accumulates for one sample. */
  macs?(site: Site, outputs: readonly Omit<Type, 'laned'>[]): number;
  /** What its inputs are for: which are learnt, which pruning may set to zero, where the outputs of a layer lie. */
  roles?: InputRoles;
  /** Takes its weights and biases as the whole numbers that stand for real ones. */
  stored?: boolean;
  /** Which shapes of learnt inputs are parameters rather than settings; default: all. */
  learnable?(shape: readonly number[], index: number): boolean;
  /** The result holds the numbers of its first input, in their order, in whatever shape and type. */
  carries?: boolean;
  /** Adds elements up, in whatever form, and does not divide by how many there were. */
  sums?: boolean;
  /** Brings what comes in to a mean or a size of its own. */
  normalizes?: boolean;
  /** What its result is, as the last node of a classifier. */
  answers?: 'probabilities' | 'log-probabilities' | 'truths';
  /** Which inputs say how rather than what: shapes, axes, bounds, scales. They are never sliced as data is. */
  settings?: readonly number[];
  /** Axes of the first core value of its expansion whose size the operator fixes, such as DepthToSpace's block. */
  rigid?(site: Site): readonly number[];
  /** Of every operand, the axes whose positions are told apart by a setting or by where they stand, so that they stay. */
  fixed?(site: Site): readonly (readonly number[])[];
  /**
   * What the node says once only `kept` positions are left of its operands (undefined where absent) and results; absent
   * for operators that go by the shapes of their operands. `site` is the node as it was; `inside` tells the same of the nodes of its body.
   */
  resize?(
    site: Site,
    inputs: readonly (Kept | undefined)[],
    outputs: readonly Kept[],
    inside: (node: Node) => Inside | undefined,
  ): Resized;
  /**
   * Emits core operators for the node and returns the names of its outputs, in order. `inputs` are the names of the
   * node's inputs in the core graph ('' where absent). Absent for operators that only exist on constants.
   */
  expand?(site: Site, inputs: readonly string[], build: Build): string[];
}

/** A list of integers or scales as the new contents of a setting. */
export const listed = (values: readonly number[]) => ({ shape: [values.length], values });

/** "Conv 'layer1/conv'" */
export const describe = (node: Node): string =>
  `${node.domain && `${node.domain}.`}${node.op} '${node.name}'`;

/** The type of input `index`, or a sentence. */
export const required = (site: Site, index: number): Type =>
  site.inputs[index] ?? fail(`${describe(site.node)} lacks its input ${index}; the model is damaged.`);

/** Nothing is wrong with the model, but espalier cannot compute a node of it; other runtimes may. */
export class Unsupported extends UserError {}

/** Something is only known when the model runs, so that shapes cannot be told before. */
export class DependsOnData extends Unsupported {}

/** The contents of a constant input, undefined where the input is absent. @throws DependsOnData when it is not constant. */
export function constantOf(site: Site, index: number, what: string): Tensor | undefined {
  const type = site.inputs[index];
  if (!type) return undefined;
  return (
    type.constant ??
    fail(
      `${describe(site.node)} computes its ${what} from data; espalier needs ${what} known when the model is compiled.`,
      DependsOnData,
    )
  );
}

/** The integers of a constant input, undefined where absent. */
export function constantInts(site: Site, index: number, what: string): number[] | undefined {
  const tensor = constantOf(site, index, what);
  return tensor && ints(tensor);
}

/** An axis counted from the end made one counted from the front. @throws UserError out of range. */
export function axisOf(site: Site, axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (positive < 0 || positive >= rank) {
    fail(
      `${describe(site.node)} names axis ${axis} of a value with ${rank} dimensions; the model is damaged.`,
    );
  }
  return positive;
}
