/**
 * Dead units: those that the input does not reach, because every weight that makes them is zero, or that reach no output,
 * because every weight that reads them is. Pruning single weights leaves such units behind; a runtime computes them all the
 * same, and structured pruning removes them for nothing.
 *
 * A unit dies of its neighbours' death too: with the dead ones masked, the search goes on until none is found. A unit that
 * several layers make is dead when all of them leave it empty.
 */
import { type Graph, isFloat, sizeOf, type Tensor } from '../../onnx/index.js';
import { maskChannels } from '../cut/mask.js';
import { withMembers } from '../find/weights.js';
import type { Channels, Group, Role, Selection } from '../types.js';

/** The groups that have dead units, whose units are kept where they are alive. */
export function deadUnits(given: Graph, channels: Channels): Selection {
  const graph = withMembers(given);
  for (let selection: Selection = new Map(); ; ) {
    const { initializers } = maskChannels(graph, channels, selection);
    const found = new Map(
      channels.groups.flatMap((group): [string, boolean[]][] => {
        const kept = aliveOf(group, initializers);
        return kept.every(Boolean) ? [] : [[group.name, kept]];
      }),
    );
    if (deadIn(found) === deadIn(selection)) return found;
    selection = found;
  }
}

const deadIn = (selection: Selection): number =>
  [...selection.values()].reduce((sum, kept) => sum + kept.filter((alive) => !alive).length, 0);

function aliveOf(group: Group, initializers: Graph['initializers']): boolean[] {
  const tied = (role: Role): boolean[] => {
    const members = group.members.filter((member) => member.role === role);
    const used = members.map(({ tensor, axis }) => usedPositions(initializers.get(tensor)!, axis));
    return Array.from(
      { length: group.size },
      (_, unit) =>
        members.length === 0 ||
        members.some(({ positions }, m) => positions[unit].some((position) => used[m][position])),
    );
  };
  const [made, read] = [tied('out'), tied('in')];
  return made.map((alive, unit) => alive && read[unit]);
}

/** Of every position on an axis, whether the tensor has a number other than 0 there; quantised tensors are taken to. */
function usedPositions({ shape, data, dtype }: Tensor, axis: number): boolean[] {
  const inside = sizeOf(shape.slice(axis + 1));
  const used = new Array<boolean>(shape[axis]).fill(!isFloat(dtype));
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) used[Math.floor(i / inside) % shape[axis]] = true;
  return used;
}
