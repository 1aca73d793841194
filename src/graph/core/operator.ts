/**
 * What a core operator is: one file that says everything about it. Two rooms above say their part beside: `channels` how positions
 * correspond and what stands at removed ones, `engine/lowering` which kernels compute it. All are lists by the operators'
 * names, so the compiler points at whatever a new operator lacks.
 */
import { sizeOf } from '../../onnx/index.js';
import type { Build, CoreName, CoreNode, CoreOptions, Scan, Type } from '../core.js';
import type { ReferenceValue } from '../reference/value.js';

export type Shape = readonly number[];
export type OutputType = Pick<Type, 'shape' | 'laned'>;
export type Must = (holds: boolean, what: string) => void;

/** What an operator computes with: its inputs, the shapes its outputs will have, its options. */
export interface Call<Name extends CoreName> {
  inputs: ReferenceValue[];
  outputs: OutputType[];
  options: CoreOptions[Name];
  count: number;
  seed: number;
  /** Computes the nodes of a body. */
  inside: (nodes: readonly CoreNode[], values: Map<string, ReferenceValue>) => Map<string, ReferenceValue>;
}

/** Elements between one sample and the next; 'meet' where an element depends on several samples, 'unknown' where no rule says. */
export type Apart = number | 'meet' | 'unknown';

export interface Operand {
  name: string;
  shape: Shape;
  /** Undefined for what is the same for all samples. */
  apart: Apart | undefined;
}

export interface SamplesCall<Name extends CoreName> {
  operands: Operand[];
  result: Shape;
  options: CoreOptions[Name];
  /** Which of the results is asked for. */
  output: number;
  count: number;
  /** Whether an operand that is the same for all samples repeats itself for each, this many elements apart. */
  repeated: (operand: Operand, stride: number) => boolean;
  /** Follows the nodes of a body, whose types these are; `around`: which operand each of the values is that it is given. */
  inside: (
    body: Pick<Scan, 'nodes' | 'types'>,
    places: Map<string, Apart>,
    around: ReadonlyMap<string, string>,
  ) => void;
}

export interface CoreOperator<Name extends CoreName> {
  /** Shapes and lanes of its outputs. @throws Error when the operands do not fit (a defect of the expansion). */
  types(options: CoreOptions[Name], inputs: readonly Type[]): OutputType[];
  /** What must hold before anything computes with it, beyond that. */
  verify(must: Must, options: CoreOptions[Name], inputs: Shape[], outputs: Shape[]): void;
  /** What its results are where operands have no elements; undefined where that means nothing. */
  ofNothing(options: CoreOptions[Name]): number | undefined;
  /** What computing it once for a constant costs, in additions and multiplications. */
  work(options: CoreOptions[Name], inputs: readonly Shape[], outputs: readonly Shape[]): number;
  /** Where the samples lie in its result, when a graph is expanded for several at once. */
  samples(call: SamplesCall<Name>): Apart;
  /** What it means, in float64. */
  compute(call: Call<Name>): ReferenceValue[];
}

/** What training needs beside. */
export interface Derivatives<Name extends CoreName> {
  /** ∂L/∂(each input), for those wanted, by ∂L/∂(output 0). */
  gradient: Gradient<Name> | 'none';
  /** The same by the gradients of all outputs, of operators that have several. */
  gradients?: Gradients<Name>;
  /** The tangents of the outputs by those of the inputs, and by the number of samples. */
  tangent: Tangent<Name> | 'none';
}

export type Gradient<Name extends CoreName> = (
  t: Build,
  node: CoreNode<Name>,
  dy: string,
  wants: readonly boolean[],
) => (string | undefined)[];

/** Gradients of the outputs, undefined where L does not depend on them. `inside` differentiates the body of a loop. */
export type Gradients<Name extends CoreName> = (
  t: Build,
  node: CoreNode<Name>,
  dys: readonly (string | undefined)[],
  wants: readonly boolean[],
  inside: Differentiate,
) => (string | undefined)[];

/** Differentiates nodes; where one uses a value of `apart`, that is handed to `take` in place of being summed. */
export type Differentiate = (
  t: Build,
  nodes: readonly CoreNode[],
  seeds: ReadonlyMap<string, string>,
  wanted: readonly string[],
  use?: {
    apart: ReadonlySet<string>;
    take: (
      node: CoreNode,
      input: number,
      dys: readonly (string | undefined)[],
      part: () => string | undefined,
    ) => void;
  },
) => Map<string, string>;

export type Moved = readonly (string | undefined)[];

export type Tangent<Name extends CoreName> = (
  t: Build,
  node: CoreNode<Name>,
  moved: Moved,
  count: string,
  inside: MoveNodes,
) => (string | undefined)[];

/** Adds the tangents of what nodes make to those that are known. */
export type MoveNodes = (
  t: Build,
  nodes: readonly CoreNode[],
  tangents: Map<string, string>,
  count: string,
) => void;

/** A result that is laned where an operand is. */
export const like = (inputs: readonly Pick<Type, 'laned'>[], shape: Shape): OutputType => ({
  shape,
  laned: inputs.some(({ laned }) => laned),
});

/** Whatever has types fits. */
export const typesOnly = (): void => {};

export const meansNothing = (): undefined => undefined;

/** As much work as there are elements to read and write. */
export const touched = (_: unknown, inputs: readonly Shape[], outputs: readonly Shape[]): number =>
  [...inputs, ...outputs].reduce((sum, shape) => sum + sizeOf(shape), 0);

/** No rule says what becomes of the samples: a run is a whole. */
export const unknown = (): Apart => 'unknown';

/** There is no derivative, or nobody asks for it. */
export const none = 'none';
