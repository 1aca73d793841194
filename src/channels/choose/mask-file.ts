/**
 * Masks as files: JSON, `{ name: [true, false, …] }`, true = kept, as MaskSparsity's. A name is that of a group, with an entry
 * for each unit, or of any parameter of a group (the γ of a BatchNormalization, a weight), with an entry for each position of
 * the axis of its outputs. Where a name is both, the length decides, for the group if both fit. What is not named stays whole.
 */
import { readFile } from 'node:fs/promises';
import {
  fail,
  isRecord,
  nearest,
  own,
  reason,
  type Settings,
  text,
  writeAtomically,
} from '../../base/index.js';
import type { Graph } from '../../onnx/index.js';
import { emptied } from '../find/floors.js';
import { withMembers } from '../find/weights.js';
import type { Channels, Selection } from '../types.js';
import { vote } from './vote.js';

/** A mask that comes from a file. */
export const maskFileSettings = {
  mask: text('remove the channels that the mask in this file names', 'FILE'),
} satisfies Settings;

/** By name of a group or of a parameter: whether each unit or position is kept. */
export type Masks = Readonly<Record<string, readonly boolean[]>>;

/**
 * Writes which channels are kept to a JSON file, atomically.
 * @throws UserError where the file cannot be written.
 */
export const writeMasks = (path: string, selection: Selection): Promise<void> =>
  writeAtomically(path, `${JSON.stringify(Object.fromEntries(selection))}\n`);

/**
 * Reads which channels are kept from a JSON file that {@link writeMasks} has written.
 * @throws UserError where there is no such file, or it holds anything else.
 */
export async function readMasks(path: string): Promise<Masks> {
  const text = await readFile(path, 'utf8').catch((error: unknown) =>
    fail(`Cannot read the mask file ${path}: ${reason(error)}.`),
  );
  const masks = parsed(text);
  if (!masks)
    fail(
      `${path} is not a mask file: it must be a JSON object of lists of true (kept) and false, by name of a group or parameter.`,
    );
  return masks;
}

/**
 * The selection that masks mean for a network. Where several parameters of a group have masks of their own, they vote
 * (`vote`); a unit of several positions goes if all of them do.
 * @throws UserError where a name is not known, a length does not fit, a position must stay, or an axis would be empty.
 */
export function selectionFrom(graph: Graph, channels: Channels, masks: Masks): Selection {
  const ofGroup = (name: string) =>
    channels.groups.some((g) => g.name === name && g.size === own(masks, name)?.length);
  const ofTensor = Object.keys(masks).filter((name) => !ofGroup(name));
  for (const name of ofTensor) checkTensor(withMembers(graph), channels, name, masks[name]);
  const selection = new Map<string, readonly boolean[]>();
  for (const { name, members } of channels.groups) {
    const ballots = members
      .filter(({ tensor, role }) => role !== 'in' && ofTensor.includes(tensor))
      .map(({ tensor, positions }) => positions.map((unit) => unit.every((at) => !masks[tensor][at])));
    if (ofGroup(name)) ballots.unshift(masks[name].map((kept) => !kept));
    if (ballots.length > 0)
      selection.set(
        name,
        vote(ballots).map((gone) => !gone),
      );
  }
  const [empty] = emptied(channels, selection);
  if (empty)
    fail(`The masks remove all units of ${empty.map((name) => `'${name}'`).join(', ')}; keep at least one.`);
  return selection;
}

/** How two selections of one network agree. */
export interface Comparison {
  group: string;
  units: number;
  /** Units that the first keeps, that the second keeps, and that both do. */
  kept: [first: number, second: number];
  both: number;
  /** Units that both would keep, on average, if each drew as many as it keeps by lot. */
  byChance: number;
  /** Units that are decided alike, as a fraction. */
  agreement: number;
}

/** Compares two selections, group by group, all groups. */
export function compareSelections(channels: Channels, first: Selection, second: Selection): Comparison[] {
  return channels.groups.map(({ name: group, size: units }) => {
    const [a, b] = [first, second].map(
      (selection) => selection.get(group) ?? new Array<boolean>(units).fill(true),
    );
    const count = (is: (unit: number) => boolean) => a.filter((_, unit) => is(unit)).length;
    const kept: Comparison['kept'] = [count((unit) => a[unit]), count((unit) => b[unit])];
    return {
      group,
      units,
      kept,
      byChance: (kept[0] * kept[1]) / units,
      both: count((unit) => a[unit] && b[unit]),
      agreement: count((unit) => a[unit] === b[unit]) / units,
    };
  });
}

function parsed(text: string): Masks | undefined {
  try {
    const masks: unknown = JSON.parse(text);
    const fits = (mask: unknown) => Array.isArray(mask) && mask.every((kept) => typeof kept === 'boolean');
    return isRecord(masks) && Object.values(masks).every(fits) ? (masks as Masks) : undefined;
  } catch {
    return undefined;
  }
}

/** Refuses a mask of a parameter that is not there, does not fit it, or removes what must stay. */
function checkTensor(
  { initializers }: Graph,
  { groups, frozen }: Channels,
  name: string,
  mask: readonly boolean[],
): void {
  const members = groups.flatMap((group) => group.members);
  const found = [...members, ...frozen].find(({ tensor, role }) => tensor === name && role !== 'in');
  if (!found) {
    const guess = nearest(name, [
      ...new Set([...groups, ...members.map(({ tensor }) => ({ name: tensor }))].map((has) => has.name)),
    ]);
    fail(
      `There is a mask for '${name}', but the model has no such group or parameter with channels of its own${guess ? ` (did you mean '${guess}'?)` : ''}; espalier inspect lists them.`,
    );
  }
  const length = initializers.get(name)?.shape[found.axis];
  if (mask.length !== length)
    fail(
      `The mask for '${name}' has ${mask.length} entries, but it has ${length} channels; it was made for another model.`,
    );
  const free = new Set(
    members
      .filter(({ tensor, axis }) => tensor === name && axis === found.axis)
      .flatMap(({ positions }) => positions.flat()),
  );
  const stuck = mask.findIndex((kept, at) => !kept && !free.has(at));
  if (stuck < 0) return;
  const why = frozen.find(({ tensor, axis }) => tensor === name && axis === found.axis)?.reason;
  fail(`The mask removes channel ${stuck} of '${name}', which must stay${why ? `: ${why}` : ''}.`);
}
