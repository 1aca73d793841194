/**
 * Whole numbers and truths that are decided by real ones: the place of the largest, whether one is larger than the other. Where two
 * candidates are nearly equal, rounding decides, and two runtimes may differ without either being wrong.
 */

import { findOperator, inferTypes, type Type } from '../../graph/index.js';
import { type Graph, isFloat, type Node, sizeOf } from '../../onnx/index.js';
import { type Answers, shapesOf, type Trial } from '../samples.js';

/** The node that decides an output. */
export interface Decision {
  op: string;
  /** The real values that it looks at. */
  values: readonly string[];
  /**
   * How near the values were that would have had to change for the other answer at a position; undefined where that follows
   * from no two values.
   */
  gap(at: number, one: number, other: number, values: readonly ArrayLike<number>[]): number | undefined;
}

/** What decides an output, with shapes as of a run. */
export function decisionOf(graph: Graph, output: string, trial: Trial): Decision | undefined {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const { types } = inferTypes(graph, { inputShapes: shapesOf(trial), batch: trial.count });
  const isReal = (name: string) => isFloat(types.get(name)?.dtype ?? 'int64');
  let name = output;
  let node = makers.get(name);
  while (node && findOperator(node)?.carries && !isReal(node.inputs[0])) {
    name = node.inputs[0];
    node = makers.get(name);
  }
  return node && deciders[node.op]?.(node, types, name);
}

type Decider = (node: Node, types: ReadonlyMap<string, Type>, output: string) => Decision | undefined;

/** Among the elements along an axis: those at the two places. */
const chosen: Decider = ({ op, inputs: [value, count], attributes, outputs }, types, output) => {
  const shape = types.get(value)?.shape;
  if (!shape || (op === 'TopK' && output !== outputs[1])) return undefined;
  const number = (name: string, otherwise: number) =>
    attributes[name]?.type === 'int' ? (attributes[name].value as number) : otherwise;
  const axis = (number('axis', op === 'TopK' ? -1 : 0) + shape.length) % shape.length;
  const inner = sizeOf(shape.slice(axis + 1));
  const along = op === 'TopK' ? Number(types.get(count)?.constant?.data[0] ?? Number.NaN) : 1;
  return {
    op,
    values: [value],
    gap(at, one, other, [from]) {
      const outer = Math.floor(at / (inner * along));
      const start = outer * shape[axis] * inner + (at % inner);
      return Math.abs(from[start + one * inner] - from[start + other * inner]);
    },
  };
};

/** Between two operands of the same shape, or one and a single number. */
const compared: Decider = ({ op, inputs }) => ({
  op,
  values: inputs,
  gap(at, _one, _other, [a, b]) {
    if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
    return Math.abs(a[at % a.length] - b[at % b.length]);
  },
});

/** By cutting off what is behind the point: the nearest whole number. */
const cut: Decider = ({ op, inputs: [value] }) => ({
  op,
  values: [value],
  gap: (at, one, other, [from]) =>
    Math.abs(one - other) === 1 ? Math.abs(from[at] - Math.round(from[at])) : undefined,
});

const deciders: Record<string, Decider> = {
  ArgMax: chosen,
  ArgMin: chosen,
  TopK: chosen,
  Greater: compared,
  GreaterOrEqual: compared,
  Less: compared,
  LessOrEqual: compared,
  Equal: compared,
  Cast: cut,
};

/** Whether nearly equal values explain every position at which whole numbers differ. */
export function explains(
  decision: Decision,
  unequal: readonly number[],
  {
    one,
    other,
    values,
    tolerance,
  }: {
    one: Answers[string]['data'];
    other: Answers[string]['data'];
    values: readonly ArrayLike<number>[];
    /** What the values may differ by. */
    tolerance: number;
  },
): boolean {
  return unequal.every((at) => {
    const gap = decision.gap(at, Number(one[at]), Number(other[at]), values);
    return gap !== undefined && gap <= tolerance;
  });
}
