/** What a run that removes channels shows: what was kept of every group, what stayed whole and why, what each layer costs. */

import { count, large } from '../base/index.js';
import type { Frozen } from '../channels/index.js';
import type { ChannelSummary } from '../runs/index.js';
import { drawOrdered, drawPairs, ORDER, type Pair } from './charts.js';
import { chart, html } from './page.js';
import { table, unfolding } from './table.js';
import { figureText } from './words.js';

/** Accuracy, a fraction, with a group cut to a density and the rest of the network whole. */
export interface SensitivityRow {
  group: string;
  density: number;
  accuracy: number;
}

/** The channels of every group, by its name: how many there were, and how many are kept. */
export const keptChart = (groups: readonly Pair[]): string =>
  chart('Channels kept per group', drawPairs(groups, 'channels', count));

/** Multiply-accumulates of every layer, in the order of the network. */
export const networkChart = (layers: readonly Pair[]): string =>
  chart('The network before and after', drawPairs(layers, 'MACs for one sample', large));

/** Accuracy against density, a curve for each group. */
export const sensitivityChart = (rows: readonly SensitivityRow[]): string =>
  chart(
    'Sensitivity',
    drawOrdered({
      points: rows.map(({ group, density, accuracy }) => ({ x: 100 * density, y: accuracy, series: group })),
      x: 'channels of the group kept, %',
      y: 'accuracy, %',
      percent: true,
    }),
    ORDER,
  );

/** How good the network was after each stage, on the test samples. */
export const stageTable = (stages: ChannelSummary['stages']): string =>
  table({
    caption: 'Metric and loss after each stage of the run',
    columns: ['stage', { title: 'what was done', words: true }, titleOf(stages), 'loss'],
    rows: stages.map(({ stage, what, ...figures }) => [
      html(stage),
      what,
      figureText(figures),
      figures.loss.toFixed(4),
    ]),
  });

const titleOf = (stages: ChannelSummary['stages']): string =>
  stages.some(({ accuracy }) => accuracy !== undefined) ? 'accuracy' : 'metric';

/** Every group, with what belongs to it. */
export const groupTable = (groups: ChannelSummary['groups']): string =>
  `<p>The channels of a group are removed or kept together in all of its tensors. The number after the colon is the axis (0, 1, …).</p>
${table({
  caption: 'Groups of channels',
  columns: [
    'group',
    'channels',
    'kept',
    { title: 'tensors', words: true },
    { title: 'why it was left whole', words: true },
  ],
  rows: groups.map(({ name, before, after, members, spared }) => [
    html(name),
    count(before),
    count(after),
    unfolding(count(members.length), members),
    html(spared ?? ''),
  ]),
})}`;

/** What stays whole, gathered by the reason why. */
export function wholeTable(frozen: readonly Frozen[]): string {
  if (frozen.length === 0) return '<p>Every channel may be removed.</p>';
  const reasons = new Map<string, Set<string>>();
  for (const { tensor, role, axis, reason } of frozen)
    reasons.set(reason, (reasons.get(reason) ?? new Set()).add(`${tensor}, ${SIDES[role]} (axis ${axis})`));
  return table({
    caption: 'What stays whole, by reason',
    columns: [
      { title: 'reason', words: true },
      { title: 'axes', words: true },
    ],
    rows: [...reasons].map(([reason, axes]) => [html(reason), unfolding(count(axes.size), [...axes])]),
  });
}

const SIDES: Record<Frozen['role'], string> = {
  out: 'what it produces',
  in: 'what it consumes',
  along: 'one number for each channel',
};
