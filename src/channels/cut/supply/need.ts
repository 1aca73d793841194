/**
 * What an input of a node must hold in the smaller graph, and what is known of the values that it could read.
 *
 * Everything is looked at once for each *view*, a size of what the model's inputs leave open: contents are lists, an entry for each.
 */
import { emptyData, type Node, type Tensor } from '../../../onnx/index.js';
import type { Plan } from '../plan.js';

/** Contents of a value, in each view. */
export type Contents = readonly Tensor[];

/** An input of a node that must hold given numbers. */
export interface Need {
  node: Node;
  input: number;
  /** The value that it reads now; '' where none. */
  name: string;
  wanted: Contents;
  /** Nothing else reads the value, nor what it is computed from on the way here, so that a constant may be overwritten. */
  sole: boolean;
}

/** Writes the nodes that make a value, and gives its name. */
export type Supply = (extra: Node[]) => string;

/** A way to meet a need; undefined where it does not lead there. */
export type Way = (need: Need, plan: Plan) => Supply | undefined;

/** The need of one of a node's inputs, on the way to another need: that of a value which the node makes. */
export const needBefore = (
  { sole }: Need,
  { node, input, wanted }: Pick<Need, 'node' | 'input' | 'wanted'>,
  { uses }: Plan,
): Need => {
  const name = node.inputs[input];
  return { node, input, name, wanted, sole: sole && uses.get(name) === 1 };
};

/** What a value holds in the smaller graph, in each view; undefined where that is not known in all of them. */
export function contentsOf(name: string, { views, initializers }: Plan): Contents | undefined {
  const found = views.map(({ constants }) => constants.get(name) ?? initializers.get(name));
  return found.every((tensor) => tensor !== undefined) ? found : undefined;
}

/** A tensor of given elements. */
export function filled(
  dtype: Tensor['dtype'],
  shape: readonly number[],
  values: readonly (number | bigint)[],
): Tensor {
  const data = emptyData(dtype, values.length);
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  values.forEach((value, i) => {
    (data as (number | bigint)[] & typeof data)[i] = big ? BigInt(value) : Number(value);
  });
  return { dtype, shape: [...shape], data };
}

export const numbersOf = ({ data }: Tensor): number[] =>
  Array.from(data as ArrayLike<number | bigint>, Number);

/** 0, 1, …, so many of them. */
export const firstOf = (size: number): number[] => Array.from({ length: size }, (_, i) => i);
