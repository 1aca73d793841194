/** Axes must not become empty: which selections are possible at all. */
import type { Channels, Selection } from '../types.js';

/** The groups, as lists, of which one unit at least must stay each. */
export const floorsOf = ({ groups, floors }: Channels): readonly (readonly string[])[] =>
  floors ?? groups.map(({ name }) => [name]);

/** The lists of groups of which a selection leaves nothing; empty where it is possible. */
export const emptied = (channels: Channels, selection: Selection): (readonly string[])[] =>
  floorsOf(channels).filter((names) =>
    names.every((name) => selection.get(name)?.every((kept) => !kept) ?? false),
  );

/** Whether a selection leaves a position on every axis. */
export const floorsHold = (channels: Channels, selection: Selection): boolean =>
  emptied(channels, selection).length === 0;
