/** Channels made up for tests that look at units and not at weights. */
import * as fc from 'fast-check';
import type { Importance } from '../judge/importance.js';
import type { Channels, Member, Selection } from '../types.js';

/** Groups of the given sizes, each on an axis of its own unless floors say otherwise, with units so many positions wide. */
export const groupsOf = (sizes: Record<string, number>, floors?: string[][], width = 1): Channels => ({
  groups: Object.entries(sizes).map(([name, size]) => ({
    name,
    size,
    members: [filters(name, size, width)],
  })),
  frozen: [],
  floors,
});

const filters = (tensor: string, size: number, width: number): Member => ({
  ...{ tensor, axis: 0, role: 'out' },
  positions: Array.from({ length: size }, (_, unit) =>
    Array.from({ length: width }, (_, i) => unit * width + i),
  ),
});

export const scoresOf = (scores: Record<string, number[]>): Importance =>
  new Map(Object.entries(scores).map(([name, values]) => [name, Float64Array.from(values)]));

/** Units that stay, as digits: `{ a: '101' }`. */
export const digits = (selection: Selection): Record<string, string> =>
  Object.fromEntries([...selection].map(([name, kept]) => [name, kept.map((is) => (is ? 1 : 0)).join('')]));

export const keptOf = (channels: Channels, selection: Selection): number =>
  channels.groups.reduce(
    (sum, { name, size }) => sum + (selection.get(name)?.filter((kept) => kept).length ?? size),
    0,
  );

/** Some groups with importance full of ties, and sometimes axes that several groups make up. */
export const anyChannels: fc.Arbitrary<{ channels: Channels; importance: Importance }> = fc
  .record({
    scores: fc.array(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 20 }), {
      minLength: 1,
      maxLength: 6,
    }),
    shared: fc.boolean(),
  })
  .map(({ scores, shared }) => {
    const named = Object.fromEntries(scores.map((values, g) => [`g${g}`, values]));
    const names = Object.keys(named);
    const sizes = Object.fromEntries(names.map((name) => [name, named[name].length]));
    const pairs = names.map((name, g) => [...new Set([name, names[(g + 1) % names.length]])]);
    return { channels: groupsOf(sizes, shared ? pairs : undefined), importance: scoresOf(named) };
  });
