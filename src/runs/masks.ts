/** How alike two choices of channels are. */

import { stat } from 'node:fs/promises';
import { fail } from '../base/index.js';
import {
  type Comparison,
  compareSelections,
  findChannels,
  readMasks,
  selectionFrom,
} from '../channels/index.js';
import { runFolder } from './folder.js';
import type { groupSettings, Values } from './settings.js';
import { type ModelOptions, openModel } from './task.js';

export interface CompareMasksOptions extends Omit<ModelOptions, 'model'>, Values<typeof groupSettings> {
  /** Two mask files, or runs that removed channels. */
  masks: readonly string[];
  /** What they were made for; default the model that the first of the runs started with. */
  model?: string;
}

export interface ComparedMasks {
  model: string;
  masks: readonly [string, string];
  groups: readonly Comparison[];
  /** Of all groups together. */
  all: Omit<Comparison, 'group'>;
}

/** @throws UserError when a mask or the model cannot be read, or they do not fit each other. */
export async function compareMasks(options: CompareMasksOptions): Promise<ComparedMasks> {
  const { masks, heads, ignore, freeze } = options;
  if (masks.length !== 2)
    fail(
      `Give two masks to compare, not ${masks.length}: name two runs that removed channels, or mask files.`,
    );
  const places = await Promise.all(masks.map(placesOf));
  const model =
    options.model ??
    places.find(({ start }) => start)?.start ??
    fail('The model that the masks were made for is missing: give --model.');
  const { graph, inputShapes } = await openModel({ ...options, model });
  const channels = findChannels(graph, { inputShapes, heads, ignore, freeze });
  const [first, second] = await Promise.all(
    places.map(async ({ mask }) => selectionFrom(graph, channels, await readMasks(mask))),
  );
  const groups = compareSelections(channels, first, second);
  return { model, masks: [masks[0], masks[1]], groups, all: together(groups) };
}

/** A run's mask and the model that it started with, or a mask file. */
async function placesOf(path: string): Promise<{ mask: string; start?: string }> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder ? runFolder(path) : { mask: path };
}

function together(groups: readonly Comparison[]): Omit<Comparison, 'group'> {
  const sum = (of: (group: Comparison) => number) => groups.reduce((total, group) => total + of(group), 0);
  const units = sum((group) => group.units);
  return {
    units,
    kept: [sum(({ kept }) => kept[0]), sum(({ kept }) => kept[1])],
    both: sum(({ both }) => both),
    byChance: sum(({ byChance }) => byChance),
    agreement: units ? sum((group) => group.agreement * group.units) / units : 1,
  };
}
