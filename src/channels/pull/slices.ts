/** The elements of a group's parameters, unit by unit, where they lie in memory. */
import type { Network } from '../../engine/index.js';
import { sizeOf } from '../../onnx/index.js';
import type { Group, Member } from '../types.js';

export interface Slice {
  tensor: string;
  role: Member['role'];
  weight: Float32Array;
  /** Visits the runs of elements that belong to units: from the first, up to and without `to`. */
  each(visit: (unit: number, from: number, to: number) => void): void;
}

/** Those members of a group that are learnt. */
export function slicesOf(network: Network, { members }: Group): Slice[] {
  return members.flatMap(({ tensor, axis, role, positions }) => {
    const parameter = network.parameters.get(tensor);
    if (!parameter) return [];
    const { weight, shape } = parameter;
    const size = shape[axis];
    const inner = sizeOf(shape.slice(axis + 1));
    const owner = new Int32Array(size).fill(-1);
    positions.forEach((own, unit) => {
      for (const position of own) owner[position] = unit;
    });
    const each: Slice['each'] = (visit) => {
      for (let row = 0; row * inner < weight.length; row++)
        if (owner[row % size] >= 0) visit(owner[row % size], row * inner, (row + 1) * inner);
    };
    return [{ tensor, role, weight, each }];
  });
}
