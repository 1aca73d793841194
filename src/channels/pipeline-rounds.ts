/**
 * Pruning in rounds: what a network has lost after several of them, in units of the first.
 *
 * A network without some units has the groups that it had before, smaller, in the same order; a group that lost all its units
 * (as part of a longer axis) is no longer there. So unit k of a smaller group is the kth that was kept of the larger.
 */
import type { Channels, Selection } from './types.js';

/** The selection that makes of the first network at once what `before` and then `next`, of the smaller network, make. */
export function composed(
  first: Channels,
  before: Selection,
  smaller: Channels,
  next: Selection,
): Map<string, boolean[]> {
  const whole = first.groups.map(({ name, size }) => ({
    name,
    kept: [...(before.get(name) ?? new Array<boolean>(size).fill(true))],
  }));
  const left = whole.filter(({ kept }) => kept.includes(true));
  if (left.length !== smaller.groups.length) throw new RangeError('the groups are those of another network');
  for (const [g, { kept }] of left.entries()) {
    const { name, size } = smaller.groups[g];
    const units = kept.flatMap((is, unit) => (is ? [unit] : []));
    if (units.length !== size)
      throw new RangeError(`${name} has ${size} units, but ${units.length} were kept`);
    next.get(name)?.forEach((stays, k) => {
      kept[units[k]] = stays;
    });
  }
  return new Map(whole.flatMap(({ name, kept }) => (kept.includes(false) ? [[name, kept]] : [])));
}
