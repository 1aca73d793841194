/** Entries that each round reads from a value around the loop, at places that are known: all of them are taken before it begins. */
import { attr, ints, intTensor, type Node, type Tensor } from '../../onnx/index.js';
import type { Build } from '../core.js';
import { budget, foldedTypes } from '../fold.js';
import { axisOf, type Site } from '../operator.js';
import { pick, range, reshape, transpose } from '../ops/emit.js';
import type { Rounds } from './rounds.js';

/** What a node of a body reads in each round. */
export interface Picked {
  /** The value from around the loop. */
  from: string;
  axis: number;
  /** Of each round, as many in one as in another. */
  places: readonly (readonly number[])[];
  /** Of the node's result. */
  shape: readonly number[];
}

/**
 * What a Gather or Slice reads of a value that is the same in all rounds, by places that differ between them; undefined for other nodes.
 * @param outside whether a value of the body comes from around it.
 */
export function pickedBy(node: Node, rounds: Rounds, outside: (name: string) => boolean): Picked | undefined {
  const [from] = node.inputs;
  if (!['Gather', 'Slice'].includes(node.op) || node.domain !== '' || !outside(from)) return undefined;
  const { site } = rounds.written.get(node)!;
  const given = node.inputs.slice(1).map((name, i) => rounds.known.get(name) ?? site.inputs[i + 1]?.constant);
  const changes = node.inputs.slice(1).some((name) => rounds.known.has(name));
  if (!changes || given.some((tensor, i) => !tensor && node.inputs[i + 1] !== '')) return undefined;
  const axis = axisRead(node, site, given as (Tensor | undefined)[]);
  if (axis === undefined) return undefined;
  const places = range(rounds.count).map((round) => placesIn(node, axis, round, rounds));
  if (places.some(({ length }) => length !== places[0].length)) return undefined;
  return { from, axis, places, shape: rounds.types.get(node.outputs[0])!.shape };
}

/** The one axis along which places are chosen. */
function axisRead(
  node: Node,
  { inputs }: Site,
  given: readonly (Tensor | readonly Tensor[] | undefined)[],
): number | undefined {
  const rank = inputs[0]!.shape.length;
  if (node.op === 'Gather') return axisOf({ node, opset: 0, inputs }, attr.int(node, 'axis', 0), rank);
  const axes = given[2];
  if (axes && !Array.isArray(axes)) {
    const list = ints(axes as Tensor);
    return list.length === 1 ? axisOf({ node, opset: 0, inputs }, list[0], rank) : undefined;
  }
  return rank === 1 && !axes ? 0 : undefined;
}

/** The places that the operator itself takes from a row of all of them. */
function placesIn(node: Node, axis: number, round: number, { known, written }: Rounds): readonly number[] {
  const { site, operator } = written.get(node)!;
  const { inputs } = site;
  const { shape } = inputs[0]!;
  const row = shape.map((size, i) => (i === axis ? size : 1));
  const numbers = intTensor(row, range(shape[axis]));
  const given = inputs.map((type, i) => {
    const constant = i === 0 ? numbers : (known.get(node.inputs[i])?.[round] ?? type?.constant);
    return type && { ...type, dtype: constant!.dtype, shape: constant!.shape, constant };
  });
  const [{ constant }] = foldedTypes({ ...site, inputs: given }, operator, budget());
  return ints(constant!);
}

/** All that is read, entries of the rounds below one another: [rounds, …]. */
export function listOf(b: Build, value: string, { axis, places }: Picked): string {
  const { shape } = b.type(value);
  const all = pick(b, value, axis, places.flat());
  const [before, after] = [shape.slice(0, axis), shape.slice(axis + 1)];
  const split = reshape(b, all, [...before, places.length, places[0].length, ...after]);
  const rank = shape.length + 1;
  return transpose(b, split, [axis, ...range(rank).filter((i) => i !== axis)]);
}
