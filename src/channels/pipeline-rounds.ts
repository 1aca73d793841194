/**
 * Pruning in rounds: what a network has lost after several of them, in units of the first.
 *
 * Groups of a smaller network need not be those of the larger with fewer units: an axis of length 1 couples nothing, and where
 * numbers are alike by chance units may be tied otherwise. So units are followed by their positions: position p of an axis that
 * has lost some is the pth that was left of it.
 */
import type { Channels, Member, Selection } from './types.js';

/** The selection that makes of the first network at once what `before` and then `next`, of the smaller network, make. */
export function composed(
  first: Channels,
  before: Selection,
  smaller: Channels,
  next: Selection,
): Map<string, boolean[]> {
  const kept = new Map(
    first.groups.map(({ name, size }) => [
      name,
      [...(before.get(name) ?? new Array<boolean>(size).fill(true))],
    ]),
  );
  const axes = axesOf(first, before);
  for (const { name, members } of smaller.groups)
    next.get(name)?.forEach((stays, unit) => {
      if (stays) return;
      const owner = ownerOf(axes, members, unit);
      if (!owner) throw new RangeError(`${name} is not in the larger network`);
      kept.get(owner.group)![owner.unit] = false;
    });
  return new Map([...kept].filter(([, units]) => units.includes(false)));
}

interface Axis {
  /** Whose each position is. */
  owners: Map<number, { group: string; unit: number }>;
  /** Positions that are gone, ascending. */
  gone: number[];
}

const keyOf = ({ tensor, axis }: Pick<Member, 'tensor' | 'axis'>): string => `${axis} ${tensor}`;

function axesOf({ groups }: Channels, before: Selection): Map<string, Axis> {
  const axes = new Map<string, Axis>();
  for (const { name: group, members } of groups)
    for (const member of members) {
      const axis: Axis = axes.get(keyOf(member)) ?? { owners: new Map(), gone: [] };
      axes.set(keyOf(member), axis);
      for (const [unit, positions] of member.positions.entries())
        for (const position of positions) {
          axis.owners.set(position, { group, unit });
          if (before.get(group)?.[unit] === false) axis.gone.push(position);
        }
    }
  for (const axis of axes.values()) axis.gone.sort((a, b) => a - b);
  return axes;
}

/** The unit of the larger network that a unit of the smaller was. */
function ownerOf(axes: ReadonlyMap<string, Axis>, members: readonly Member[], unit: number) {
  for (const member of members) {
    const axis = axes.get(keyOf(member));
    if (!axis) continue;
    let position = member.positions[unit][0];
    for (const gone of axis.gone) if (gone <= position) position++;
    const owner = axis.owners.get(position);
    if (owner) return owner;
  }
  return undefined;
}
