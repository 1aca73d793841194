/**
 * Pruning in rounds: what a network has lost after several of them, in units of the first.
 *
 * Groups of a smaller network need not be those of the larger with fewer units: an axis of length 1 couples nothing, and where
 * numbers are alike by chance units may be tied otherwise. So units are followed by their positions: position p of an axis that
 * has lost some is the pth that was left of it. What is only a part of a unit of the first network (a head, where heads were
 * thinned alike until each had one dimension) could not be told in its units, and stays.
 */
import type { Channels, Group, Member, Selection } from '../types.js';

/**
 * The channels of a smaller network without the groups that are none in units of the first: those stay whole.
 * @param before what the first network kept when the smaller one was made of it.
 */
export function followed(first: Channels, before: Selection, smaller: Channels): Channels {
  const axes = axesOf(first, before);
  const apart = smaller.groups.filter(({ size, members }) =>
    Array.from({ length: size }, (_, unit) => ownersOf(axes, members, unit)).includes(undefined),
  );
  if (apart.length === 0) return smaller;
  const names = new Set(apart.map(({ name }) => name));
  const stays = ({ members }: Group) =>
    members.flatMap(({ tensor, axis, role }) => (role === 'along' ? [] : [{ tensor, axis, role, reason }]));
  return {
    ...smaller,
    groups: smaller.groups.filter(({ name }) => !names.has(name)),
    frozen: [...smaller.frozen, ...apart.flatMap(stays)],
    floors: smaller.floors?.filter((list) => !list.some((name) => names.has(name))),
  };
}

const reason = 'in the network as it was given its positions went together with others';

/**
 * The selection that makes of the first network at once what `before` and then `next`, of the smaller network, make.
 * @param smaller as {@link followed} gives them.
 */
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
      const owners = ownersOf(axes, members, unit);
      if (!owners) throw new RangeError(`${name} is not in the larger network`);
      for (const owner of owners) kept.get(owner.group)![owner.unit] = false;
    });
  return new Map([...kept].filter(([, units]) => units.includes(false)));
}

/** A unit of the first network. */
interface Owner {
  group: string;
  unit: number;
}

/** An axis as the smaller network has it: whose each position is, and which each of those has. */
interface Axis {
  owners: Map<number, Owner>;
  positions: Map<Owner, number[]>;
}

const keyOf = ({ tensor, axis }: Pick<Member, 'tensor' | 'axis'>): string => `${axis} ${tensor}`;

function axesOf({ groups }: Channels, before: Selection): Map<string, Axis> {
  const places = new Map<string, { owner: Owner; position: number }[]>();
  for (const { name: group, size, members } of groups) {
    const owners = Array.from({ length: size }, (_, unit): Owner => ({ group, unit }));
    for (const member of members) {
      const own = member.positions.flatMap((positions, unit) =>
        positions.map((position) => ({ owner: owners[unit], position })),
      );
      places.set(keyOf(member), [...(places.get(keyOf(member)) ?? []), ...own]);
    }
  }
  const isGone = ({ group, unit }: Owner) => before.get(group)?.[unit] === false;
  return new Map(
    [...places].map(([key, own]) => {
      const axis: Axis = { owners: new Map(), positions: new Map() };
      let gone = 0;
      for (const { owner, position } of own.sort((a, b) => a.position - b.position)) {
        if (isGone(owner)) {
          gone++;
          continue;
        }
        const now = position - gone;
        axis.owners.set(now, owner);
        axis.positions.set(owner, [...(axis.positions.get(owner) ?? []), now]);
      }
      return [key, axis];
    }),
  );
}

/** The units of the first network that a unit of the smaller consists of; undefined where it has a part of one only, or none. */
function ownersOf(
  axes: ReadonlyMap<string, Axis>,
  members: readonly Member[],
  unit: number,
): Set<Owner> | undefined {
  const found = new Set<Owner>();
  for (const member of members) {
    const axis = axes.get(keyOf(member));
    if (!axis) continue;
    const own = new Set(member.positions[unit]);
    for (const position of own) {
      const owner = axis.owners.get(position);
      if (!owner || axis.positions.get(owner)!.some((other) => !own.has(other))) return undefined;
      found.add(owner);
    }
  }
  return found.size > 0 ? found : undefined;
}
