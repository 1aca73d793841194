/** masks: how alike two choices of channels are. */
import type { Command } from 'commander';
import { count, percent } from '../../base/index.js';
import { type ComparedMasks, compareMasks, groupSettings, modelSettings } from '../../runs/index.js';
import { define } from '../define.js';
import { left, right, spare, table } from '../table.js';

export function addMasks(program: Command, signal: AbortSignal): void {
  define(program, signal, {
    name: 'masks',
    argument: '[MASK...]',
    about: 'two runs that removed channels, or mask files',
    groups: { 'Model:': modelSettings, 'Channels:': groupSettings },
    recipes: false,
    examples: ['masks runs/h runs/i', 'masks one.json other.json --model mine.onnx'],
    async run({ given, argument }, face) {
      const result = await compareMasks({ ...given, masks: argument });
      face.result(result, describe(result));
    },
  });
}

function describe({ masks, groups, all }: ComparedMasks): string {
  const titles = [
    left('channels of'),
    ...['number', 'first keeps', 'second keeps', 'both keep'].map(right),
    spare('by chance'),
    right('decided alike'),
  ];
  const cells = ({ units, kept, both, byChance, agreement }: ComparedMasks['all']) => [
    ...[units, ...kept, both].map(count),
    byChance.toFixed(1),
    percent(agreement, 1),
  ];
  const rows = [...groups.map((group) => [group.group, ...cells(group)]), ['all', ...cells(all)]];
  return `${table(titles, rows)}\n\nFirst is ${masks[0]}, second ${masks[1]}. By chance: how many both would keep if each had drawn as many as it keeps by lot.`;
}
