/** What the inputs of ONNX operators are for. */
import type { Node } from '../onnx/index.js';

export type InputRole =
  | {
      /** Multiplies what comes in; pruning may set its elements to zero. */
      readonly is: 'weight';
      /** The axis of the weight that counts the layer's outputs, of a weight with `rank` axes as input `index`. */
      readonly outputAxis: (node: Node, index: number, rank: number) => number;
      /** The axis that counts its inputs, where it is neither the one after a first axis of outputs nor the one before theirs. */
      readonly inputAxis?: number;
      /** The axis of the result along which those outputs lie, where that is always the same; absent where it depends on the node. */
      readonly channelAxis?: 1 | 'last';
      /** Of whole numbers that the operator takes as they are: the inputs that hold their scales, if any, and their zero points. */
      readonly stored?: { readonly scale?: number; readonly zero: number };
    }
  | {
      readonly is: /** Added once for each output of a layer, beside its weight. */
        | 'bias'
        /** Of a normalisation. */
        | 'scale'
        | 'shift'
        /** Changed by a run without a gradient: running averages, masks. */
        | 'statistic'
        /** Of an activation. */
        | 'slope'
        /** Rows to choose from. */
        | 'table'
        /** Added to, or multiplied with, the other operand. */
        | 'term'
        | 'factor'
        /** What a mask is learnt from. */
        | 'score'
        /** Whole numbers that stand for real ones, by the two that follow. */
        | 'integers'
        | 'step'
        | 'zero';
    };

export type InputRoles = Readonly<Record<number, InputRole>>;

/** Roles that training changes by gradients. */
const learntRoles: ReadonlySet<InputRole['is']> = new Set([
  ...(['weight', 'bias', 'scale', 'shift', 'slope', 'table', 'term', 'factor', 'score'] as const),
]);

interface WithRoles {
  roles?: InputRoles;
}

const indicesOf = (operator: WithRoles | undefined, fits: (role: InputRole) => boolean): number[] =>
  Object.entries(operator?.roles ?? {}).flatMap(([index, role]) => (fits(role) ? [Number(index)] : []));

/** Which inputs have a role. */
export const inputsThatAre = (operator: WithRoles | undefined, what: InputRole['is']): number[] =>
  indicesOf(operator, ({ is }) => is === what);

/** Which inputs are learnt when they are initialisers, e.g. Conv's weight and bias: [1, 2]. */
export const learntInputs = (operator: WithRoles | undefined): number[] =>
  indicesOf(operator, ({ is }) => learntRoles.has(is));

/** Which input is the bias beside the weights. */
export const biasInput = (operator: WithRoles | undefined): number | undefined =>
  inputsThatAre(operator, 'bias')[0];

/** The axis of a weight that counts its layer's outputs; `index`: the input, or -1 where a node before it reads the weight. */
export function outputAxisOf(
  operator: WithRoles | undefined,
  node: Node,
  index: number,
  rank: number,
): number {
  const role = operator?.roles?.[index < 0 ? inputsThatAre(operator, 'weight')[0] : index];
  return role?.is === 'weight' ? role.outputAxis(node, index, rank) : 0;
}

/** The axis of a weight that counts its layer's inputs; `index` as in {@link outputAxisOf}. */
export function inputAxisOf(
  operator: WithRoles | undefined,
  node: Node,
  index: number,
  rank: number,
): number {
  const role = operator?.roles?.[index < 0 ? inputsThatAre(operator, 'weight')[0] : index];
  if (role?.is === 'weight' && role.inputAxis !== undefined) return role.inputAxis;
  const outputs = outputAxisOf(operator, node, index, rank);
  return outputs === 0 ? 1 : outputs - 1;
}

/** A weight whose outputs lie on a fixed axis. */
export const weight = (axis: number, channelAxis?: 1, inputAxis?: number): InputRole => ({
  is: 'weight',
  outputAxis: () => axis,
  channelAxis,
  inputAxis,
});

export const bias: InputRole = { is: 'bias' };
/** Of normalisations: the scale, then the shift. */
export const scaleAndShift: InputRoles = { 1: { is: 'scale' }, 2: { is: 'shift' } };
