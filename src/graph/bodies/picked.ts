/** Entries that each round reads from a value around the loop, at places that are known: all of them are taken before it begins. */
import { attr, ints, type Node, type Tensor } from '../../onnx/index.js';
import type { Build } from '../core.js';
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
 * @param isOutside whether a value of the body comes from around it.
 */
export function pickedBy(
  node: Node,
  rounds: Rounds,
  isOutside: (name: string) => boolean,
): Picked | undefined {
  const [from] = node.inputs;
  if (!['Gather', 'Slice'].includes(node.op) || node.domain !== '' || !isOutside(from)) return undefined;
  const { site } = rounds.written.get(node)!;
  const given = node.inputs.slice(1).map((name, i) => rounds.known.get(name) ?? site.inputs[i + 1]?.constant);
  const changes = node.inputs.slice(1).some((name) => rounds.known.has(name));
  if (!changes || given.some((tensor, i) => !tensor && node.inputs[i + 1] !== '')) return undefined;
  const axis = axisRead(node, site, given as (Tensor | undefined)[]);
  if (axis === undefined) return undefined;
  const all = range(rounds.count).map((round) => placesIn(node, axis, round, rounds));
  const size = site.inputs[0]!.shape[axis];
  const outside = all.some((some) => some.some((place) => place < 0 || place >= size));
  if (outside || all.some(({ length }) => length !== all[0].length)) return undefined;
  return { from, axis, places: all, shape: rounds.types.get(node.outputs[0])!.shape };
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

/** The places along the axis that the node reads in a round. */
function placesIn(node: Node, axis: number, round: number, { known, written }: Rounds): readonly number[] {
  const { inputs } = written.get(node)!.site;
  const size = inputs[0]!.shape[axis];
  const numbers = (i: number): number[] | undefined => {
    const tensor = known.get(node.inputs[i] ?? '')?.[round] ?? inputs[i]?.constant;
    return tensor && ints(tensor);
  };
  const wrapped = (place: number) => (place < 0 ? place + size : place);
  if (node.op === 'Gather') return numbers(1)!.map(wrapped);
  const [[start], [end], [step] = [1]] = [numbers(1)!, numbers(2)!, numbers(4) ?? [1]];
  const within = (place: number) => Math.min(Math.max(wrapped(place), 0), size);
  if (step > 0) return places(within(start), within(end), step);
  const down = (place: number) => Math.min(Math.max(wrapped(place), -1), size - 1);
  return places(down(start), down(end), step);
}

function places(from: number, to: number, step: number): number[] {
  const count = Math.max(0, Math.ceil((to - from) / step));
  return Array.from({ length: count }, (_, i) => from + i * step);
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
