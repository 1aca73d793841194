/** The numbers that a unit has in a parameter, and what parameters of a group are for. */
import { originIn } from '../../graph/index.js';
import type { Graph } from '../../onnx/index.js';
import { withMembers } from '../find/weights.js';
import type { Member } from '../types.js';

/**
 * What of a group is judged: `producers`, the weights whose outputs the units are; `consumers`, those that read them;
 * `scales`, the γ of normalisations in between. Biases, means and variances never are.
 */
export type Part = 'producers' | 'consumers' | 'scales';

/** Tells for a member which part of its group it is; undefined for biases, running statistics and the like. */
export function partsIn(graph: Graph): (member: Member) => Part | undefined {
  const scales = scalesOf(withMembers(graph));
  return ({ tensor, role }) => {
    if (scales.has(tensor)) return 'scales';
    return role === 'out' ? 'producers' : role === 'in' ? 'consumers' : undefined;
  };
}

/** The scales (γ) of all normalisations of a graph, by name. */
export function scalesOf(graph: Graph): Set<string> {
  const origin = originIn(graph);
  const found = graph.nodes
    .filter(({ op }) => op.endsWith('Normalization'))
    .map(({ op, inputs }) => origin(inputs[op.startsWith('Skip') ? 2 : 1] ?? ''));
  return new Set(found.filter((name) => name !== undefined));
}

/** For every unit of a member, its numbers in a row-major tensor of the given shape, gathered into one list. */
export function numbersOf(
  values: ArrayLike<number>,
  shape: readonly number[],
  { axis, positions }: Pick<Member, 'axis' | 'positions'>,
): Float64Array[] {
  const inner = shape.slice(axis + 1).reduce((size, dim) => size * dim, 1);
  const span = shape[axis] * inner;
  const outer = span > 0 ? values.length / span : 0;
  return positions.map((own) => {
    const numbers = new Float64Array(outer * own.length * inner);
    let to = 0;
    for (let o = 0; o < outer; o++)
      for (const position of own)
        for (let i = 0; i < inner; i++) numbers[to++] = values[o * span + position * inner + i];
    return numbers;
  });
}
