/** What a network computes when units are only silenced: every parameter slice of a removed unit is 0. */
import { fail } from '../../base/index.js';
import { emptyData, type Graph, sizeOf, type Tensor } from '../../onnx/index.js';
import { type Nought, noughtAt, noughtsOf } from '../find/dequantized.js';
import { withMembers } from '../find/weights.js';
import type { Channels, Group, Selection } from '../types.js';

/**
 * The graph with the same shapes, in which all parameters of removed units (what they are made of, what reads them, what is
 * held for each) are 0, or what stands for it in weights that are stored as integers. It computes what {@link shrink} of the same selection computes.
 * @throws UserError where the selection does not fit the groups.
 */
export function maskChannels(given: Graph, channels: Channels, selection: Selection): Graph {
  const graph = withMembers(given);
  checkSelection(channels, selection);
  const initializers = new Map(graph.initializers);
  const noughts = noughtsOf(graph);
  const copied = new Set<string>();
  for (const [name, kept] of selection) {
    for (const { tensor, axis, positions } of channels.groups.find((group) => group.name === name)!.members) {
      const gone = positions.filter((_, unit) => !kept[unit]).flat();
      if (gone.length === 0) continue;
      const from = initializers.get(tensor);
      if (!from) fail(`The groups were found in another model: this one has no weight '${tensor}'.`);
      const to = copied.has(tensor) ? from : copyOf(from);
      initializers.set(tensor, to);
      copied.add(tensor);
      clear(to, axis, gone, noughts.get(tensor));
    }
  }
  return { ...graph, initializers };
}

/** @throws UserError where a selection names a group that is not there, or has not one decision for each unit. */
export function checkSelection({ groups }: Channels, selection: Selection): void {
  const sizes = new Map(groups.map((group: Group) => [group.name, group.size]));
  for (const [name, kept] of selection) {
    const size = sizes.get(name);
    if (size === undefined) {
      fail(
        `The selection names a group '${name}', which the model does not have; find the groups of this model first.`,
      );
    }
    if (kept.length !== size) {
      fail(
        `The selection decides on ${kept.length} units of group '${name}', which has ${size}; find the groups of this model first.`,
      );
    }
  }
}

function copyOf(tensor: Tensor): Tensor {
  const data = emptyData(tensor.dtype, tensor.data.length);
  (data as Float32Array).set(tensor.data as Float32Array);
  return { ...tensor, data };
}

function clear(
  { shape, data }: Tensor,
  axis: number,
  positions: readonly number[],
  nought: Nought = { values: [0], axis: 0, block: 0 },
): void {
  const inside = sizeOf(shape.slice(axis + 1));
  const span = shape[axis] * inside;
  const big = data instanceof BigInt64Array || data instanceof BigUint64Array;
  const at = noughtAt(nought, shape);
  const even = nought.values.length === 1;
  const fill = (from: number, to: number) => {
    const value = at(from);
    (data as Float32Array).fill((big ? BigInt(value) : value) as number, from, to);
  };
  for (let start = 0; start < data.length; start += span) {
    for (const i of positions) {
      const [from, to] = [start + i * inside, start + (i + 1) * inside];
      if (even) fill(from, to);
      else for (let k = from; k < to; k++) fill(k, k + 1);
    }
  }
}
